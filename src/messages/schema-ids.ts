import type avro from 'avsc';
import { schemaHistory, type SchemaVersion, type TopicName } from './schema-history.ts';

/** Which schema the id in front of a record stands for. */
export interface SchemaIds {
  /** Id of the current schema, which records are written with. */
  idOf(topic: TopicName): number;
  /** A schema of the topic by its id; undefined: not known. */
  schemaOf(topic: TopicName, id: number): avro.schema.RecordType | undefined;
  /** Asks for an id that is not known, where there is whom to ask. True: it is known now. @throws PlatformError REGISTRY_UNAVAILABLE, REGISTRY_REFUSED */
  learn?(topic: TopicName, id: number): Promise<boolean>;
}

/** Ids that follow from the schemas themselves: every installation has the same, without a Schema Registry. */
export function fixedSchemaIds(): SchemaIds {
  return {
    idOf: (topic) => currentSchema(topic).id,
    schemaOf: (topic, id) => schemaHistory(topic).find((version) => version.id === id)?.schema,
  };
}

/** The schema that records of a topic are written with. */
export function currentSchema(topic: TopicName): SchemaVersion {
  const newest = schemaHistory(topic).at(-1);
  if (newest === undefined) throw new Error(`schemas/avro/history/${topic} is empty: npm run generate`);
  return newest;
}
