"""A worker host: pulls tasks from the broker, runs them, and tells how it is over HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from inference.inputs.fetch import Fetcher
from inference.inputs.reader import InputReader
from inference.jetstream_engine.broker import Broker
from inference.jetstream_engine.engine import JetStreamEngine
from inference.stores import Disposal, PatientStore, Store, open_store
from inference.worker import Worker
from server.budgets import Budgets
from server.data_dir import prepare_data_dir
from server.defects import watched_defects
from server.health import Health
from server.loop_lag import watched_loop
from server.machine import Machine
from server.metrics import CONTENT_TYPE, Metrics
from server.parts import Parts
from server.pricing import PriceTable
from server.settings import Settings
from server.settlement import Settlement
from server.start_failure import PlainStart, StartFailure
from server.tracing import open_traces

STORE_PATIENCE_S = 30.0
"""A task that was accepted does not fail because its pictures cannot be had for a moment."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class WorkerService:
    """A wired worker: a small ASGI application, and how to drain it."""

    app: ASGIApp
    labour: WorkerLabour

    async def drain(self) -> None:
        """Take no more tasks, finish those in work, give back the rest."""
        await self.labour.drain()


def build_worker(settings: Settings, pools: Sequence[str]) -> WorkerService:
    """Wire a worker; nothing runs before the application starts."""
    metrics, parts = Metrics(), Parts()
    store = open_store(settings.store, prepare_data_dir(settings.shared_folder))
    prices = PriceTable(settings.prices)
    budgets = Budgets(prices, settings.pictures.limit_pixels)  # kept by the gateways
    traces, disposal = open_traces(settings.tracing), Disposal(store)
    broker = Broker(settings.nats, f"cutwire worker {socket.gethostname()}")
    engine = JetStreamEngine(
        broker,
        Settlement(metrics, prices, disposal, budgets, traces),
        settings.engine_here,
        jobs_life_s=settings.journal.result_life_s,
        pools=pools,
    )
    labour = WorkerLabour(
        settings,
        broker,
        engine,
        store,
        Machine(settings, metrics, loaded=metrics.model_loaded),
        parts,
    )
    health = Health(store, parts, lambda: labour.is_ready)
    failure = StartFailure()

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        with failure.watched():
            async with (
                watched_defects(metrics.defect),
                watched_loop(metrics.loop_was_late),
                traces.running(),
                parts.running(disposal.run(), "the disposal of inputs"),
                labour.running(),
            ):
                yield

    async def tell_metrics(_: Request) -> Response:
        stats = await engine.stats()
        own = replace(stats, running=engine.running)
        metrics.gauged(own, is_ready=labour.is_ready, trouble=engine.trouble())
        return Response(metrics.text(), media_type=CONTENT_TYPE)

    app = Starlette(
        routes=[
            Route("/metrics", tell_metrics, methods=["GET"]),
            *health.table(),
        ],
        lifespan=lifespan,
    )
    return WorkerService(PlainStart(app, failure), labour)


class WorkerLabour:
    """The pull loop on this host's machine."""

    def __init__(
        self,
        settings: Settings,
        broker: Broker,
        engine: JetStreamEngine,
        store: Store,
        machine: Machine,
        parts: Parts,
    ) -> None:
        self._settings = settings
        self._broker = broker
        self._engine = engine
        self._store = store
        self._machine = machine
        self._parts = parts
        self._is_serving = False

    @property
    def is_ready(self) -> bool:
        """Whether tasks are taken just now."""
        return self._is_serving and self._parts.are_whole and not self._engine.trouble()

    async def drain(self) -> None:
        """Take no more tasks, finish those in work, give back the rest."""
        self._is_serving = False
        await self._engine.close(self._settings.edge.drain_timeout_s)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Load the models, and take tasks until the block ends."""
        fetcher = Fetcher(self._settings.fetch, self._settings.allow_private_networks)
        patient = PatientStore(self._store, STORE_PATIENCE_S)
        inputs = InputReader(patient, fetcher)
        async with (
            self._broker.opened(),
            self._machine.running(inputs, patient) as runner,
        ):
            await self._engine.open()
            worker = Worker(self._engine, runner, concurrency=self._settings.work.slot_count)
            serving = self._parts.start(worker.run(), "the worker")
            self._is_serving = True
            try:
                yield
            finally:
                self._is_serving = False
                await self._engine.close(drain_s=0)
                serving.cancel()
                await asyncio.wait({serving})
                await fetcher.close()
