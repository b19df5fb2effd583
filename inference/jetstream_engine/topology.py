"""Streams, consumers and buckets: made where they are missing, altered only when told."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from inference.jetstream_engine import names
from inference.jetstream_engine.broker import NOT_FOUND, Broker, Refusal
from inference.jetstream_engine.settings import NatsSettings
from protocol.errors import StorageUnavailable

SECOND = 10**9
DAY_S = 24 * 3600
ACCOUNT_LIFE_S = 40 * DAY_S
"""After the last write: an account is one month's."""
MAX_MESSAGE_BYTES = 64 * 1024
MAX_ACK_PENDING = 20_000
LEDGER_ACK_WAIT_S = 30
UNAVAILABLE = 503
NO_PEERS = 10005
"""A cluster's servers do not all know each other yet."""

Step = Literal["made", "altered", "differs", "is there"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A stream, or a consumer of one, and what its configuration must say."""

    stream: str
    config: dict[str, Any]
    consumer: str = ""

    @property
    def name(self) -> str:
        """How people are told of it."""
        return f"{self.stream} > {self.consumer}" if self.consumer else self.stream

    @property
    def target(self) -> str:
        """The last part of the API's subjects."""
        return f"{self.stream}.{self.consumer}" if self.consumer else self.stream


@dataclass(frozen=True, slots=True)
class Change:
    """What was done about one stream or consumer, or must be told to be done."""

    name: str
    step: Step
    differences: dict[str, tuple[Any, Any]]
    """Setting → (what it is, what it should be)."""


def wanted(settings: NatsSettings, jobs_life_s: float) -> list[Wanted]:
    """List all streams, each followed by its consumers."""
    return [
        *_tasks(settings, jobs_life_s),
        *_results(settings),
        *_buckets(settings, jobs_life_s),
        *_usage(settings),
        *_dead_letters(settings),
    ]


async def set_up(
    broker: Broker, all_wanted: list[Wanted], *, update: bool = False, patience_s: float = 30.0
) -> AsyncGenerator[Change]:
    """Make what is missing; what differs is altered if told to, and told of if not.

    Raises:
        Refusal: the broker does not allow it, or has no room.
        StorageUnavailable: it does not answer within the patience for one of them.
    """
    for one in all_wanted:
        yield await _settled(broker, one, update=update, patience_s=patience_s)


async def _settled(broker: Broker, one: Wanted, *, update: bool, patience_s: float) -> Change:
    """See to one of them, and again while a cluster chooses its leaders."""
    until = time.monotonic() + patience_s
    while True:
        try:
            return await _see_to(broker, one, update=update)
        except (Refusal, StorageUnavailable) as exc:
            passes = isinstance(exc, StorageUnavailable) or (
                exc.code == UNAVAILABLE or exc.err_code == NO_PEERS
            )
            if not passes or time.monotonic() > until:
                raise
            await asyncio.sleep(0.25)


async def _see_to(broker: Broker, one: Wanted, *, update: bool) -> Change:
    found = await _find(broker, one)
    if found is None:
        await make(broker, one)
        return Change(one.name, "made", {})
    differences = dict(_differences(found, one.config))
    if not differences:
        return Change(one.name, "is there", {})
    if update:
        await make(broker, one, "CREATE" if one.consumer else "UPDATE")
    return Change(one.name, "altered" if update else "differs", differences)


async def _find(broker: Broker, one: Wanted) -> dict[str, Any] | None:
    kind = "CONSUMER" if one.consumer else "STREAM"
    try:
        config: dict[str, Any] = (await broker.call(f"{kind}.INFO.{one.target}"))["config"]
    except Refusal as refusal:
        if refusal.code == NOT_FOUND:
            return None
        raise
    return config


async def make(broker: Broker, one: Wanted, verb: str = "CREATE") -> None:
    """Make a stream or a consumer, or with `UPDATE` alter a stream."""
    if one.consumer:
        request = {"stream_name": one.stream, "config": one.config}
        await broker.call(f"CONSUMER.DURABLE.{verb}.{one.target}", request)
    else:
        await broker.call(f"STREAM.{verb}.{one.target}", one.config)


def _differences(
    found: dict[str, Any], config: dict[str, Any]
) -> Iterator[tuple[str, tuple[Any, Any]]]:
    for key, value in config.items():
        is_value = found.get(key, False if isinstance(value, bool) else None)
        if is_value != value:
            yield key, (is_value, value)


def _stream(
    name: str, subjects: list[str], settings: NatsSettings, life_s: float, **more: Any
) -> Wanted:
    config = {
        "name": name,
        "subjects": subjects,
        "retention": "limits",
        "storage": "file",
        "discard": "new",
        "num_replicas": settings.replicas,
        "max_age": int(life_s * SECOND),
        "duplicate_window": int(min(settings.duplicate_window_s, life_s) * SECOND),
    }
    return Wanted(name, config | more)


def _consumer(stream: str, name: str, ack_wait_s: float, **more: Any) -> Wanted:
    config = {
        "durable_name": name,
        "ack_policy": "explicit",
        "ack_wait": int(ack_wait_s * SECOND),
        "deliver_policy": "all",
        "replay_policy": "instant",
        "max_ack_pending": MAX_ACK_PENDING,
        "max_waiting": 2048,
        "max_deliver": -1,
    }
    return Wanted(stream, config | more, name)


def _tasks(settings: NatsSettings, jobs_life_s: float) -> Iterator[Wanted]:
    """Work queues. The janitor ends a task in time; its age here is a net below that."""
    for pool in settings.all_pools:
        stream = names.tasks_stream(pool)
        yield _stream(
            stream,
            [f"task.{pool}.>"],
            settings,
            2 * jobs_life_s,
            retention="workqueue",
            discard_new_per_subject=True,
            max_msgs_per_subject=settings.max_waiting,
            max_msg_size=MAX_MESSAGE_BYTES,
            max_bytes=settings.tasks_bytes,
        )
        for kind in names.KINDS:
            for lane in names.LANES:
                yield _consumer(
                    stream,
                    names.consumer(pool, kind, lane),
                    settings.ack_wait_s,
                    filter_subject=names.lane_filter(pool, kind, lane),
                    max_deliver=settings.max_deliveries,
                )


def _results(settings: NatsSettings) -> Iterator[Wanted]:
    yield _stream(
        names.RESULTS,
        ["res.>"],
        settings,
        settings.results_life_s,
        max_bytes=settings.results_bytes,
        allow_direct=True,
        republish={"src": "res.>", "dest": "live.>"},
    )


def _buckets(settings: NatsSettings, jobs_life_s: float) -> Iterator[Wanted]:
    """Key-value buckets: the broker's own tools can read them."""
    yield _stream(
        names.JOBS,
        ["$KV.JOBS.>"],
        settings,
        jobs_life_s,
        discard="old",
        max_msgs_per_subject=1,
        max_bytes=settings.jobs_bytes,
        allow_direct=True,
        allow_rollup_hdrs=True,
        republish={"src": "$KV.JOBS.>", "dest": "live.job.>", "headers_only": True},
    )
    lives = {
        names.SESSIONS: settings.results_life_s,
        names.ACCOUNTS: ACCOUNT_LIFE_S,
        names.CLUSTER: 0,
    }
    for name, life_s in lives.items():
        subjects = [f"${name.replace('_', '.')}.>"]
        yield _stream(
            name,
            subjects,
            settings,
            life_s,
            max_msgs_per_subject=1,
            discard="old" if life_s else "new",
            duplicate_window=int(min(120, life_s or 120) * SECOND),
            allow_direct=True,
            allow_rollup_hdrs=True,
        )


def _usage(settings: NatsSettings) -> Iterator[Wanted]:
    yield _stream(
        names.USAGE,
        ["usage.>"],
        settings,
        30 * DAY_S,
        retention="workqueue",
        max_bytes=settings.usage_bytes,
    )
    yield _consumer(names.USAGE, names.LEDGER, LEDGER_ACK_WAIT_S)


def _dead_letters(settings: NatsSettings) -> Iterator[Wanted]:
    subjects = [
        f"$JS.EVENT.ADVISORY.CONSUMER.{what}.*.*" for what in ("MAX_DELIVERIES", "MSG_TERMINATED")
    ]
    yield _stream(names.DEAD_LETTERS, subjects, settings, 7 * DAY_S)
    yield _consumer(names.DEAD_LETTERS, names.JANITOR, LEDGER_ACK_WAIT_S)
