import { TestScheduler } from 'rxjs/testing';
import * as assert from 'uvu/assert';

/** A scheduler of virtual time that compares with uvu's assert: https://rxjs.dev/guide/testing/marble-testing */
export function marbles(): TestScheduler {
  return new TestScheduler((actual, expected) => { assert.equal(actual, expected); });
}
