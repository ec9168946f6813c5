"""What every client is driven by: records, and the interface that a client's driver implements."""

from __future__ import annotations

import abc
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Record:
    """A record to produce, or one that was read (then with its place and time)."""

    value: bytes | None
    key: bytes | None = None
    headers: tuple[tuple[str, bytes], ...] = ()
    partition: int | None = None
    timestamp_ms: int | None = None
    offset: int | None = field(default=None, compare=False)


class Producer(abc.ABC):
    """Sends records of one topic in order; acks=all."""

    @abc.abstractmethod
    def send(self, record: Record) -> None:
        """Hands a record over without waiting."""

    @abc.abstractmethod
    def flush(self) -> list[tuple[int, int]]:
        """Waits for every record sent so far; returns (partition, offset) of each since the last call. Raises where one failed."""

    @abc.abstractmethod
    def close(self) -> None: ...


class Member(abc.ABC):
    """A consumer in a group; used by one thread."""

    @abc.abstractmethod
    def poll(self) -> list[Record]:
        """Whatever has come, after at most a second."""

    @abc.abstractmethod
    def assignment(self) -> set[int]:
        """The partitions that it owns now."""

    @abc.abstractmethod
    def commit(self, offsets: dict[int, int]) -> None:
        """Commits the next offset to read of each partition, and waits for the answer."""

    @abc.abstractmethod
    def close(self) -> None:
        """Leaves the group."""


class Client(abc.ABC):
    """The driver of one client library. Limits inside are generous; the runner's limit for a case is the one that counts."""

    name = ""
    #: Whether a record's time can be given.
    sets_timestamps = True
    #: Seconds that a single operation may take.
    limit = 20.0
    #: How long a silent member stays in its group: the shortest that Apache Kafka allows by default.
    session_timeout_ms = 6000
    heartbeat_ms = 300
    #: How soon a consumer notices partitions that were added.
    metadata_age_ms = 500
    #: Small, so that several batches are under way at a time.
    batch_bytes = 8192

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap

    @abc.abstractmethod
    def version(self) -> str: ...

    @abc.abstractmethod
    def create_topic(self, topic: str, partitions: int, configs: dict[str, str]) -> None: ...

    @abc.abstractmethod
    def delete_topic(self, topic: str) -> None: ...

    @abc.abstractmethod
    def add_partitions(self, topic: str, total: int) -> None: ...

    @abc.abstractmethod
    def producer(self, topic: str, *, codec: str = "none", idempotent: bool = False, max_bytes: int = 1_000_000, bootstrap: str | None = None) -> Producer: ...

    @abc.abstractmethod
    def read(self, topic: str, count: int, *, partitions: int = 1, offset: int = 0) -> list[Record]:
        """Reads that many records outside any group, from the same offset of each partition."""

    @abc.abstractmethod
    def offset_for_time(self, topic: str, partition: int, timestamp_ms: int) -> int | None:
        """The first offset at or after that time; None where there is none."""

    @abc.abstractmethod
    def member(self, group: str, topic: str) -> Member: ...

    def consume_and_leave(self, group: str, topic: str, count: int) -> list[Record]:
        """Joins the group, reads exactly that many records of partition 0, commits them and leaves."""
        member = self.member(group, topic)
        try:
            records: list[Record] = []
            while len(records) < count:
                records += member.poll()
            records = records[:count]
            member.commit({0: records[-1].offset + 1})
            return records
        finally:
            member.close()

    def produce(self, topic: str, records: list[Record], **options) -> list[tuple[int, int]]:
        """Sends the records, waits for all acknowledgements."""
        producer = self.producer(topic, **options)
        try:
            for record in records:
                producer.send(record)
            return producer.flush()
        finally:
            producer.close()

    def close(self) -> None:
        """Ends what the driver itself holds."""
