"""kcat, the command line of librdkafka; one process an operation. Topics are made by confluent-kafka: kcat cannot.

kcat takes text: values without line ends, headers as name=value. It stores what it hands out and commits that by itself.
"""

from __future__ import annotations

import json
import queue
import re
import signal
import subprocess
import tempfile
import threading
import time
from itertools import groupby

from ..model import Client, Member, Producer, Record

KCAT = "kcat"
_ACK = re.compile(r"delivered to partition (\d+) \(offset (\d+)\)")
_ASSIGNED = re.compile(r"rebalanced .*?: (assigned|revoked): ?(.*)")


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else text.encode()


def _record(line: str) -> Record:
    data = json.loads(line)
    flat = data.get("headers") or []
    return Record(
        value=_bytes(data["payload"]), key=_bytes(data["key"]), headers=tuple(zip(flat[0::2], map(_bytes, flat[1::2]))),
        partition=data["partition"], timestamp_ms=data.get("ts"), offset=data["offset"])


class KcatProducer(Producer):
    """Gathers records, and sends neighbours of one kind by one process."""

    def __init__(self, command: list[str], limit: float) -> None:
        self.command, self.limit = command, limit
        self.waiting: list[Record] = []

    def send(self, record: Record) -> None:
        self.waiting.append(record)

    def flush(self) -> list[tuple[int, int]]:
        records, self.waiting = self.waiting, []
        acks: list[tuple[int, int]] = []
        for kind, run in groupby(records, lambda r: (r.headers, r.partition, r.key is None, r.value is None)):
            acks += self._produce(kind, list(run))
        return acks

    def _produce(self, kind, records: list[Record]) -> list[tuple[int, int]]:
        headers, partition, no_key, no_value = kind
        command = self.command + ["-vvv"]
        for name, value in headers:
            command += ["-H", f"{name}={value.decode()}"]
        if partition is not None:
            command += ["-p", str(partition)]
        if no_value:
            command += ["-Z"]
        if not no_key:
            command += ["-K", "\t"]
        with tempfile.NamedTemporaryFile() as file:
            for record in records:
                file.write((b"" if no_key else record.key + b"\t") + (record.value or b"") + b"\n")
            file.flush()
            done = subprocess.run(command + ["-l", file.name], stdin=subprocess.DEVNULL, capture_output=True, timeout=self.limit)
        told = done.stderr.decode(errors="replace")
        acks = [(int(p), int(o)) for p, o in _ACK.findall(told)]
        if done.returncode != 0 or len(acks) != len(records):
            raise RuntimeError(f"kcat ended with {done.returncode}, {len(acks)} of {len(records)} delivered: {told[-500:]}")
        return acks

    def close(self) -> None: ...


class KcatMember(Member):
    def __init__(self, command: list[str], limit: float) -> None:
        self.limit = limit
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.lines: queue.Queue[str] = queue.Queue()
        self.owned: set[int] = set()
        self.told: list[str] = []
        self.threads = [threading.Thread(target=work, daemon=True) for work in (self._read, self._watch)]
        for thread in self.threads:
            thread.start()

    def _read(self) -> None:
        for line in self.process.stdout:
            self.lines.put(line)

    def _watch(self) -> None:
        for line in self.process.stderr:
            self.told.append(line)
            change = _ASSIGNED.search(line)
            if change:
                places = {int(place) for place in re.findall(r"\[(\d+)\]", change[2])}
                self.owned = places if change[1] == "assigned" else self.owned - places

    def poll(self) -> list[Record]:
        found: list[Record] = []
        try:
            found.append(_record(self.lines.get(timeout=0.1)))
            while True:
                found.append(_record(self.lines.get_nowait()))
        except queue.Empty:
            pass
        if not found and self.process.poll() not in (None, 0):
            raise RuntimeError(f"kcat ended with {self.process.returncode}: {''.join(self.told)[-500:]}")
        return found

    def assignment(self) -> set[int]:
        return set(self.owned)

    def commit(self, offsets: dict[int, int]) -> None:
        """kcat commits what it printed, at intervals, before it gives partitions up, and when it ends."""

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(self.limit)
        finally:
            self.process.kill()
        for thread in self.threads:
            thread.join(1)


class KcatClient(Client):
    name = "kcat"
    sets_timestamps = False

    def __init__(self, bootstrap: str) -> None:
        super().__init__(bootstrap)
        from .confluent_driver import ConfluentClient

        self.maker = ConfluentClient(bootstrap)

    def version(self) -> str:
        told = subprocess.run([KCAT, "-V"], capture_output=True, text=True, timeout=self.limit).stdout
        found = re.search(r"Version (\S+) .*librdkafka (\S+)", told)
        return f"{found[1]} (librdkafka {found[2]})" if found else "unknown"

    def create_topic(self, topic: str, partitions: int, configs: dict[str, str]) -> None:
        self.maker.create_topic(topic, partitions, configs)

    def delete_topic(self, topic: str) -> None:
        self.maker.delete_topic(topic)

    def add_partitions(self, topic: str, total: int) -> None:
        self.maker.add_partitions(topic, total)

    def _command(self, *arguments: str, bootstrap: str | None = None, **settings) -> list[str]:
        fast = {"reconnect.backoff.ms": 20, "reconnect.backoff.max.ms": 200, "retry.backoff.ms": 50, "log_level": 2}
        command = [KCAT, "-b", bootstrap or self.bootstrap]
        for key, value in (fast | {key.replace("_", "."): value for key, value in settings.items()}).items():
            command += ["-X", f"{key}={value}"]
        return command + list(arguments)

    def producer(self, topic: str, *, codec="none", idempotent=False, max_bytes=1_000_000, bootstrap=None) -> Producer:
        return KcatProducer(
            self._command(
                "-P", "-E", "-t", topic, "-z", codec, bootstrap=bootstrap, acks="all", enable_idempotence=str(idempotent).lower(), message_max_bytes=max_bytes,
                linger_ms=1, batch_size=self.batch_bytes),
            self.limit)

    def read(self, topic: str, count: int, *, partitions: int = 1, offset: int = 0) -> list[Record]:
        found: list[Record] = []
        deadline = time.monotonic() + self.limit
        while len(found) < count and time.monotonic() < deadline:
            found = []
            for partition in range(partitions):
                done = subprocess.run(
                    self._command(
                        "-C", "-t", topic, "-p", str(partition), "-o", str(offset), "-J", "-e", "-q", "-c", str(count), fetch_wait_max_ms=100,
                        fetch_message_max_bytes=4 << 20),
                    capture_output=True, text=True, timeout=self.limit)
                if done.returncode != 0:
                    raise RuntimeError(f"kcat ended with {done.returncode}: {done.stderr[-500:]}")
                found += [_record(line) for line in done.stdout.splitlines()]
        return found[:count]

    def offset_for_time(self, topic: str, partition: int, timestamp_ms: int) -> int | None:
        done = subprocess.run(
            self._command("-Q", "-t", f"{topic}:{partition}:{timestamp_ms}"), capture_output=True, text=True, timeout=self.limit)
        found = re.search(r"\[\d+\] offset (-?\d+)", done.stdout)
        if found is None:
            raise RuntimeError(f"kcat -Q: {done.stdout}{done.stderr}")
        return int(found[1]) if int(found[1]) >= 0 else None

    def _group(self, group: str, topic: str, *more: str) -> list[str]:
        return self._command(
            "-G", group, "-u", "-J", *more, topic, auto_offset_reset="earliest", session_timeout_ms=self.session_timeout_ms,
            heartbeat_interval_ms=self.heartbeat_ms, auto_commit_interval_ms=100, fetch_wait_max_ms=100,
            topic_metadata_refresh_interval_ms=self.metadata_age_ms)

    def member(self, group: str, topic: str) -> Member:
        return KcatMember(self._group(group, topic), self.limit)

    def consume_and_leave(self, group: str, topic: str, count: int) -> list[Record]:
        done = subprocess.run(self._group(group, topic, "-c", str(count)), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=self.limit)
        if done.returncode != 0:
            raise RuntimeError(f"kcat ended with {done.returncode}: {done.stderr[-500:]}")
        return [_record(line) for line in done.stdout.splitlines()]
