"""The cases, by name: each is a function that takes a `Kit` and raises where the broker, with this client, does not hold."""

from . import groups, records, retries, times

CASES = {
    "produce-consume": records.produce_consume,
    "headers": records.headers,
    "tombstones": records.tombstones,
    "large-records": records.large_records,
    "codecs": records.codecs,
    "seek-by-time": times.seek_by_time,
    "commit-resume": groups.commit_resume,
    "group-1-3-1": groups.one_three_one,
    "rebalance-after-crash": groups.rebalance_after_crash,
    "partitions-added": groups.partitions_added,
    "idempotent-retry": retries.idempotent_retry,
}
