import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { startOnvifCamera } from '../support/onvif-camera.ts';
import { withGateway } from '../support/with-gateway.ts';

test('cameras of the network are found over the API, one discovery at a time', () => withGateway({}, async ({ call }) => {
  const camera = await startOnvifCamera({ isDiscoverable: true });
  try {
    const looking = call('GET', '/api/v1/discovery?seconds=1');
    const second = await call('GET', '/api/v1/discovery?seconds=1');
    assert.equal([second.status, second.json['code']], [429, 'OVERLOADED']);
    const { status, json } = await looking;
    assert.is(status, 200);
    assert.ok((json['devices'] as readonly { readonly id: string; readonly uri: string }[]).some(({ id, uri }) => id === `urn:uuid:${camera.traits.uuid}` && uri.endsWith(`:${camera.port}/`)));
    assert.is((await call('GET', '/api/v1/discovery?seconds=1&interface=lo')).status, 200, 'the next one may look');
  } finally {
    await camera.close();
  }
}));

test('wrong questions are refused', () => withGateway({}, async ({ call }) => {
  for (const query of ['seconds=0', 'seconds=99', 'seconds=x', 'what=1', 'interface=nope0']) assert.equal([(await call('GET', `/api/v1/discovery?${query}`)).status], [400], query);
}));

test.run();
