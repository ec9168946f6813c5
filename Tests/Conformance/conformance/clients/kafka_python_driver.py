"""kafka-python: the protocol in Python, with threads."""

from __future__ import annotations

import logging
import time

import kafka
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.structs import OffsetAndMetadata

from ..model import Client, Member, Producer, Record

# Lost connections are part of the suite, not news.
logging.getLogger("kafka").setLevel(logging.CRITICAL)


def _record(message) -> Record:
    return Record(
        value=message.value, key=message.key, headers=tuple(message.headers), partition=message.partition, timestamp_ms=message.timestamp,
        offset=message.offset)


class PythonProducer(Producer):
    def __init__(self, topic: str, settings: dict, limit: float) -> None:
        self.topic, self.limit = topic, limit
        self.producer = KafkaProducer(**settings)
        self.futures: list = []

    def send(self, record: Record) -> None:
        self.futures.append(self.producer.send(
            self.topic, value=record.value, key=record.key, headers=list(record.headers), partition=record.partition,
            timestamp_ms=record.timestamp_ms))

    def flush(self) -> list[tuple[int, int]]:
        futures, self.futures = self.futures, []
        self.producer.flush(self.limit)
        done = [future.get(self.limit) for future in futures]
        return [(ack.partition, ack.offset) for ack in done]

    def close(self) -> None:
        self.producer.close(1)


class PythonMember(Member):
    def __init__(self, topic: str, settings: dict) -> None:
        self.topic = topic
        self.consumer = KafkaConsumer(topic, **settings)

    def poll(self) -> list[Record]:
        # Long, because 3.0.12 drops the assignment when a poll's time is up between the SyncGroup request and its answer: the member then keeps
        # its old partitions. A poll ends early when records come.
        return [_record(message) for messages in self.consumer.poll(1000).values() for message in messages]

    def assignment(self) -> set[int]:
        return {place.partition for place in self.consumer.assignment()}

    def commit(self, offsets: dict[int, int]) -> None:
        self.consumer.commit({TopicPartition(self.topic, p): OffsetAndMetadata(o, "", -1) for p, o in offsets.items()})

    def close(self) -> None:
        self.consumer.close(autocommit=False)


class KafkaPythonClient(Client):
    name = "kafka-python"

    def __init__(self, bootstrap: str) -> None:
        super().__init__(bootstrap)
        self.admin = KafkaAdminClient(**self._settings())

    def version(self) -> str:
        return kafka.__version__

    def _settings(self, **more) -> dict:
        return {"bootstrap_servers": self.bootstrap, "reconnect_backoff_ms": 20, "reconnect_backoff_max_ms": 200, "retry_backoff_ms": 50} | more

    def create_topic(self, topic: str, partitions: int, configs: dict[str, str]) -> None:
        self.admin.create_topics({topic: {"num_partitions": partitions, "replication_factor": 1, "configs": configs}}, timeout_ms=int(self.limit * 1000))

    def delete_topic(self, topic: str) -> None:
        self.admin.delete_topics([topic], timeout_ms=int(self.limit * 1000))

    def add_partitions(self, topic: str, total: int) -> None:
        self.admin.create_partitions({topic: total}, timeout_ms=int(self.limit * 1000))

    def producer(self, topic: str, *, codec="none", idempotent=False, max_bytes=1_000_000, bootstrap=None) -> Producer:
        return PythonProducer(
            topic,
            self._settings(
                bootstrap_servers=bootstrap or self.bootstrap, compression_type=None if codec == "none" else codec, enable_idempotence=idempotent,
                max_request_size=max_bytes, acks="all", linger_ms=1, batch_size=self.batch_bytes),
            self.limit)

    def _consumer(self, **more) -> dict:
        return self._settings(
            auto_offset_reset="earliest", enable_auto_commit=False, fetch_max_wait_ms=100, metadata_max_age_ms=self.metadata_age_ms,
            max_partition_fetch_bytes=4 << 20, **more)

    def read(self, topic: str, count: int, *, partitions: int = 1, offset: int = 0) -> list[Record]:
        consumer = KafkaConsumer(**self._consumer())
        try:
            places = [TopicPartition(topic, partition) for partition in range(partitions)]
            consumer.assign(places)
            for place in places:
                consumer.seek(place, offset)
            found: list[Record] = []
            deadline = time.monotonic() + self.limit
            while len(found) < count and time.monotonic() < deadline:
                for messages in consumer.poll(200, max_records=count - len(found)).values():
                    found += [_record(message) for message in messages]
            return found
        finally:
            consumer.close()

    def offset_for_time(self, topic: str, partition: int, timestamp_ms: int) -> int | None:
        consumer = KafkaConsumer(**self._consumer())
        try:
            place = TopicPartition(topic, partition)
            found = consumer.offsets_for_times({place: timestamp_ms})[place]
            return found.offset if found is not None and found.offset >= 0 else None
        finally:
            consumer.close()

    def member(self, group: str, topic: str) -> Member:
        return PythonMember(topic, self._consumer(
            group_id=group, session_timeout_ms=self.session_timeout_ms, heartbeat_interval_ms=self.heartbeat_ms))

    def close(self) -> None:
        self.admin.close()
