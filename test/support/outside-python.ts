import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** What `outside-clients.py` imports, as pip names it. */
export const OUTSIDE_READERS = ['confluent-kafka[avro,schemaregistry]==2.16.0'] as const;

/** The virtual environment that CI installs them into. */
export const OUTSIDE_ENVIRONMENT = fileURLToPath(new URL('../../node_modules/.cache/outside-readers/', import.meta.url));

const IMPORTS = 'import fastavro; from confluent_kafka import Consumer; from confluent_kafka.schema_registry.avro import AvroDeserializer';

/** A Python that can run `outside-clients.py`: that of `VTO_TEST_PYTHON`, of CI, or the machine's; undefined when none can. */
export function outsidePython(): string | undefined {
  const candidates = [process.env['VTO_TEST_PYTHON'] ?? [], `${OUTSIDE_ENVIRONMENT}bin/python`, 'python3'].flat();
  return candidates.find((python) => spawnSync(python, ['-c', IMPORTS], { stdio: 'ignore' }).status === 0);
}
