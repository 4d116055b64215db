import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { HOST_GROUPS } from '../../actors/host/serve-host.ts';
import type { VisionDuty } from '../../actors/vision/duties.ts';
import { parseArguments } from '../../src/cli/arguments.ts';
import { topicName } from '../../src/messages/topics.ts';
import { ENDPOINTS } from '../../src/serving-ops/endpoints.ts';
import { isLoopbackHost } from '../../src/serving-ops/host-guard.ts';
import { parseByteSize } from '../../src/utility-ops/config/byte-size.ts';
import { loadConfig } from '../../src/utility-ops/config/load-config.ts';
import { planNode } from '../../src/utility-ops/config/node-roles.ts';
import type { Config } from '../../src/utility-ops/config/schema.ts';
import { readManifests, type Container, type Manifest, type Placed, type Pod } from '../support/manifests.ts';
import { ROOT } from '../support/source-files.ts';

const all = readManifests();
const workloads = all.filter(({ manifest }) => manifest.kind === 'Deployment' || manifest.kind === 'StatefulSet');
const cwd = mkdtempSync(join(tmpdir(), 'vto-k8s-'));
test.after(() => rmSync(cwd, { recursive: true }));

const podOf = ({ spec }: Manifest): Pod => spec['template'] as Pod;
const named = (kind: string, name: string): Manifest | undefined => all.find(({ manifest }) => manifest.kind === kind && manifest.metadata.name === name)?.manifest;
const containerOf = (manifest: Manifest): Container => podOf(manifest).spec.containers[0]!;

/** The settings of a pod: the file of the ConfigMap, and the container's environment with a password for each secret. */
function configOf(manifest: Manifest): Config {
  const file = join(cwd, 'cluster.toml');
  writeFileSync(file, named('ConfigMap', 'vto-config')!.data!['cluster.toml']!);
  const environment = Object.fromEntries(containerOf(manifest).env.map(({ name, value }) => [name, value ?? 'secret']));
  return loadConfig({ cwd, files: [file], environment });
}

/** Every workload, named when it fails. */
function eachWorkload(check: (manifest: Manifest, placed: Placed) => void): void {
  assert.ok(workloads.length >= 7);
  for (const placed of workloads) {
    try {
      check(placed.manifest, placed);
    } catch (error) {
      throw new Error(`${placed.path} ${placed.manifest.metadata.name}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
    }
  }
}

test('every variable of a pod is a setting, and its roles work together', () => {
  eachWorkload((manifest, { folder }) => {
    const config = configOf(manifest);
    const plan = planNode(config);
    assert.ok(plan.isCluster);
    assert.is(config.vision.isSplit, folder === 'k8s/split');
    const role = manifest.metadata.labels['app.kubernetes.io/component']!;
    assert.is({ camera: plan.hasCameras && plan.keepsRecordings, featurizer: plan.makesFeatures, detector: plan.detects, 'detector-gpu': plan.detects, gateway: plan.serves }[role], true, role);
    assert.is(config.kafka.saslPassword, 'secret');
  });
});

test('every pod runs this version with arguments that vto takes and the file of the ConfigMap', () => {
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };
  eachWorkload((manifest) => {
    const { image, args, volumeMounts } = containerOf(manifest);
    assert.is(image, `visutility/vto:${version}`);
    const invocation = parseArguments(args, '/');
    assert.is(invocation.command, 'start');
    const { mountPath, name } = volumeMounts.find(({ name: volume }) => volume === 'config')!;
    assert.equal(invocation.command === 'start' ? invocation.configFiles : [], [`${mountPath}/cluster.toml`]);
    assert.is(podOf(manifest).spec.volumes.find((volume) => volume.name === name)?.configMap?.name, 'vto-config');
  });
});

test('ports are those of the API, which other machines reach, and probes ask for paths that are served', () => {
  const paths = new Set(ENDPOINTS.filter(({ method }) => method === 'GET').map(({ path }) => path));
  eachWorkload((manifest) => {
    const { ports, startupProbe, livenessProbe, readinessProbe } = containerOf(manifest);
    const { serving } = configOf(manifest);
    assert.equal(ports, [{ name: 'http', containerPort: serving.httpPort }]);
    assert.not.ok(isLoopbackHost(serving.httpHost));
    for (const probe of [startupProbe, livenessProbe, readinessProbe]) assert.ok(probe.httpGet.port === 'http' && paths.has(probe.httpGet.path), probe.httpGet.path);
    assert.equal([livenessProbe.httpGet.path, readinessProbe.httpGet.path], ['/healthz', '/readyz']);
    assert.ok(startupProbe.periodSeconds * startupProbe.failureThreshold >= 120, 'a model may take two minutes to load');
    const { annotations } = podOf(manifest).metadata;
    assert.equal([annotations['prometheus.io/port'], paths.has(annotations['prometheus.io/path']!)], [String(serving.httpPort), true]);
  });
  const services = all.filter(({ manifest }) => manifest.kind === 'Service');
  assert.ok(services.length > 0);
  for (const { manifest: { spec } } of services) {
    assert.equal((spec['ports'] as { targetPort: string }[]).map(({ targetPort }) => targetPort), ['http']);
    assert.is(workloads.filter(({ manifest }) => selects(spec['selector'], manifest)).length, 1);
  }
});

test('a pod may write where it must and nowhere else, as nobody special', () => {
  eachWorkload((manifest) => {
    const { spec } = podOf(manifest);
    const { volumeMounts, securityContext } = containerOf(manifest);
    assert.equal(securityContext, { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } });
    assert.equal([spec.securityContext['runAsNonRoot'], spec.securityContext['seccompProfile']], [true, { type: 'RuntimeDefault' }]);
    const claims = (manifest.spec['volumeClaimTemplates'] as { metadata: { name: string } }[] | undefined)?.map(({ metadata }) => metadata.name) ?? [];
    assert.equal(volumeMounts.map(({ name }) => name).toSorted(), [...spec.volumes.map(({ name }) => name), ...claims].toSorted());
    const writable = volumeMounts.filter(({ readOnly }) => readOnly !== true).map(({ mountPath }) => mountPath).toSorted();
    assert.equal(writable, ['/tmp', configOf(manifest).data].toSorted(), 'sockets in /tmp, the rest in the data folder');
    assert.ok(spec.terminationGracePeriodSeconds >= 10, 'a stop takes 3 s');
  });
});

test('what must outlast a pod is on a claim, with more room than the settings use', () => {
  const camera = named('StatefulSet', 'vto-camera')!;
  const [claim] = camera.spec['volumeClaimTemplates'] as { metadata: { name: string }; spec: { resources: { requests: { storage: string } } } }[];
  assert.is(claim?.metadata.name, containerOf(camera).volumeMounts.find(({ mountPath }) => mountPath === configOf(camera).data)?.name);
  assert.ok(parseByteSize(`${claim!.spec.resources.requests.storage}B`) > 1.1 * configOf(camera).recording.maxBytes);
  assert.is(camera.spec['serviceName'], named('Service', 'vto-camera')!.metadata.name);
  const gateway = named('Deployment', 'vto-gateway')!;
  const volume = podOf(gateway).spec.volumes.find(({ name }) => name === 'data');
  assert.ok(named('PersistentVolumeClaim', volume?.persistentVolumeClaim?.claimName ?? ''));
  assert.equal([gateway.spec['replicas'], gateway.spec['strategy']], [1, { type: 'Recreate' }], 'one pod at a time has the disk');
});

test('every workload selects its own pods, and each disruption budget those of one workload of its folder', () => {
  eachWorkload((manifest, { folder }) => {
    const alike = workloads.filter((other) => (other.folder === folder || folder === 'k8s' || other.folder === 'k8s') && selects((manifest.spec['selector'] as { matchLabels: unknown }).matchLabels, other.manifest));
    assert.equal(alike.map((other) => other.manifest.metadata.name), [manifest.metadata.name]);
  });
  const budgets = all.filter(({ manifest }) => manifest.kind === 'PodDisruptionBudget');
  assert.is(budgets.length, 5);
  for (const { folder, manifest } of budgets) {
    const { matchLabels } = manifest.spec['selector'] as { matchLabels: unknown };
    assert.equal(workloads.filter((other) => other.folder === folder && selects(matchLabels, other.manifest)).map((other) => other.manifest.metadata.name), [manifest.metadata.name]);
  }
});

test('a GPU is asked for where the settings use one, and only there', () => {
  eachWorkload((manifest) => {
    const { modelOps } = configOf(manifest);
    assert.is(containerOf(manifest).resources.limits['nvidia.com/gpu'], modelOps.providers.includes('cuda') ? modelOps.gpuPool : undefined);
  });
  assert.is(workloads.filter(({ manifest }) => manifest.metadata.name === 'vto-detector-gpu').length, 2);
});

test('scaling watches the brokers, groups and topics of the settings, and never makes more pods than partitions', () => {
  const scaled = all.filter(({ manifest }) => manifest.kind === 'ScaledObject');
  assert.is(scaled.length, 3);
  for (const { path, manifest: { spec } } of scaled) {
    const { name } = spec['scaleTargetRef'] as { name: string };
    const target = workloads.find(({ folder, manifest }) => folder === path.replace('keda/', '').replace('.yaml', '') && manifest.metadata.name === name);
    assert.ok(target, `${path} scales ${name}`);
    const { kafka, vision } = configOf(target.manifest);
    const [{ metadata, type }] = spec['triggers'] as [{ type: string; metadata: Record<string, string> }];
    const duty: VisionDuty = name === 'vto-featurizer' ? 'featurizer' : vision.isSplit ? 'detector' : 'fused';
    assert.equal([type, metadata['bootstrapServers'], metadata['consumerGroup'], metadata['topic']], [
      'kafka', kafka.brokers.join(','), `${kafka.topicPrefix}.${HOST_GROUPS[duty]}`, topicName(kafka.topicPrefix, duty === 'detector' ? 'features' : 'chunks'),
    ]);
    assert.is(spec['maxReplicaCount'], kafka.partitions);
    assert.is(metadata['limitToPartitionsWithLag'], 'true');
  }
});

/** True when labels of a selector are those of the workload's pods. */
function selects(labels: unknown, workload: Manifest): boolean {
  const own = podOf(workload).metadata.labels;
  return Object.entries(labels as Record<string, string>).every(([key, value]) => own[key] === value);
}

test.run();
