"""The composition root: the only place that wires parts together."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from starlette.applications import Starlette

from inference.batcher import Batcher
from inference.inputs.fetch import Fetcher
from inference.inputs.reader import InputReader
from inference.job_runner import Bounds, JobRunner
from inference.local_engine import LocalEngine
from inference.models import Catalogue, ModelPool, Row
from inference.pixel_budget import PixelBudget
from inference.sessions import choose_providers, open_session
from inference.stores import Store, open_store
from inference.worker import Worker
from server.auth import KeyFile, KeyRing, StoredKey, WrongKeys
from server.connection import Reception
from server.dispatcher import Dispatcher
from server.downloads import Downloads
from server.http_tasks import HttpTasks
from server.intake import Intake
from server.janitor import Janitor
from server.metrics import Metrics
from server.pricing import PriceTable
from server.replier import Replier
from server.routes import Routes
from server.session_registry import SessionRegistry
from server.settings import Settings
from server.settlement import Settlement
from server.signing import UrlSigner, load_secret

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Service:
    """A wired service: an ASGI application, and how to drain it."""

    app: Starlette
    routes: Routes

    async def drain(self) -> None:
        """Refuse new tasks, deliver what is in work, and close the sockets."""
        await self.routes.drain()


def build_service(settings: Settings, extra_keys: Sequence[StoredKey] = ()) -> Service:
    """Wire a service of one machine; nothing runs before the application starts."""
    data_dir = prepare_data_dir(settings.data_dir)
    metrics = Metrics()
    store = open_store(settings.store, data_dir)
    threads = ThreadPoolExecutor(settings.work.thread_count, thread_name_prefix="cpu")
    catalogue = Catalogue(settings.models)
    catalogue.check(catalogue.find())  # a missing model or GPU is told now, not at the first task
    choose_providers(settings.sessions)
    prices = PriceTable(settings.prices)
    signer = UrlSigner((load_secret(data_dir),))
    engine = LocalEngine(settings.engine)
    dispatcher = Dispatcher(
        engine,
        Intake(
            store,
            catalogue,
            threads,
            limit_bytes=settings.pictures.limit_bytes,
            task_life_s=settings.limits.task_s,
        ),
        Replier(store, signer, prices, threads, url_life_s=settings.lives.url_s),
    )
    sessions = SessionRegistry(
        resume_s=settings.limits.resume_s, max_detached=settings.limits.max_detached_sessions
    )
    reception = Reception(
        dispatcher=dispatcher,
        sessions=sessions,
        keys=KeyRing(extra_keys, KeyFile(data_dir)),
        wrong_keys=WrongKeys(settings.limits.wrong_keys_per_minute),
        limits=settings.limits,
        metrics=metrics,
    )
    routes = Routes(
        reception,
        HttpTasks(reception),
        Downloads(store, signer),
        engine,
        public_url=settings.public_url,
    )
    machine = _Machine(settings, store, threads, catalogue, engine, metrics, prices)
    janitor = Janitor(sessions, dispatcher, store, settings.lives)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with machine.running(routes), asyncio.TaskGroup() as group:
            sweeping = group.create_task(janitor.run())
            yield
            sweeping.cancel()

    return Service(Starlette(routes=routes.table(), lifespan=lifespan), routes)


@dataclass(frozen=True, slots=True)
class _Machine:
    """The worker's side of the service: models, threads and the pull loop."""

    settings: Settings
    store: Store
    threads: ThreadPoolExecutor
    catalogue: Catalogue
    engine: LocalEngine
    metrics: Metrics
    prices: PriceTable

    @contextlib.asynccontextmanager
    async def running(self, routes: Routes) -> AsyncIterator[None]:
        """Load the default model, then take jobs until the block ends."""
        fetcher = Fetcher(self.settings.fetch, self.settings.allow_private_networks)
        networks = ModelPool(self.catalogue, self._open_network)
        await self.engine.open()
        await networks.network()
        worker = Worker(
            self.engine,
            self._runner(fetcher, networks),
            Settlement(self.metrics, self.prices, self.store),
            concurrency=self.settings.work.task_count,
        )
        serving = asyncio.create_task(worker.run())
        serving.add_done_callback(_report_crash)
        routes.is_ready = True
        try:
            yield
        finally:
            routes.is_ready = False
            await self.engine.close(drain_s=0)
            serving.cancel()
            await asyncio.wait({serving})
            await networks.close()
            await fetcher.close()
            self.threads.shutdown(wait=False, cancel_futures=True)

    def _runner(self, fetcher: Fetcher, networks: ModelPool) -> JobRunner:
        return JobRunner(
            InputReader(self.store, fetcher),
            self.store,
            networks,
            self.threads,
            Bounds(self.settings.pictures, PixelBudget(self.settings.work.max_pixels)),
        )

    def _open_network(self, row: Row, path: Path) -> Batcher:
        session = open_session(path, self.settings.sessions, row)
        return Batcher(session, self.settings.batching, self.metrics)


def prepare_data_dir(data_dir: Path) -> Path:
    """Make the data directory, for its owner alone."""
    folder = data_dir.expanduser().absolute()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def _report_crash(serving: asyncio.Task[None]) -> None:
    if not serving.cancelled() and serving.exception() is not None:
        _log.critical("the worker stopped", exc_info=serving.exception())
