"""Records go in and come back as they went."""

from ..kit import Failure, Kit, expect, expect_equal, values
from ..model import Record


def produce_consume(kit: Kit) -> None:
    """300 records in three partitions: acknowledged with rising offsets, read back in order, a key always in one partition."""
    topic = kit.topic(3)
    sent = [Record(value=f"value {i}".encode(), key=f"key {i % 17}".encode()) for i in range(300)]
    acks = kit.client.produce(topic, sent)
    expect_equal(len(set(acks)), 300, "distinct places acknowledged")
    for partition in range(3):
        offsets = sorted(offset for place, offset in acks if place == partition)
        expect_equal(offsets, list(range(len(offsets))), f"offsets acknowledged in partition {partition}")
    read = kit.client.read(topic, 300, partitions=3)
    expect_equal(sorted(values(read)), sorted(values(sent)), "values read")
    homes: dict[bytes, set[int]] = {}
    for partition in range(3):
        inside = [record for record in read if record.partition == partition]
        expect_equal([record.offset for record in inside], list(range(len(inside))), f"offsets read from partition {partition}")
        for key in {record.key for record in inside}:
            homes.setdefault(key, set()).add(partition)
            order = [record.value for record in inside if record.key == key]
            expect_equal(order, [record.value for record in sent if record.key == key], f"values of {key!r} in order")
    expect(all(len(places) == 1 for places in homes.values()), f"a key in several partitions: {homes}")
    expect_equal(values(kit.client.read(topic, 1, offset=len([a for a in acks if a[0] == 0]) - 1))[-1:], [
        record.value for record in read if record.partition == 0][-1:], "the last record by its offset")


def headers(kit: Kit) -> None:
    """Headers come back in order, with repeated names, empty and non-ASCII values."""
    topic = kit.topic()
    sent = [
        Record(value=b"a", headers=(("ce_type", b"booking.created.v1"), ("empty", b""), ("ce_type", "zwölf €".encode()))),
        Record(value=b"b"),
        Record(value=b"c", headers=tuple((f"name {i}", b"x" * i) for i in range(60))),
    ]
    kit.client.produce(topic, sent)
    read = kit.client.read(topic, 3)
    for wanted, found in zip(sent, read, strict=True):
        expect_equal(found.value, wanted.value, "value")
        expect_equal(found.headers, wanted.headers, f"headers of {wanted.value!r}")


def tombstones(kit: Kit) -> None:
    """A null value stays null, an empty one empty; a null key stays null."""
    topic = kit.topic()
    sent = [
        Record(value=b"here", key=b"k"), Record(value=None, key=b"k"), Record(value=b"", key=b"k"), Record(value=b"no key"),
        Record(value=b"after", key=b"k"),
    ]
    kit.client.produce(topic, sent)
    read = kit.client.read(topic, len(sent))
    expect_equal([(r.key, r.value) for r in read], [(r.key, r.value) for r in sent], "keys and values")


def large_records(kit: Kit) -> None:
    """1 MiB values pass where the topic allows them; what is larger than the topic allows is refused, and harms nothing."""
    topic = kit.topic(max_message_bytes=str(2 << 20))
    sent = [Record(value=bytes([97 + i]) * (1 << 20), key=f"{i}".encode()) for i in range(3)]
    kit.client.produce(topic, sent, max_bytes=3 << 20)
    read = kit.client.read(topic, 3)
    expect(values(read) == values(sent), f"values differ: {[(r.offset, r.value and (r.value[:1], len(r.value))) for r in read]}")
    try:
        kit.client.produce(topic, [Record(value=b"y" * ((2 << 20) + 1))], max_bytes=4 << 20)
    except Failure:
        raise
    except Exception:
        pass
    else:
        raise Failure("a record above max.message.bytes was acknowledged")
    kit.client.produce(topic, [Record(value=b"small")])
    expect_equal(values(kit.client.read(topic, 1, offset=3)), [b"small"], "what came after the refused record")


def codecs(kit: Kit) -> None:
    """Each codec: the log holds what the client compressed, and it comes back."""
    for codec in ("none", "gzip", "snappy", "lz4", "zstd"):
        topic = kit.topic()
        sent = [Record(value=f"{codec} {i} {'abc' * 30}".encode(), key=b"k") for i in range(100)]
        kit.client.produce(topic, sent, codec=codec)
        log = kit.log(topic)
        expect_equal({batch.codec for batch in log}, {codec}, "codecs in the log")
        expect_equal(sum(batch.count for batch in log), 100, "records in the log")
        expect_equal(values(kit.client.read(topic, 100)), values(sent), f"values read, {codec}")
        expect_equal(values(kit.client.read(topic, 1, offset=57)), [sent[57].value], f"one value from the middle, {codec}")
