"""Results on their way to clients: one stream for each session or request, in memory.

What a client did not get when the process ends it finds in the journal, by getResponse.
"""

from __future__ import annotations

import itertools
from bisect import bisect_left, bisect_right
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from operator import itemgetter

from inference.engine import Result
from inference.latch import Latch
from protocol.jobs import Outcome

SWEEP_EVERY_S = 10.0


@dataclass(slots=True)
class _Stream:
    results: list[tuple[float, Result]] = field(default_factory=list)
    grown: Latch = field(default_factory=Latch)
    readers: int = 0


class Streams:
    """Results by stream, each kept until it is forgotten or its time is over."""

    def __init__(self, life_s: float, clock: Callable[[], float]) -> None:
        self._life_s = life_s
        self._clock = clock
        self._streams: dict[str, _Stream] = {}
        self._seq = itertools.count(1)
        self._next_sweep = 0.0

    def append(self, name: str, outcome: Outcome, *, is_polled: bool = False) -> None:
        """Deliver an outcome; without a name, to nobody."""
        if not name:
            return
        stream = self._streams.get(name) or self._stream(name)
        stream.results.append((self._clock(), Result(next(self._seq), outcome, is_polled)))
        stream.grown.set()

    async def read(self, name: str, after: int) -> AsyncGenerator[Result]:
        """Yield a stream's results after a sequence number, then live ones."""
        stream = self._stream(name)
        stream.readers += 1
        try:
            while True:
                stream.grown.clear()
                fresh: list[Result] = []
                for _, result in reversed(stream.results):
                    if result.seq <= after:
                        break
                    fresh.append(result)
                for result in reversed(fresh):
                    after = result.seq
                    yield result
                if not fresh:
                    await stream.grown.wait()
        finally:
            stream.readers -= 1
            self._drop_if_spent(name)

    def _stream(self, name: str) -> _Stream:
        stream = self._streams.get(name)
        if stream is None:
            stream = self._streams[name] = _Stream()
        return stream

    def forget(self, name: str, upto: int) -> None:
        """Drop results that the client has."""
        stream = self._streams.get(name)
        if stream is None:
            return
        del stream.results[: bisect_right(stream.results, upto, key=_seq)]
        self._drop_if_spent(name)

    def sweep(self) -> None:
        """Drop what nobody fetched in time; looks now and then only."""
        now = self._clock()
        if now < self._next_sweep:
            return
        self._next_sweep = now + SWEEP_EVERY_S
        horizon = now - self._life_s
        for name, stream in list(self._streams.items()):
            del stream.results[: bisect_left(stream.results, horizon, key=itemgetter(0))]
            self._drop_if_spent(name)

    def _drop_if_spent(self, name: str) -> None:
        stream = self._streams.get(name)
        if stream is not None and not stream.readers and not stream.results:
            del self._streams[name]


def _seq(kept: tuple[float, Result]) -> int:
    return kept[1].seq
