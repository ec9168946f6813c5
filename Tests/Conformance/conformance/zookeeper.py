"""As much of ZooKeeper as Burrow asks for before it starts: a session, nodes that are made, a lock that is got. Prints its port; ends with its
standard input."""

from __future__ import annotations

import socket
import struct
import sys
import threading

CREATE, DELETE, EXISTS, GET_DATA, CHILDREN, PING, CHILDREN2, CLOSE = 1, 2, 3, 4, 8, 11, 12, -11
SEQUENTIAL = 2
STAT = bytes(68)


def _exactly(source: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        piece = source.recv(count - len(data))
        if not piece:
            raise ConnectionError("closed")
        data += piece
    return data


def _frame(source: socket.socket) -> bytes:
    return _exactly(source, struct.unpack(">i", _exactly(source, 4))[0])


def _text(value: bytes) -> bytes:
    return struct.pack(">i", len(value)) + value


class Nodes:
    """The names of the nodes, and a count for the sequential ones."""

    def __init__(self) -> None:
        self.lock, self.paths, self.count = threading.Lock(), set(), 0

    def answer(self, kind: int, body: bytes) -> bytes:
        path = body[4 : 4 + struct.unpack_from(">i", body)[0]] if len(body) >= 4 else b""
        with self.lock:
            if kind == CREATE:
                if struct.unpack(">i", body[-4:])[0] & SEQUENTIAL:
                    self.count += 1
                    path += b"%010d" % self.count
                self.paths.add(path)
                return _text(path)
            if kind == DELETE:
                self.paths.discard(path)
            if kind in (CHILDREN, CHILDREN2):
                names = sorted(each[len(path) + 1 :] for each in self.paths if each.startswith(path + b"/"))
                return struct.pack(">i", len(names)) + b"".join(map(_text, names)) + (STAT if kind == CHILDREN2 else b"")
        return {EXISTS: STAT, GET_DATA: _text(b"") + STAT}.get(kind, b"")


def serve(client: socket.socket, nodes: Nodes) -> None:
    def send(message: bytes) -> None:
        client.sendall(struct.pack(">i", len(message)) + message)

    try:
        timeout = struct.unpack_from(">i", _frame(client), 12)[0]
        send(struct.pack(">iiq", 0, timeout, 1) + _text(bytes(16)) + b"\0")
        while True:
            message = _frame(client)
            number, kind = struct.unpack_from(">ii", message)
            send(struct.pack(">iqi", number, 1, 0) + nodes.answer(kind, message[8:]))
    except (OSError, struct.error):
        client.close()


def main() -> None:
    listener, nodes = socket.create_server(("127.0.0.1", 0)), Nodes()
    print(listener.getsockname()[1], flush=True)

    def accept() -> None:
        while True:
            threading.Thread(target=serve, args=(listener.accept()[0], nodes), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    sys.stdin.read()


if __name__ == "__main__":
    main()
