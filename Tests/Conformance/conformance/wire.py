"""Just enough of the protocol to look into a log without any client's help."""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass

CODECS = {0: "none", 1: "gzip", 2: "snappy", 3: "lz4", 4: "zstd"}


def parse_address(text: str) -> tuple[str, int]:
    """HOST:PORT, the first of a list; an IPv6 address in brackets."""
    host, _, port = text.split(",")[0].strip().rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise ValueError(f"not HOST:PORT: {text}")
    return host.strip("[]"), int(port)


@dataclass(frozen=True)
class Batch:
    """What a record batch says of itself."""

    base_offset: int
    count: int
    codec: str
    producer_id: int
    base_sequence: int
    #: The records as they lie there, compressed or not.
    body: bytes


class Reader:
    """Reads the protocol's types off a message."""

    def __init__(self, data: bytes, at: int = 0) -> None:
        self.data, self.at = data, at

    def take(self, count: int) -> bytes:
        piece = self.data[self.at : self.at + count]
        if len(piece) < count:
            raise ValueError("message too short")
        self.at += count
        return piece

    def number(self, form: str) -> int:
        return struct.unpack(">" + form, self.take(struct.calcsize(">" + form)))[0]

    def varint(self) -> int:
        """Unsigned, as compact lengths have it."""
        value = shift = 0
        while True:
            byte = self.number("B")
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    def string(self, compact: bool = False) -> bytes | None:
        length = self.varint() - 1 if compact else self.number("h")
        return None if length < 0 else self.take(length)

    def array(self, compact: bool = False) -> int:
        return max(0, self.varint() - 1 if compact else self.number("i"))

    def tags(self) -> None:
        for _ in range(self.varint()):
            self.varint()
            self.take(self.varint())


def text(value: str) -> bytes:
    data = value.encode()
    return struct.pack(">h", len(data)) + data


class Connection:
    """One request at a time over one connection, with versions that old and new brokers know."""

    def __init__(self, address: tuple[str, int], limit: float = 10) -> None:
        self.socket = socket.create_connection(address, timeout=limit)
        self.correlation = 0

    def close(self) -> None:
        self.socket.close()

    def _exactly(self, count: int) -> bytes:
        data = bytearray()
        while len(data) < count:
            piece = self.socket.recv(count - len(data))
            if not piece:
                raise ConnectionError("the broker closed the connection")
            data += piece
        return bytes(data)

    def ask(self, key: int, version: int, body: bytes) -> Reader:
        self.correlation += 1
        message = struct.pack(">hhi", key, version, self.correlation) + text("conformance") + body
        self.socket.sendall(struct.pack(">i", len(message)) + message)
        answer = Reader(self._exactly(struct.unpack(">i", self._exactly(4))[0]))
        if answer.number("i") != self.correlation:
            raise ConnectionError("an answer to another request")
        return answer

    def api_versions(self) -> dict[int, tuple[int, int]]:
        answer = self.ask(18, 0, b"")
        error = answer.number("h")
        if error:
            raise RuntimeError(f"ApiVersions: error {error}")
        return {answer.number("h"): (answer.number("h"), answer.number("h")) for _ in range(answer.array())}

    def leader(self, topic: str, partition: int) -> tuple[str, int]:
        answer = self.ask(3, 1, struct.pack(">i", 1) + text(topic))
        brokers = {}
        for _ in range(answer.array()):
            node, host, port, _ = answer.number("i"), answer.string(), answer.number("i"), answer.string()
            brokers[node] = (host.decode(), port)
        answer.number("i")
        for _ in range(answer.array()):
            error, _, _ = answer.number("h"), answer.string(), answer.number("b")
            for _ in range(answer.array()):
                _, index, node = answer.number("h"), answer.number("i"), answer.number("i")
                for _ in range(2):
                    answer.take(4 * answer.array())
                if index == partition and node in brokers:
                    return brokers[node]
        raise RuntimeError(f"no leader for {topic}/{partition} (error {error})")

    def end_offset(self, topic: str, partition: int) -> int:
        body = struct.pack(">ii", -1, 1) + text(topic) + struct.pack(">iiq", 1, partition, -1)
        answer = self.ask(2, 1, body)
        answer.array(), answer.string(), answer.array(), answer.number("i")
        error, _, offset = answer.number("h"), answer.number("q"), answer.number("q")
        if error:
            raise RuntimeError(f"ListOffsets: error {error}")
        return offset

    def fetch(self, topic: str, partition: int, offset: int) -> bytes:
        limit = 8 << 20
        body = struct.pack(">iiiib", -1, 100, 1, limit, 0) + struct.pack(">i", 1) + text(topic)
        answer = self.ask(1, 4, body + struct.pack(">iiqi", 1, partition, offset, limit))
        answer.number("i"), answer.array(), answer.string(), answer.array(), answer.number("i")
        error, _, _ = answer.number("h"), answer.number("q"), answer.number("q")
        for _ in range(answer.array()):
            answer.take(16)
        if error:
            raise RuntimeError(f"Fetch: error {error}")
        return answer.take(max(0, answer.number("i")))


def batches(bootstrap: str, topic: str, partition: int = 0) -> list[Batch]:
    """Every batch of a partition's log, up to its end."""
    first = Connection(parse_address(bootstrap))
    leader = Connection(first.leader(topic, partition))
    first.close()
    try:
        found: list[Batch] = []
        offset, end = 0, leader.end_offset(topic, partition)
        while offset < end:
            data = leader.fetch(topic, partition, offset)
            for batch in split(data):
                if batch.base_offset + batch.count > offset:
                    found.append(batch)
                    offset = batch.base_offset + batch.count
        return found
    finally:
        leader.close()


def split(data: bytes) -> list[Batch]:
    """The whole batches of a fetched piece of log; a piece may end within one."""
    found, at = [], 0
    while at + 61 <= len(data):
        base, length = struct.unpack_from(">qi", data, at)
        if at + 12 + length > len(data):
            break
        attributes, last_delta = struct.unpack_from(">hi", data, at + 21)
        producer, _, sequence, _ = struct.unpack_from(">qhii", data, at + 43)
        found.append(Batch(base, last_delta + 1, CODECS.get(attributes & 7, "?"), producer, sequence, data[at + 61 : at + 12 + length]))
        at += 12 + length
    return found


def main() -> None:
    import argparse
    import json

    parser = argparse.ArgumentParser(prog="python3 -m conformance.wire", description="Prints a partition's record batches, one JSON object a line.")
    parser.add_argument("--bootstrap", required=True, metavar="HOST:PORT")
    parser.add_argument("--topic", required=True)
    parser.add_argument("--partition", type=int, default=0)
    arguments = parser.parse_args()
    for batch in batches(arguments.bootstrap, arguments.topic, arguments.partition):
        print(json.dumps({"base_offset": batch.base_offset, "count": batch.count, "codec": batch.codec, "producer_id": batch.producer_id}))


if __name__ == "__main__":
    main()
