"""confluent-kafka, which brings a librdkafka of its own."""

from __future__ import annotations

import time

import confluent_kafka as ck
from confluent_kafka.admin import AdminClient, NewPartitions, NewTopic

from ..model import Client, Member, Producer, Record


def _record(message) -> Record:
    if message.error():
        raise ck.KafkaException(message.error())
    kind, time_ms = message.timestamp()
    return Record(
        value=message.value(), key=message.key(), headers=tuple(message.headers() or ()), partition=message.partition(),
        timestamp_ms=None if kind == ck.TIMESTAMP_NOT_AVAILABLE else time_ms, offset=message.offset())


class ConfluentProducer(Producer):
    def __init__(self, topic: str, settings: dict, limit: float) -> None:
        self.topic, self.limit = topic, limit
        self.producer = ck.Producer(settings)
        self.acks: list[tuple[int, int]] = []
        self.failed: list = []

    def _delivered(self, error, message) -> None:
        if error:
            self.failed.append(error)
        else:
            self.acks.append((message.partition(), message.offset()))

    def send(self, record: Record) -> None:
        place = {} if record.partition is None else {"partition": record.partition}
        if record.timestamp_ms is not None:
            place["timestamp"] = record.timestamp_ms
        self.producer.produce(self.topic, value=record.value, key=record.key, headers=list(record.headers) or None, on_delivery=self._delivered, **place)

    def flush(self) -> list[tuple[int, int]]:
        left = self.producer.flush(self.limit)
        if left or self.failed:
            raise RuntimeError(f"{left} records not acknowledged, {len(self.failed)} refused: {self.failed[:1]}")
        acks, self.acks = self.acks, []
        return acks

    def close(self) -> None:
        self.producer.purge()
        self.producer.flush(1)


class ConfluentMember(Member):
    def __init__(self, topic: str, settings: dict) -> None:
        self.topic = topic
        self.consumer = ck.Consumer(settings)
        self.consumer.subscribe([topic])

    def poll(self) -> list[Record]:
        messages = self.consumer.consume(500, 0.1)
        return [_record(message) for message in messages]

    def assignment(self) -> set[int]:
        return {place.partition for place in self.consumer.assignment()}

    def commit(self, offsets: dict[int, int]) -> None:
        self.consumer.commit(offsets=[ck.TopicPartition(self.topic, p, o) for p, o in offsets.items()], asynchronous=False)

    def close(self) -> None:
        self.consumer.close()


class ConfluentClient(Client):
    name = "confluent-kafka"

    def __init__(self, bootstrap: str) -> None:
        super().__init__(bootstrap)
        self.admin = AdminClient(self._settings())

    def version(self) -> str:
        return f"{ck.__version__} (librdkafka {ck.libversion()[0]})"

    def _settings(self, **more) -> dict:
        base = {
            "bootstrap.servers": self.bootstrap, "reconnect.backoff.ms": 20, "reconnect.backoff.max.ms": 200, "retry.backoff.ms": 50,
            # Lost connections are part of the suite, not news.
            "log_level": 2,
        }
        return base | more

    def _wait(self, futures: dict) -> None:
        for future in futures.values():
            future.result(self.limit)

    def create_topic(self, topic: str, partitions: int, configs: dict[str, str]) -> None:
        self._wait(self.admin.create_topics([NewTopic(topic, num_partitions=partitions, replication_factor=1, config=configs)]))

    def delete_topic(self, topic: str) -> None:
        self._wait(self.admin.delete_topics([topic]))

    def add_partitions(self, topic: str, total: int) -> None:
        self._wait(self.admin.create_partitions([NewPartitions(topic, total)]))

    def producer(self, topic: str, *, codec="none", idempotent=False, max_bytes=1_000_000, bootstrap=None) -> Producer:
        settings = self._settings(**{
            "compression.type": codec, "enable.idempotence": idempotent, "message.max.bytes": max_bytes, "linger.ms": 1, "acks": "all",
            "batch.size": self.batch_bytes})
        settings["bootstrap.servers"] = bootstrap or self.bootstrap
        return ConfluentProducer(topic, settings, self.limit)

    def _consumer(self, group: str, **more) -> dict:
        return self._settings(**{
            "group.id": group, "auto.offset.reset": "earliest", "enable.auto.commit": False, "fetch.wait.max.ms": 100,
            "fetch.message.max.bytes": 4 << 20, "topic.metadata.refresh.interval.ms": self.metadata_age_ms} | more)

    def read(self, topic: str, count: int, *, partitions: int = 1, offset: int = 0) -> list[Record]:
        consumer = ck.Consumer(self._consumer("unused"))
        try:
            consumer.assign([ck.TopicPartition(topic, partition, offset) for partition in range(partitions)])
            found: list[Record] = []
            deadline = time.monotonic() + self.limit
            while len(found) < count and time.monotonic() < deadline:
                found += [_record(message) for message in consumer.consume(count - len(found), 0.2)]
            return found
        finally:
            consumer.close()

    def offset_for_time(self, topic: str, partition: int, timestamp_ms: int) -> int | None:
        consumer = ck.Consumer(self._consumer("unused"))
        try:
            place, = consumer.offsets_for_times([ck.TopicPartition(topic, partition, timestamp_ms)], timeout=self.limit)
            if place.error:
                raise ck.KafkaException(place.error)
            return place.offset if place.offset >= 0 else None
        finally:
            consumer.close()

    def member(self, group: str, topic: str) -> Member:
        return ConfluentMember(topic, self._consumer(group, **{
            "session.timeout.ms": self.session_timeout_ms, "heartbeat.interval.ms": self.heartbeat_ms}))
