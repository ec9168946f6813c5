"""A connection that is lost between the append and its answer."""

from ..kit import Kit, expect, expect_equal, until, values
from ..model import Record
from ..proxy import LossyProxy


def idempotent_retry(kit: Kit) -> None:
    """An idempotent producer whose answers get lost sends again, and every record is in the log once, in order."""
    topic = kit.topic()
    proxy = LossyProxy(kit.client.bootstrap)
    try:
        producer = kit.client.producer(topic, idempotent=True, bootstrap=proxy.bootstrap)
        sent: list[Record] = []
        for step in range(4):
            # The first step goes well; each of the others loses an answer with several batches under way.
            if step:
                proxy.cut_next()
            part = [Record(value=f"{step} {i} {'x' * 100}".encode()) for i in range(300)]
            for record in part:
                producer.send(record)
            acks = producer.flush()
            sent += part
            expect_equal(sorted(offset for _, offset in acks), list(range(len(sent) - 300, len(sent))), f"offsets acknowledged in step {step}")
            until("the answer to be lost", lambda: proxy.cuts >= step, 1)
        producer.close()
    finally:
        proxy.close()
    log = kit.log(topic)
    expect(all(batch.producer_id >= 0 for batch in log), "batches without a producer id: the producer is not idempotent")
    expect_equal(sum(batch.count for batch in log), len(sent), "records in the log")
    expect_equal(values(kit.client.read(topic, len(sent))), values(sent), "values read")
