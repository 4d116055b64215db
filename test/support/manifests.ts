import { globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { readYaml } from './plain-yaml.ts';
import { ROOT } from './source-files.ts';

/** A Kubernetes object, as far as the tests look into it. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly labels: Readonly<Record<string, string>> };
  readonly spec: Readonly<Record<string, unknown>>;
  readonly data?: Readonly<Record<string, string>>;
}

/** An object of k8s/ and where it stands. */
export interface Placed { readonly path: string; readonly folder: string; readonly manifest: Manifest }

/** The container that a workload runs. */
export interface Container {
  readonly image: string;
  readonly args: readonly string[];
  readonly env: readonly { readonly name: string; readonly value?: string; readonly valueFrom?: { readonly secretKeyRef: { readonly name: string; readonly key: string; readonly optional: boolean } } }[];
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string; readonly readOnly?: boolean }[];
  readonly resources: { readonly requests: Readonly<Record<string, string>>; readonly limits: Readonly<Record<string, string | number>> };
  readonly securityContext: Readonly<Record<string, unknown>>;
  readonly startupProbe: Probe;
  readonly livenessProbe: Probe;
  readonly readinessProbe: Probe;
}

/** How kubelet asks a container. */
export interface Probe { readonly httpGet: { readonly path: string; readonly port: string }; readonly periodSeconds: number; readonly failureThreshold: number }

/** The pod that a workload makes. */
export interface Pod {
  readonly metadata: { readonly labels: Readonly<Record<string, string>>; readonly annotations: Readonly<Record<string, string>> };
  readonly spec: {
    readonly terminationGracePeriodSeconds: number;
    readonly securityContext: Readonly<Record<string, unknown>>;
    readonly containers: readonly Container[];
    readonly volumes: readonly { readonly name: string; readonly emptyDir?: unknown; readonly configMap?: { readonly name: string }; readonly persistentVolumeClaim?: { readonly claimName: string } }[];
  };
}

/** Paths of every manifest, below the repository root. */
export function manifestPaths(): readonly string[] {
  return globSync('k8s/**/*.yaml', { cwd: ROOT }).map((path) => path.replaceAll('\\', '/')).sort();
}

/** Every object of k8s/. */
export function readManifests(): readonly Placed[] {
  return manifestPaths().flatMap((path) => readYaml(readFileSync(join(ROOT, path), 'utf8')).map((manifest) => ({ path, folder: dirname(path), manifest: manifest as unknown as Manifest })));
}
