"""A proxy that loses answers: the request goes through, its answer does not, and the connection ends.

It stands in for every broker of the cluster: addresses in Metadata answers are replaced by its own, so that a client that was given
`bootstrap` stays behind it. As a program it prints its address, cuts the first COUNT connections that carry a Produce request, and ends
with its standard input.
"""

from __future__ import annotations

import socket
import struct
import threading

from .wire import Reader, parse_address

PRODUCE, METADATA = 0, 3


def _exactly(source: socket.socket, count: int) -> bytes:
    data = bytearray()
    while len(data) < count:
        piece = source.recv(count - len(data))
        if not piece:
            raise ConnectionError("closed")
        data += piece
    return bytes(data)


def _frame(source: socket.socket) -> bytes:
    return _exactly(source, struct.unpack(">i", _exactly(source, 4))[0])


class LossyProxy:
    """Forwards until told to cut."""

    def __init__(self, bootstrap: str) -> None:
        self.lock = threading.Lock()
        self.listeners: dict[tuple[str, int], socket.socket] = {}
        self.open: set[socket.socket] = set()
        self.armed = 0
        #: How many answers were lost.
        self.cuts = 0
        self.bootstrap = "%s:%d" % self._stand_in(parse_address(bootstrap))

    def cut_next(self, count: int = 1) -> None:
        """Loses the answers to the next so many Produce requests, each with its connection."""
        with self.lock:
            self.armed += count

    def close(self) -> None:
        with self.lock:
            sockets = [*self.listeners.values(), *self.open]
        for each in sockets:
            self._end(each)

    def _stand_in(self, upstream: tuple[str, int]) -> tuple[str, int]:
        with self.lock:
            if upstream not in self.listeners:
                listener = socket.create_server(("127.0.0.1", 0))
                self.listeners[upstream] = listener
                threading.Thread(target=self._accept, args=(listener, upstream), daemon=True).start()
            return self.listeners[upstream].getsockname()[:2]

    def _end(self, each: socket.socket) -> None:
        try:
            each.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        each.close()
        with self.lock:
            self.open.discard(each)

    def _accept(self, listener: socket.socket, upstream: tuple[str, int]) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            try:
                broker = socket.create_connection(upstream, timeout=10)
                broker.settimeout(None)
            except OSError:
                client.close()
                continue
            for each in (client, broker):
                each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self.lock:
                self.open |= {client, broker}
            #: By correlation id: the request's key and version.
            asked: dict[int, tuple[int, int]] = {}
            for work, arguments in ((self._requests, (client, broker, asked)), (self._answers, (broker, client, asked))):
                threading.Thread(target=self._until_closed, args=(work, *arguments), daemon=True).start()

    def _until_closed(self, work, source, target, asked) -> None:
        try:
            while True:
                work(source, target, asked)
        except (OSError, ConnectionError, struct.error, ValueError):
            self._end(source)
            self._end(target)

    def _requests(self, client, broker, asked) -> None:
        message = _frame(client)
        key, version, correlation = struct.unpack_from(">hhi", message)
        asked[correlation] = (key, version)
        broker.sendall(struct.pack(">i", len(message)) + message)

    def _answers(self, broker, client, asked) -> None:
        message = _frame(broker)
        key, version = asked.pop(struct.unpack_from(">i", message)[0], (-1, -1))
        if key == PRODUCE:
            with self.lock:
                cut = self.armed > 0
                if cut:
                    self.armed -= 1
                    self.cuts += 1
            if cut:
                raise ConnectionError("cut")
        if key == METADATA:
            message = self._redirect(message, version)
        client.sendall(struct.pack(">i", len(message)) + message)

    def _redirect(self, message: bytes, version: int) -> bytes:
        """Replaces every broker's address in a Metadata answer."""
        compact = version >= 9
        reader = Reader(message, 4)
        if compact:
            reader.tags()
        if version >= 3:
            reader.take(4)
        start = reader.at
        count = reader.array(compact)
        out = bytearray(message[:reader.at])
        for _ in range(count):
            node = reader.take(4)
            host, port = self._stand_in((reader.string(compact).decode(), reader.number("i")))
            rest = reader.at
            if version >= 1:
                reader.string(compact)
            if compact:
                reader.tags()
            name = host.encode()
            out += node + (bytes([len(name) + 1]) if compact else struct.pack(">h", len(name))) + name + struct.pack(">i", port)
            out += message[rest:reader.at]
        assert start <= reader.at
        return bytes(out) + message[reader.at:]


def main() -> None:
    import argparse
    import sys

    parser = argparse.ArgumentParser(prog="python3 -m conformance.proxy", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bootstrap", required=True, metavar="HOST:PORT")
    parser.add_argument("--cut", type=int, default=1, metavar="COUNT")
    arguments = parser.parse_args()
    proxy = LossyProxy(arguments.bootstrap)
    proxy.cut_next(arguments.cut)
    print(proxy.bootstrap, flush=True)
    sys.stdin.read()
    print(proxy.cuts, flush=True)
    proxy.close()


if __name__ == "__main__":
    main()
