import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { manifestValidator } from '../support/kubernetes-schemas.ts';
import { manifestPaths } from '../support/manifests.ts';
import { readYaml } from '../support/plain-yaml.ts';
import { ROOT } from '../support/source-files.ts';

const validator = manifestValidator(process.env['CI'] === 'true');
const folder = mkdtempSync(join(tmpdir(), 'vto-manifests-'));
test.after(() => rmSync(folder, { recursive: true }));

if (typeof validator === 'string') console.log(`SKIP: manifests by the schemas of Kubernetes and KEDA: ${validator}`);
else {
  const verdicts = validator.validate(manifestPaths().map((path) => join(ROOT, path)));

  test('every manifest is strictly valid, on the oldest and the newest Kubernetes, and KEDA\'s by its own definitions', () => {
    assert.equal(verdicts.filter(({ wrong }) => wrong !== ''), []);
    assert.is(verdicts.length, manifestPaths().flatMap((path) => readYaml(readFileSync(join(ROOT, path), 'utf8'))).length);
    assert.is(verdicts.filter(({ kind }) => kind === 'ScaledObject').length, 3);
  });

  test('our own reader of manifests sees what a full one sees', () => {
    for (const path of manifestPaths()) {
      const full = verdicts.filter((verdict) => verdict.path === join(ROOT, path)).map(({ document }) => document);
      assert.equal(readYaml(readFileSync(join(ROOT, path), 'utf8')), full, path);
    }
  });

  test('the validator sees a field that does not exist, a wrong type and an unknown kind', () => {
    const wrongOf = (path: string, from: string, to: string): string => {
      const text = readFileSync(join(ROOT, path), 'utf8');
      assert.ok(text.includes(from));
      const file = join(folder, 'wrong.yaml');
      writeFileSync(file, text.replace(from, to));
      return validator.validate([file]).map(({ wrong }) => wrong).join();
    };
    assert.match(wrongOf('k8s/fused/detector.yaml', 'readinessProbe:', 'readynessProbe:'), /readynessProbe/);
    assert.match(wrongOf('k8s/gateway.yaml', 'replicas: 1', 'replicas: "1"'), /not of type/);
    assert.match(wrongOf('k8s/keda/fused.yaml', 'maxReplicaCount:', 'maxReplicas:'), /maxReplicas/);
    assert.match(wrongOf('k8s/keda/fused.yaml', 'kind: ScaledObject', 'kind: ScaledThing'), /ScaledThing/);
  });
}

test.run();
