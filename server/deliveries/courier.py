"""Deliveries are made: each tried until its receiver says 2xx, or until the tries are used up."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Literal, Protocol

from inference.inputs.fetch import Delivery
from inference.stores import BlobNotFound
from inference.turns import Turns
from protocol.errors import CutwireError, ForbiddenAddress
from server.deliveries.outbox import Ending, Entry, Kind, Outbox
from server.deliveries.parcels import Parcels
from server.deliveries.schedule import Schedule
from server.deliveries.settings import DeliverySettings

PARAMETERS: dict[Kind, str] = {"webhook": "webhookURL", "upload": "uploadEndpoint"}
SWEEP_EVERY_S = 60.0
JITTER = 0.25
_FIRST_OK, _LAST_OK = 200, 299

Step = Ending | Literal["retried"]
"""What became of a delivery by one try."""

WORDS: dict[Step, str] = {
    "delivered": "delivery made",
    "given_up": "delivery given up",
    "retried": "delivery failed, to be tried again",
}

_log = logging.getLogger("cutwire.deliveries")


class _NotOwed(Exception):  # noqa: N818 - nothing failed
    """The change that recorded the delivery was undone."""


class Delivers(Protocol):
    """The gate for outgoing calls."""

    async def deliver(self, delivery: Delivery, parameter: str) -> int:
        """Make the call and return the status; no redirects."""


class Observes(Protocol):
    """Is told what becomes of deliveries."""

    def delivery_tried(self, kind: Kind, outcome: Step, seconds: float) -> None:
        """Count a try: it was `delivered`, is to be `retried`, or was `given_up`."""

    def deliveries_pending(self, count: int) -> None:
        """Tell how many wait or are under way."""


class Courier:
    """Makes the deliveries of the outbox; runs beside the tasks and never holds one up."""

    def __init__(
        self,
        outbox: Outbox,
        parcels: Parcels,
        calls: Delivers,
        observer: Observes,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        settings = parcels.settings
        self._settings: DeliverySettings = settings
        self._outbox = outbox
        self._parcels = parcels
        self._calls = calls
        self._observer = observer
        self._clock = clock
        self._schedule = Schedule(
            in_all=settings.max_concurrent,
            per_tenant=settings.max_per_tenant,
            per_host=settings.max_per_host,
        )
        self._memory = Turns(settings.max_bytes)
        self._changed = asyncio.Event()

    def pending_of(self, tenant: str) -> int:
        """Count a tenant's deliveries that have not ended."""
        return self._schedule.size_of(tenant)

    async def open(self) -> None:
        """Take up what an earlier run left; must be done before any outcome is recorded."""
        self._outbox.listen(self._take_new)
        for entry in await self._outbox.pending():
            # Bounded: the wall clock may have been set back since.
            left_s = min(max(0.0, entry.due_at - time.time()), self._settings.longest_wait_s)
            self._schedule.add(entry, self._clock() + left_s)
        self._note_change()

    async def run(self) -> None:
        """Deliver until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._sweep())
            while True:
                self._changed.clear()
                while (entry := self._schedule.take(self._clock())) is not None:
                    group.create_task(self._serve(entry))
                await self._wait()

    def _take_new(self, entry: Entry) -> None:
        self._schedule.add(entry, self._clock())
        self._note_change()

    async def _wait(self) -> None:
        due = self._schedule.next_due()
        try:
            async with asyncio.timeout(None if due is None else max(0.0, due - self._clock())):
                await self._changed.wait()
        except TimeoutError:
            return

    async def _serve(self, entry: Entry) -> None:
        begun = self._clock()
        entry = replace(entry, tries=entry.tries + 1)
        try:
            trouble, is_final = await self._try(entry)
        except _NotOwed:
            self._schedule.drop(entry)
        else:
            how = self._judge(entry, trouble, is_final=is_final)
            self._observer.delivery_tried(entry.kind, how, self._clock() - begun)
            self._tell(entry, how, trouble)
            await self._record(entry, how)
        self._note_change()

    def _judge(self, entry: Entry, trouble: str, *, is_final: bool) -> Step:
        if not trouble:
            return "delivered"
        return "given_up" if is_final or entry.tries >= self._settings.tries else "retried"

    async def _try(self, entry: Entry) -> tuple[str, bool]:
        """Return what went wrong, if anything, and whether that is for good."""
        try:
            status = await self._call(entry)
        except ForbiddenAddress as error:
            return f"{error.message} {error.detail}", True
        except BlobNotFound:
            return "the picture has expired", True
        except TimeoutError:
            return "no answer in time", False
        except CutwireError as error:
            return f"{error.message} {error.detail}", False
        except _NotOwed:
            raise
        except Exception:  # noqa: BLE001 - a defect of ours must not end the other deliveries
            _log.exception("delivery failed unexpectedly", extra={"task_uuid": entry.task_uuid})
            return "internal error", False
        return ("" if _FIRST_OK <= status <= _LAST_OK else f"status {status}"), False

    async def _call(self, entry: Entry) -> int:
        outcome = await self._outbox.outcome(entry)
        if outcome is None:
            raise _NotOwed
        size_bytes = self._parcels.size_bytes(entry.kind, outcome)
        async with self._memory.hold(entry.tenant, size_bytes):
            parcel = await self._parcels.parcel(entry.kind, outcome)
            async with asyncio.timeout(self._parcels.limit_s(entry.kind, outcome)):
                return await self._calls.deliver(parcel, PARAMETERS[entry.kind])

    async def _record(self, entry: Entry, how: Step) -> None:
        spread = random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - spreads load, guards nothing
        wait_s = self._settings.wait_s(entry.tries) * spread
        try:
            if how == "retried":
                await self._outbox.postpone(replace(entry, due_at=time.time() + wait_s))
            else:
                await self._outbox.end(entry, how)
        except CutwireError as error:
            # After a restart it is tried again: better twice than never.
            _log.warning("delivery not recorded", extra=_facts(entry) | {"detail": error.detail})
        if how == "retried":
            self._schedule.again(entry, self._clock() + wait_s)
        else:
            self._schedule.drop(entry)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_EVERY_S)
            try:
                while await self._outbox.sweep(self._settings.keep_s):
                    pass
            except CutwireError as error:
                _log.warning("sweep of deliveries failed", extra={"detail": error.detail})

    def _note_change(self) -> None:
        self._observer.deliveries_pending(len(self._schedule))
        self._changed.set()

    def _tell(self, entry: Entry, how: Step, trouble: str) -> None:
        level = logging.WARNING if how == "given_up" else logging.INFO
        reason = {"reason": trouble} if trouble else {}
        _log.log(level, WORDS[how], extra=_facts(entry) | reason)


def _facts(entry: Entry) -> dict[str, object]:
    """What a log entry tells; a URL may hold secrets, so only its host is named."""
    return {
        "kind": entry.kind,
        "task_uuid": entry.task_uuid,
        "tenant": entry.tenant,
        "host": entry.host,
        "tries": entry.tries,
    }
