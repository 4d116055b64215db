"""Readers and writers of our records that are not ours: confluent-kafka-python with its AvroDeserializer (Apache-2.0), and fastavro (MIT).

Usage: outside-clients.py kafka BROKERS REGISTRY_URL TOPIC COUNT   reads COUNT records of TOPIC, committed ones only
       outside-clients.py file SCHEMA RECORD                       reads one record, Avro bytes without framing, by its schema
       outside-clients.py write REGISTRY_URL TOPIC SCHEMA JSON     writes a record as AvroSerializer does, registering its schema

Prints a line of JSON for each record: {key, headers, partition, value}, or the value alone. Bytes, and records written, are hex, times are microseconds since 1970.
"""
import datetime
import json
import sys

EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


def plain(value):
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, datetime.datetime):
        return (value - EPOCH) // datetime.timedelta(microseconds=1)
    raise TypeError(type(value))


def say(value):
    print(json.dumps(value, default=plain), flush=True)


def read_topic(brokers, registry_url, topic, count):
    from confluent_kafka import Consumer
    from confluent_kafka.schema_registry import SchemaRegistryClient
    from confluent_kafka.schema_registry.avro import AvroDeserializer
    from confluent_kafka.serialization import MessageField, SerializationContext

    deserialize = AvroDeserializer(SchemaRegistryClient({"url": registry_url}))
    consumer = Consumer({
        "bootstrap.servers": brokers, "group.id": "outside-reader", "auto.offset.reset": "earliest", "enable.auto.commit": False,
        "isolation.level": "read_committed",
    })
    consumer.subscribe([topic])
    for _ in range(count):
        message = consumer.poll(30)
        if message is None or message.error():
            sys.exit("no record" if message is None else str(message.error()))
        headers = message.headers() or []
        say({
            "key": message.key().decode(), "headers": {name: value.decode() for name, value in headers}, "partition": message.partition(),
            "value": deserialize(message.value(), SerializationContext(topic, MessageField.VALUE, headers)),
        })
    consumer.close()


def read_file(schema, record):
    import fastavro

    with open(record, "rb") as opened:
        say(fastavro.schemaless_reader(opened, fastavro.schema.load_schema(schema), None))
        if opened.read(1):
            sys.exit("bytes after the record")


def write_value(registry_url, topic, schema, record):
    from confluent_kafka.schema_registry import SchemaRegistryClient
    from confluent_kafka.schema_registry.avro import AvroSerializer
    from confluent_kafka.serialization import MessageField, SerializationContext

    with open(schema) as opened:
        serialize = AvroSerializer(SchemaRegistryClient({"url": registry_url}), opened.read())
    say(serialize(json.loads(record), SerializationContext(topic, MessageField.VALUE)))


if sys.argv[1] == "kafka":
    read_topic(sys.argv[2], sys.argv[3], sys.argv[4], int(sys.argv[5]))
elif sys.argv[1] == "write":
    write_value(*sys.argv[2:6])
else:
    read_file(sys.argv[2], sys.argv[3])
