"""The results of one stream: those that are stored, then live ones, none missed and none twice.

Live results come by the republished subject, which has no state on the broker and may lose some.
Each names the sequence number before it, so a hole is seen at once, and is filled from the store.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import OrderedDict, deque
from collections.abc import AsyncGenerator, Callable

from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from inference.engine import EVERYTHING, Result
from inference.jetstream_engine import names
from inference.jetstream_engine.broker import Broker
from inference.jetstream_engine.jobs import decode_outcome
from inference.jetstream_engine.outstanding import Outstanding
from protocol.errors import StorageUnavailable
from protocol.jobs import Outcome

POLLED = "Cutwire-Polled"
"""The header of a result that is there because somebody asked for it with getResponse."""

SEQUENCE, BEFORE = "Nats-Sequence", "Nats-Last-Sequence"
"""Headers of a live result: its number, and that of the one before it in its stream."""

FIRST_LOOKS_S = (0.05, 0.25)
"""A replica may lag behind when a stream is attached to."""
LOOK_S = 1.0
IDLE_LOOK_S = 30.0
"""Between looks into the store: while something is awaited, and otherwise."""

MAX_LIVE = 1024
"""Live results kept for a reader that is behind; the oldest go, and are read from the store."""

MAX_FORGOTTEN = 50_000
"""Streams of single requests are not read again: to remember many of them is of no use."""


class Reader:
    """Reads streams of results."""

    def __init__(
        self,
        broker: Broker,
        outstanding: Outstanding,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._broker = broker
        self._outstanding = outstanding
        self._clock = clock
        self._newest = 0
        self._watchers: list[Callable[[Outcome], None]] = []
        self._forgotten: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def saw(self, seq: int) -> None:
        """Note that a result with this number is stored."""
        self._newest = max(self._newest, seq)

    def watch(self, told: Callable[[Outcome], None]) -> None:
        """Have it told of every outcome that is read."""
        self._watchers.append(told)

    def forget(self, stream: str, upto: int) -> None:
        """Drop results that the client has; the broker drops them when their time is over."""
        self._sweep()
        _, before = self._forgotten.pop(stream, (0.0, 0))
        known = self._newest if upto == EVERYTHING else upto
        self._forgotten[stream] = self._clock(), max(before, known)

    async def read(self, stream: str, after: int) -> AsyncGenerator[Result]:
        """Yield a stream's results after a sequence number, then live ones."""
        _, forgotten = self._forgotten.get(stream, (0.0, 0))
        reading = _Reading(self._broker, stream, max(after, forgotten))
        async with contextlib.aclosing(self._results(reading)) as results:
            async for result in results:
                self.saw(result.seq)
                self._outstanding.end(result.outcome.job.id)
                for told in self._watchers:
                    told(result.outcome)
                if result.seq > self._forgotten.get(stream, (0.0, 0))[1]:
                    yield result

    async def _results(self, reading: _Reading) -> AsyncGenerator[Result]:
        await reading.attach()
        try:
            looks = iter(FIRST_LOOKS_S)
            while True:
                async for result in reading.stored():
                    yield result
                pause_s = next(looks, None)
                if pause_s is None:
                    is_awaited = self._outstanding.is_awaited(reading.stream)
                    pause_s = LOOK_S if is_awaited else IDLE_LOOK_S
                async for result in reading.live(pause_s):
                    yield result
        finally:
            await reading.detach()

    def _sweep(self) -> None:
        """Let go of what the broker has dropped by now."""
        horizon = self._clock() - self._broker.settings.results_life_s
        while self._forgotten:
            stream, (since, _) = next(iter(self._forgotten.items()))
            if since > horizon and len(self._forgotten) < MAX_FORGOTTEN:
                return
            del self._forgotten[stream]


class _Reading:
    """One reader's place in a stream."""

    def __init__(self, broker: Broker, stream: str, seq: int) -> None:
        self.stream = stream
        self._broker = broker
        self._seq = seq
        self._live: deque[Msg] = deque(maxlen=MAX_LIVE)
        self._has_live = asyncio.Event()
        self._subscription: Subscription | None = None

    async def attach(self) -> None:
        """Have live results told from now on."""
        self._subscription = await self._broker.listen(names.live_subject(self.stream), self._told)

    async def detach(self) -> None:
        """Have nothing told any more."""
        if self._subscription is not None:
            with contextlib.suppress(Exception):  # the connection may be gone, and it with it
                await self._subscription.unsubscribe()

    async def stored(self) -> AsyncGenerator[Result]:
        """Yield what the store has beyond our place, until live results go on from there.

        What it cannot say now comes later.
        """
        subject = names.result_subject(self.stream)
        with contextlib.suppress(StorageUnavailable):
            # A request for each of them would never catch up with a busy stream.
            while not self._goes_on_live():
                found = await self._broker.after(names.RESULTS, subject, self._seq)
                if found is None:
                    return
                self._seq = found.seq
                yield _result(found.seq, found.data, found.headers)

    async def live(self, quiet_s: float) -> AsyncGenerator[Result]:
        """Yield live results until it is quiet for so long, or one was missed."""
        while await self._is_told(quiet_s):
            message = self._live.popleft()
            headers = message.headers or {}
            seq = int(headers[SEQUENCE])
            if seq <= self._seq:
                continue
            if int(headers[BEFORE]) > self._seq:
                return
            self._seq = seq
            yield _result(seq, message.data, headers)

    def _goes_on_live(self) -> bool:
        """Drop live results that were read; tell whether the first of the others is the next."""
        while self._live:
            headers = self._live[0].headers or {}
            if int(headers[SEQUENCE]) > self._seq:
                return int(headers[BEFORE]) <= self._seq
            self._live.popleft()
        return False

    async def _is_told(self, quiet_s: float) -> bool:
        if not self._live:
            self._has_live.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(quiet_s):
                    await self._has_live.wait()
        return bool(self._live)

    async def _told(self, message: Msg) -> None:
        self._live.append(message)
        self._has_live.set()


def _result(seq: int, data: bytes, headers: dict[str, str]) -> Result:
    return Result(seq, decode_outcome(data), is_polled=POLLED in headers)
