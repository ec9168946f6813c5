"""Offsets by time."""

import time

from ..kit import Kit, expect_equal, until, values
from ..model import Record


def seek_by_time(kit: Kit) -> None:
    """The first record at or after a time is found, and reading from there brings the rest."""
    topic = kit.topic()
    base = int(time.time() * 1000) - 60_000
    for part in range(3):
        stamp = base + part * 10_000 if kit.client.sets_timestamps else None
        # One batch each: brokers need not look into compressed ones, these are not.
        kit.client.produce(topic, [Record(value=f"{part}-{i}".encode(), timestamp_ms=None if stamp is None else stamp + i) for i in range(5)])
        before = time.time_ns() // 1_000_000
        until("the clock to move", lambda: time.time_ns() // 1_000_000 > before + 1)
    read = kit.client.read(topic, 15)
    stamps = [record.timestamp_ms for record in read]
    if kit.client.sets_timestamps:
        expect_equal(stamps, [base + part * 10_000 + i for part in range(3) for i in range(5)], "times")
    look = kit.client.offset_for_time
    for wanted in (0, 5, 10):
        first = stamps.index(stamps[wanted])
        expect_equal(look(topic, 0, stamps[wanted]), first, f"offset for the time of record {wanted}")
    expect_equal(look(topic, 0, stamps[4] + 1), 5, "offset for a time between two batches")
    expect_equal(look(topic, 0, 1), 0, "offset for a time before all")
    after = look(topic, 0, stamps[-1] + 1)
    # librdkafka's older versions answer with the end of the log where there is none.
    expect_equal(after if after != 15 else None, None, "offset for a time after all")
    if kit.client.sets_timestamps:
        expect_equal(look(topic, 0, stamps[12]), 12, "offset for a time inside a batch")
    expect_equal(values(kit.client.read(topic, 10, offset=look(topic, 0, stamps[5]))), values(read)[5:], "what comes from a time on")
