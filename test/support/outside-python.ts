import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** What tests and benches run that is written in Python, as pip names it, and what shows that it is there. */
export const OUTSIDE_PACKAGES = {
  /** `outside-clients.py`. */
  readers: { packages: ['confluent-kafka[avro,schemaregistry]==2.16.0'], imports: 'import fastavro; from confluent_kafka import Consumer; from confluent_kafka.schema_registry.avro import AvroDeserializer' },
  /** `onnx-checker.py`. */
  onnx: { packages: ['onnx==1.23.2'], imports: 'import onnx.checker' },
  /** `bench/support/plain-script.py`. */
  opencv: { packages: ['opencv-python-headless==4.14.0.94', 'onnxruntime==1.30.0', 'numpy==2.4.6'], imports: 'import cv2, numpy, onnxruntime' },
} as const;

/** A purpose of Python here. */
export type OutsidePurpose = keyof typeof OUTSIDE_PACKAGES;

/** The virtual environment that CI installs them into. */
export const OUTSIDE_ENVIRONMENT = fileURLToPath(new URL('../../node_modules/.cache/outside-python/', import.meta.url));

/** A Python that has what the purpose needs: that of `VTO_TEST_PYTHON`, of CI, or the machine's; undefined when none has. */
export function outsidePython(purpose: OutsidePurpose): string | undefined {
  const candidates = [process.env['VTO_TEST_PYTHON'] ?? [], `${OUTSIDE_ENVIRONMENT}bin/python`, 'python3'].flat();
  return candidates.find((python) => spawnSync(python, ['-c', OUTSIDE_PACKAGES[purpose].imports], { stdio: 'ignore' }).status === 0);
}

/** Makes the virtual environment and installs what the purposes need. Says what failed. */
export function installOutside(purposes: readonly OutsidePurpose[]): void {
  const packages = purposes.flatMap((purpose) => OUTSIDE_PACKAGES[purpose].packages);
  console.log(`installing ${packages.join(' ')}`);
  for (const [program, ...args] of [['python3', '-m', 'venv', OUTSIDE_ENVIRONMENT], [`${OUTSIDE_ENVIRONMENT}bin/pip`, 'install', '--quiet', ...packages]] as const) {
    const { status } = spawnSync(program, args, { stdio: 'inherit' });
    if (status !== 0) console.log(`${program} ${args.join(' ')} ended with ${status}: what needs it will say SKIP`);
  }
}
