"""How is one HTTP request answered over an open connection? h11 parses, this module counts."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

import h11

from inference.inputs.dialer import READ_BYTES, Streams
from inference.inputs.failures import call_failed, too_large
from inference.inputs.urls import Target
from protocol.errors import DownloadFailed

Headers = tuple[tuple[str, str], ...]

# Chunk sizes and trailers of a body: plenty for 12 MB in 1 KiB chunks, little for 1-byte chunks,
# which would cost more to parse than to send.
_FRAMING_BYTES: Final = 128 * 1024


@dataclass(frozen=True, slots=True)
class Head:
    """Status and headers of an answer."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]

    def get(self, name: str) -> str:
        """Give a header's value, several joined by commas, or an empty string."""
        wanted = name.encode("ascii")
        values = [value for key, value in self.headers if key == wanted]
        return b",".join(values).decode("utf-8", "replace")


class Exchange:
    """One request and its answer; leaving the `async with` block drops the connection.

    Every method raises DownloadFailed when the peer breaks off or breaks the protocol.
    """

    def __init__(self, target: Target, streams: Streams, *, header_bytes: int) -> None:
        self._target = target
        self._reader, self._writer = streams
        self._header_bytes = header_bytes
        self._wire = h11.Connection(h11.CLIENT, max_incomplete_event_size=header_bytes)
        self._overhead_left = header_bytes

    async def __aenter__(self) -> Self:
        """Use the connection."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Drop the connection without waiting for the peer."""
        self._writer.transport.abort()

    async def send(self, method: str, headers: Headers, body: bytes | None = None) -> None:
        """Send the request; Host, Connection and, with a body, Content-Length are added."""
        own = [("Host", self._target.authority), ("Connection", "close"), *headers]
        if body is not None:
            own.append(("Content-Length", str(len(body))))
        request = h11.Request(method=method, target=self._target.path, headers=own)
        for event in (request, h11.Data(data=body or b""), h11.EndOfMessage()):
            self._writer.write(self._wire.send(event) or b"")
        try:
            await self._writer.drain()
        except OSError as exc:
            raise self._broken(exc) from exc

    async def receive_head(self) -> Head:
        """Read status and headers, at most `header_bytes` of them, interim answers included."""
        while True:
            event = await self._next_event()
            if isinstance(event, h11.Response):
                self._overhead_left += _FRAMING_BYTES
                return Head(event.status_code, tuple(event.headers))
            if not isinstance(event, h11.InformationalResponse):
                raise self._failed("the answer is not valid HTTP")

    async def read_body(self, limit_bytes: int) -> bytes:
        """Read the body; raises ImageTooLarge as soon as it is known to exceed the limit."""
        parts: list[bytes] = []
        size = 0
        while isinstance(event := await self._next_event(), h11.Data):
            part = bytes(event.data)
            size += len(part)
            self._overhead_left += len(part)
            if size > limit_bytes:
                raise too_large(self._target.parameter, limit_bytes)
            parts.append(part)
            await asyncio.sleep(0)  # buffered chunks arrive without a wait: give way to others
        return b"".join(parts)

    async def _next_event(self) -> h11.Event | type[h11.NEED_DATA | h11.PAUSED]:
        while True:
            try:
                event = self._wire.next_event()
            except h11.RemoteProtocolError as exc:
                raise self._failed("the answer is broken or cut short", detail=repr(exc)) from exc
            if event is not h11.NEED_DATA:
                return event
            self._wire.receive_data(await self._read())

    async def _read(self) -> bytes:
        if self._overhead_left <= 0:
            raise self._failed(f"more than {self._header_bytes:,} bytes of headers or framing")
        try:
            data = await self._reader.read(min(READ_BYTES, self._overhead_left))
        except OSError as exc:
            raise self._broken(exc) from exc
        self._overhead_left -= len(data)
        return data

    def _broken(self, exc: OSError) -> DownloadFailed:
        return self._failed("the connection broke", detail=repr(exc))

    def _failed(self, reason: str, *, detail: str = "") -> DownloadFailed:
        return call_failed(self._target.parameter, reason, detail=detail)
