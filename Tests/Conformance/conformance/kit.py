"""What a case works with: one client, names of its own, and conditions that are waited for with a limit."""

from __future__ import annotations

import threading
import time
import uuid
from collections import Counter

from .model import Client, Member, Record
from .wire import Batch, batches


class Failure(AssertionError):
    """What a broker or client did that it must not do."""


def expect(condition: bool, message: str) -> None:
    if not condition:
        raise Failure(message)


def expect_equal(found, wanted, what: str) -> None:
    if found != wanted:
        raise Failure(f"{what}: found {_short(found)}, expected {_short(wanted)}")


def _short(value) -> str:
    told = repr(value)
    return told if len(told) <= 300 else f"{told[:300]}… ({len(told)} characters)"


class Kit:
    """One case's tools. Topics are deleted and members are closed when the case ends."""

    def __init__(self, client: Client, case: str) -> None:
        self.client, self.case = client, case
        self.topics: list[str] = []
        self.members: list[GroupMember] = []

    def name(self) -> str:
        return f"conformance.{self.case}.{self.client.name}.{uuid.uuid4().hex[:8]}"

    def topic(self, partitions: int = 1, **configs: str) -> str:
        topic = self.name()
        self.client.create_topic(topic, partitions, {key.replace("_", "."): value for key, value in configs.items()})
        self.topics.append(topic)
        return topic

    def log(self, topic: str, partition: int = 0) -> list[Batch]:
        """What lies in the log, read without the client."""
        return batches(self.client.bootstrap, topic, partition)

    def join(self, group: str, topic: str) -> GroupMember:
        """A member that consumes and commits on a thread of its own."""
        member = GroupMember(self.client.member(group, topic))
        self.members.append(member)
        return member

    def close(self) -> None:
        for member in self.members:
            member.leave(complain=False)
        for topic in self.topics:
            try:
                self.client.delete_topic(topic)
            except Exception:  # noqa: BLE001 - a case that failed says so itself
                pass


def until(what: str, condition, limit: float = 20.0, tell=None) -> None:
    """Waits for a condition; `tell` says how it stands when the wait was in vain."""
    deadline = time.monotonic() + limit
    while not condition():
        if time.monotonic() > deadline:
            raise Failure(f"waited {limit:g} s for {what}" + (f": {tell()}" if tell else ""))
        time.sleep(0.01)


class GroupMember:
    """Polls, notes and commits until it is told to leave."""

    def __init__(self, member: Member) -> None:
        self.member = member
        self.records: list[Record] = []
        #: As of the last poll: not every client may be asked from two threads.
        self.owned: set[int] = set()
        self.error: BaseException | None = None
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._work, daemon=True)
        self.thread.start()

    def _work(self) -> None:
        try:
            while not self.stopping.is_set():
                records = self.member.poll()
                self.owned = self.member.assignment()
                if records:
                    self.records += records
                    ends: dict[int, int] = {}
                    for record in records:
                        ends[record.partition] = max(ends.get(record.partition, 0), record.offset + 1)
                    self._commit(ends)
        except BaseException as error:  # noqa: BLE001 - told by the case
            self.error = error
        finally:
            self.owned = set()
            try:
                self.member.close()
            except BaseException as error:  # noqa: BLE001
                self.error = self.error or error

    def _commit(self, ends: dict[int, int]) -> None:
        try:
            self.member.commit(ends)
        except Exception:
            # A rebalance that began meanwhile refuses the commit, rightly; the next owner reads those records again.
            if self.member.assignment() >= set(ends):
                raise

    def leave(self, complain: bool = True) -> None:
        self.stopping.set()
        self.thread.join(20)
        if complain and self.error:
            raise Failure(f"a member failed: {self.error!r}")
        if complain and self.thread.is_alive():
            raise Failure("a member did not leave within 20 s")


def until_shared(members: list[GroupMember], partitions: int) -> None:
    """Waits until the members own all partitions between them, each one once, evenly."""

    def shared() -> bool:
        for member in members:
            if member.error:
                raise Failure(f"a member failed: {member.error!r}")
        owned = [set(member.owned) for member in members]
        counts = Counter(partition for each in owned for partition in each)
        return counts == Counter(range(partitions)) and all(len(each) == partitions // len(members) for each in owned)

    until(f"{len(members)} members to share {partitions} partitions", shared, tell=lambda: [sorted(member.owned) for member in members])


def values(records: list[Record]) -> list[bytes | None]:
    return [record.value for record in records]
