"""Groups: sharing out, taking over, resuming."""

import json
import os
import signal
import subprocess
import sys
import threading

from ..kit import Failure, Kit, expect_equal, until, until_shared, values
from ..model import Record


def commit_resume(kit: Kit) -> None:
    """What a member committed is where the next one starts."""
    topic, group = kit.topic(), kit.name()
    sent = [Record(value=f"{i}".encode(), partition=0) for i in range(100)]
    kit.client.produce(topic, sent)
    first = kit.client.consume_and_leave(group, topic, 40)
    expect_equal(values(first), values(sent[:40]), "what the first member read")
    second = kit.client.consume_and_leave(group, topic, 25)
    expect_equal(values(second), values(sent[40:65]), "what the second member read")
    last = kit.join(group, topic)
    until("the rest", lambda: len(last.records) >= 35 or last.error)
    last.leave()
    expect_equal(values(last.records), values(sent[65:]), "what the last member read")
    other = kit.join(kit.name(), topic)
    until("another group to read everything", lambda: len(other.records) >= 100 or other.error)
    other.leave()
    expect_equal(values(other.records), values(sent), "what another group read")


def _round(kit: Kit, topic: str, members: list, tag: str, partitions: int) -> None:
    """Produces to every partition; each record reaches the member that owns its partition, once."""
    for member in members:
        member.records.clear()
    sent = [Record(value=f"{tag} {i}".encode(), partition=i % partitions) for i in range(partitions * 10)]
    kit.client.produce(topic, sorted(sent, key=lambda record: record.partition))
    until(f"{tag}: all records", lambda: sum(len(m.records) for m in members) >= len(sent) or any(m.error for m in members))
    found = [record for member in members for record in member.records]
    expect_equal(sorted(values(found)), sorted(values(sent)), f"{tag}: records")
    for member in members:
        strays = {record.partition for record in member.records} - member.owned
        expect_equal(strays, set(), f"{tag}: partitions read by a member that does not own them")


def one_three_one(kit: Kit) -> None:
    """A group grows from one member to three and shrinks to one; every record is handled once in each shape."""
    topic, group = kit.topic(6), kit.name()
    first = kit.join(group, topic)
    until_shared([first], 6)
    _round(kit, topic, [first], "one member", 6)
    others = [kit.join(group, topic), kit.join(group, topic)]
    trio = [first, *others]
    until_shared(trio, 6)
    _round(kit, topic, trio, "three members", 6)
    for member in others:
        member.leave()
    until_shared([first], 6)
    _round(kit, topic, [first], "one again", 6)
    first.leave()


def rebalance_after_crash(kit: Kit) -> None:
    """A member that is killed loses its partitions after its session; the survivor takes over from what was committed."""
    topic, group = kit.topic(4), kit.name()
    survivor = kit.join(group, topic)
    until_shared([survivor], 4)
    folder = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    victim = subprocess.Popen(
        [sys.executable, "-m", "conformance.victim", kit.client.name, kit.client.bootstrap, group, topic], cwd=folder, stdout=subprocess.PIPE,
        stdin=subprocess.PIPE, text=True, start_new_session=True)
    try:
        owned: list[int] = []

        def watch() -> None:
            for line in victim.stdout:
                owned[:] = json.loads(line)

        threading.Thread(target=watch, daemon=True).start()
        until("two members to share", lambda: victim.poll() is not None or (len(owned) == 2 and len(survivor.owned) == 2))
        if victim.poll() is not None:
            raise Failure(f"the other member ended with {victim.returncode}")
        expect_equal(sorted(set(owned) | survivor.owned), [0, 1, 2, 3], "partitions shared by two")
    finally:
        # Its own session: kcat runs as a child of it.
        os.killpg(victim.pid, signal.SIGKILL)
        victim.wait()
    _round(kit, topic, [survivor], "after the crash", 4)
    expect_equal(survivor.owned, {0, 1, 2, 3}, "what the survivor owns")
    survivor.leave()


def partitions_added(kit: Kit) -> None:
    """A member notices partitions that are added while it consumes, and misses nothing of them."""
    topic, group = kit.topic(2), kit.name()
    member = kit.join(group, topic)
    until_shared([member], 2)
    _round(kit, topic, [member], "two partitions", 2)
    kit.client.add_partitions(topic, 5)
    # Before the member knows of them: it has to start at the beginning there.
    early = [Record(value=f"early {i}".encode(), partition=i) for i in range(2, 5)]
    member.records.clear()
    kit.client.produce(topic, early)
    until_shared([member], 5)
    until("what came early", lambda: len(member.records) >= 3 or member.error)
    expect_equal(sorted(values(member.records)), sorted(values(early)), "what came early")
    _round(kit, topic, [member], "five partitions", 5)
    member.leave()
