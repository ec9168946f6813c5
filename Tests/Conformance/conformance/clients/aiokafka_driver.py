"""aiokafka: the protocol in Python, on asyncio. One event loop in a thread of its own runs all of it."""

from __future__ import annotations

import asyncio
import logging
import threading
import time

import aiokafka
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic

from ..model import Client, Member, Producer, Record

# Lost connections are part of the suite, not news.
logging.getLogger("aiokafka").setLevel(logging.CRITICAL)


class Loop:
    """Runs coroutines for threads."""

    def __init__(self, limit: float) -> None:
        self.limit = limit
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, name="aiokafka", daemon=True).start()

    def run(self, work):
        return asyncio.run_coroutine_threadsafe(asyncio.wait_for(work, self.limit), self.loop).result()

    def make(self, kind, *arguments, **settings):
        """Constructs on the loop and starts."""

        async def start():
            made = kind(*arguments, **settings)
            await made.start()
            return made

        return self.run(start())


def _record(message) -> Record:
    return Record(
        value=message.value, key=message.key, headers=tuple(message.headers), partition=message.partition, timestamp_ms=message.timestamp,
        offset=message.offset)


def _check(answer) -> None:
    """aiokafka's admin leaves the errors of single topics in the answer."""
    for part in getattr(answer, "topic_errors", None) or getattr(answer, "topic_error_codes", None) or ():
        if part[1]:
            raise RuntimeError(f"{part[0]}: error {part[1]}")


class AioProducer(Producer):
    def __init__(self, loop: Loop, topic: str, settings: dict) -> None:
        self.loop, self.topic = loop, topic
        self.producer = loop.make(AIOKafkaProducer, **settings)
        self.futures: list = []

    def send(self, record: Record) -> None:
        self.futures.append(self.loop.run(self.producer.send(
            self.topic, value=record.value, key=record.key, headers=list(record.headers), partition=record.partition,
            timestamp_ms=record.timestamp_ms)))

    def flush(self) -> list[tuple[int, int]]:
        async def all_of(futures):
            return await asyncio.gather(*futures)

        futures, self.futures = self.futures, []
        return [(ack.partition, ack.offset) for ack in self.loop.run(all_of(futures))]

    def close(self) -> None:
        self.loop.run(self.producer.stop())


class AioMember(Member):
    def __init__(self, loop: Loop, topic: str, settings: dict) -> None:
        self.loop, self.topic = loop, topic
        self.consumer = loop.make(AIOKafkaConsumer, topic, **settings)

    def poll(self) -> list[Record]:
        got = self.loop.run(self.consumer.getmany(timeout_ms=100))
        return [_record(message) for messages in got.values() for message in messages]

    def assignment(self) -> set[int]:
        return {place.partition for place in self.consumer.assignment()}

    def commit(self, offsets: dict[int, int]) -> None:
        self.loop.run(self.consumer.commit({TopicPartition(self.topic, p): o for p, o in offsets.items()}))

    def close(self) -> None:
        self.loop.run(self.consumer.stop())


class AiokafkaClient(Client):
    name = "aiokafka"

    def __init__(self, bootstrap: str) -> None:
        super().__init__(bootstrap)
        self.loop = Loop(self.limit)
        self.admin = self.loop.make(AIOKafkaAdminClient, bootstrap_servers=bootstrap)

    def version(self) -> str:
        return aiokafka.__version__

    def create_topic(self, topic: str, partitions: int, configs: dict[str, str]) -> None:
        _check(self.loop.run(self.admin.create_topics([NewTopic(topic, partitions, 1, topic_configs=configs)])))

    def delete_topic(self, topic: str) -> None:
        _check(self.loop.run(self.admin.delete_topics([topic])))

    def add_partitions(self, topic: str, total: int) -> None:
        _check(self.loop.run(self.admin.create_partitions({topic: NewPartitions(total)})))

    def producer(self, topic: str, *, codec="none", idempotent=False, max_bytes=1_000_000, bootstrap=None) -> Producer:
        return AioProducer(self.loop, topic, dict(
            bootstrap_servers=bootstrap or self.bootstrap, compression_type=None if codec == "none" else codec, enable_idempotence=idempotent,
            max_request_size=max_bytes, acks="all", linger_ms=1, retry_backoff_ms=50, max_batch_size=self.batch_bytes))

    def _consumer(self, **more) -> dict:
        return dict(
            bootstrap_servers=self.bootstrap, auto_offset_reset="earliest", enable_auto_commit=False, fetch_max_wait_ms=100, retry_backoff_ms=50,
            metadata_max_age_ms=self.metadata_age_ms, max_partition_fetch_bytes=4 << 20, **more)

    def read(self, topic: str, count: int, *, partitions: int = 1, offset: int = 0) -> list[Record]:
        consumer = self.loop.make(AIOKafkaConsumer, **self._consumer())
        try:
            places = [TopicPartition(topic, partition) for partition in range(partitions)]

            async def begin() -> None:
                consumer.assign(places)
                for place in places:
                    consumer.seek(place, offset)

            self.loop.run(begin())
            found: list[Record] = []
            deadline = time.monotonic() + self.limit
            while len(found) < count and time.monotonic() < deadline:
                got = self.loop.run(consumer.getmany(timeout_ms=200, max_records=count - len(found)))
                found += [_record(message) for messages in got.values() for message in messages]
            return found
        finally:
            self.loop.run(consumer.stop())

    def offset_for_time(self, topic: str, partition: int, timestamp_ms: int) -> int | None:
        consumer = self.loop.make(AIOKafkaConsumer, **self._consumer())
        try:
            place = TopicPartition(topic, partition)
            found = self.loop.run(consumer.offsets_for_times({place: timestamp_ms}))[place]
            return None if found is None else found.offset
        finally:
            self.loop.run(consumer.stop())

    def member(self, group: str, topic: str) -> Member:
        return AioMember(self.loop, topic, self._consumer(
            group_id=group, session_timeout_ms=self.session_timeout_ms, heartbeat_interval_ms=self.heartbeat_ms))

    def close(self) -> None:
        self.loop.run(self.admin.close())
