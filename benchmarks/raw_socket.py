"""A WebSocket client that costs next to nothing, so that the server is what is measured.

python -m benchmarks.raw_socket PORT KEY SECONDS    # a line, then what each pong took, in ms
"""

from __future__ import annotations

import base64
import json
import os
import socket
import sys
import time
from collections.abc import Sequence


class RawSocket:
    """A WebSocket client that costs next to nothing: frames made ahead, replies counted."""

    def __init__(self, port: int, api_key: str = "") -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = bytearray()
        key = base64.b64encode(os.urandom(16)).decode()
        self._socket.sendall(
            f"GET /v1 HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
            "Sec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        while b"\r\n\r\n" not in self._buffer:
            self._buffer += self._socket.recv(65536)
        del self._buffer[: self._buffer.index(b"\r\n\r\n") + 4]
        if api_key:
            login = [{"taskType": "authentication", "apiKey": api_key}]
            self.exchange([masked(json.dumps(login).encode())], 1, 1)

    def exchange(self, frames: Sequence[bytes], replies_each: int, window: int) -> list[float]:
        """Send frames, so many of them unanswered at most; return when each one was answered."""
        answered: list[float] = []
        sent = replies = 0
        while len(answered) < len(frames):
            upto = min(len(frames), len(answered) + window)
            if upto > sent:
                self._socket.sendall(b"".join(frames[sent:upto]))
                sent = upto
            replies += self._replies()
            now = time.perf_counter()
            while len(answered) < replies // replies_each:
                answered.append(now)
        return answered

    def ping_ms(self) -> float:
        """Ping, and tell how long the pong took; nothing else may be on its way."""
        begun = time.perf_counter()
        self._socket.sendall(masked(b"", opcode=9))
        pong = b"\x8a\x00"
        while bytes(self._buffer) != pong:
            self._buffer += self._socket.recv(4096)
        self._buffer.clear()
        return (time.perf_counter() - begun) * 1e3

    def _replies(self) -> int:
        """Read once; count the whole text frames, answer pings."""
        self._buffer += self._socket.recv(1 << 20)
        buffer, place, count = self._buffer, 0, 0
        while len(buffer) - place >= 2:
            opcode, size, head = buffer[place] & 15, buffer[place + 1] & 127, 2
            if size >= 126:
                head = 4 if size == 126 else 10
                if len(buffer) - place < head:
                    break
                size = int.from_bytes(buffer[place + 2 : place + head], "big")
            if len(buffer) - place < head + size:
                break
            content = bytes(buffer[place + head : place + head + min(size, 125)])
            if opcode == 9:
                self._socket.sendall(masked(content, opcode=10))
            elif opcode != 1 or content.startswith(b'{"errors"'):
                raise RuntimeError(f"opcode {opcode}: {content!r}")
            else:
                count += 1
            place += head + size
        del buffer[:place]
        return count


def masked(payload: bytes, opcode: int = 1) -> bytes:
    """Frame a client's message; a mask of zeros changes nothing and costs the server the same."""
    size = len(payload)
    if size < 126:
        head = bytes([0x80 | opcode, 0x80 | size])
    elif size < 65536:
        head = bytes([0x80 | opcode, 0x80 | 126]) + size.to_bytes(2, "big")
    else:
        head = bytes([0x80 | opcode, 0x80 | 127]) + size.to_bytes(8, "big")
    return head + bytes(4) + payload


def main() -> None:
    """Log in, say so, and ping at short intervals for some time."""
    port, key, seconds = sys.argv[1:]
    client, waits = RawSocket(int(port), key), []
    print("logged in", flush=True)
    until = time.monotonic() + float(seconds)
    while time.monotonic() < until:
        waits.append(client.ping_ms())
        time.sleep(0.0005)
    print(*waits, sep="\n")


if __name__ == "__main__":
    main()
