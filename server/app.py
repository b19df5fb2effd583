"""The composition root: the only place that wires parts together."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.types import ASGIApp

from inference import journal, ledger
from inference.database import FILE_NAME, Database
from inference.inputs.fetch import Fetcher
from inference.inputs.reader import InputReader
from inference.journal import Journal
from inference.local_engine import LocalEngine
from inference.stores import Store, open_store
from inference.worker import Worker
from protocol.errors import CutwireError
from server import deliveries
from server.auth import KeyFile, KeyRing, StoredKey, WrongKeys
from server.data_dir import prepare_data_dir
from server.deliveries import (
    CallbackGate,
    Courier,
    DeliverySettings,
    EditBodies,
    Outbox,
    Parcels,
    TaskBodies,
    Uploads,
    WebhookSecrets,
)
from server.dispatcher import Dispatcher
from server.downloads import Downloads
from server.edit_desk import EditDesk
from server.edit_quota import EditQuota
from server.edit_replier import EditReplier
from server.edit_routes import EditRoutes
from server.http_errors import answer_http_error
from server.http_tasks import HttpTasks
from server.intake import Admissible, Intake
from server.janitor import Janitor
from server.machine import Machine
from server.mask_archive import MaskArchive
from server.metrics import Metrics
from server.pricing import PriceTable
from server.reception import Reception
from server.replier import Replier
from server.routes import Routes
from server.session_registry import SessionRegistry
from server.settings import Settings
from server.settlement import Settlement
from server.signing import UrlSigner, load_secret
from server.start_failure import PlainStart, StartFailure

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Service:
    """A wired service: an ASGI application, and how to drain it."""

    app: ASGIApp
    routes: Routes

    async def drain(self) -> None:
        """Refuse new tasks, deliver what is in work, and close the sockets."""
        await self.routes.drain()


def build_service(settings: Settings, extra_keys: Sequence[StoredKey] = ()) -> Service:
    """Wire a service of one machine; nothing runs before the application starts."""
    data_dir = prepare_data_dir(settings.data_dir)
    metrics = Metrics()
    store = open_store(settings.store, data_dir)
    machine = Machine(settings, metrics)
    threads = machine.threads
    prices = PriceTable(settings.prices)
    secret = load_secret(data_dir)
    signer = UrlSigner((secret,))
    database = Database(data_dir / FILE_NAME)
    outbox = Outbox(database)
    record = Journal(database, settings.journal, records=(outbox.record,))
    engine = LocalEngine(settings.engine, record, Settlement(metrics, prices, store))
    replier = Replier(store, signer, threads, url_life_s=settings.lives.url_s)
    edit_replier = EditReplier(replier, MaskArchive(store, threads, settings.pictures))
    webhooks = WebhookSecrets(secret)
    parcels = Parcels(
        store=store,
        secrets=webhooks,
        task_bodies=TaskBodies(replier),
        edit_bodies=EditBodies(edit_replier),
        settings=settings.deliveries,
    )
    post = _Post.of(settings, outbox, parcels, metrics)
    dispatcher = Dispatcher(
        engine,
        Intake(
            store,
            machine.catalogue,
            threads,
            Admissible(
                settings.pictures,
                settings.allow_private_networks,
                is_moderated=machine.classifier is not None,
            ),
            task_life_s=settings.limits.task_s,
        ),
        replier,
        post.gate(),
        Uploads(outbox),
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
    desk = EditDesk(dispatcher, edit_replier, webhooks, limit_bytes=settings.limits.max_body_bytes)
    routes = Routes(
        reception,
        HttpTasks(reception),
        Downloads(store, signer),
        engine,
        EditRoutes(reception, desk, EditQuota(settings.edits)),
        public_url=settings.public_url,
    )
    labour = _Labour(settings, store, engine, machine)
    janitor = Janitor(sessions, dispatcher, store, record, settings.lives)

    failure = StartFailure()

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        try:
            async with (
                database.opened(journal.SCHEMA, ledger.SCHEMA, deliveries.SCHEMA),
                post.running(),
                labour.running(routes),
                asyncio.TaskGroup() as group,
            ):
                sweeping = group.create_task(janitor.run())
                yield
                sweeping.cancel()
        except CutwireError as error:
            failure.reason = error
            raise

    app = Starlette(
        routes=routes.table(),
        lifespan=lifespan,
        exception_handlers={404: answer_http_error, 405: answer_http_error},
    )
    return Service(PlainStart(app, failure), routes)


@dataclass(frozen=True, slots=True)
class _Post:
    """Webhooks and uploads: their calls have places of their own, apart from those of inputs."""

    settings: DeliverySettings
    courier: Courier
    calls: Fetcher
    checks: Fetcher

    @classmethod
    def of(cls, settings: Settings, outbox: Outbox, parcels: Parcels, metrics: Metrics) -> _Post:
        """Wire them."""
        calls = Fetcher(settings.deliveries.calls, settings.allow_private_networks)
        checks = Fetcher(settings.fetch, settings.allow_private_networks)
        courier = Courier(outbox, parcels, calls, metrics)
        return cls(settings.deliveries, courier, calls, checks)

    def gate(self) -> CallbackGate:
        """Make what judges the URLs of new tasks."""
        limit = self.settings.max_pending_per_tenant
        return CallbackGate(self.checks, self.courier.pending_of, limit)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Deliver until the block ends; what is left then is taken up at the next start."""
        await self.courier.open()
        delivering = asyncio.create_task(self.courier.run(), name="the courier")
        delivering.add_done_callback(_report_crash)
        try:
            yield
        finally:
            delivering.cancel()
            await asyncio.wait({delivering})
            await self.calls.close()
            await self.checks.close()


@dataclass(frozen=True, slots=True)
class _Labour:
    """The worker's side of the service: the pull loop, on this process's machine."""

    settings: Settings
    store: Store
    engine: LocalEngine
    machine: Machine

    @contextlib.asynccontextmanager
    async def running(self, routes: Routes) -> AsyncIterator[None]:
        """Take jobs until the block ends."""
        fetcher = Fetcher(self.settings.fetch, self.settings.allow_private_networks)
        inputs = InputReader(self.store, fetcher)
        await self.engine.open()
        async with self.machine.running(inputs, self.store) as runner:
            worker = Worker(self.engine, runner, concurrency=self.settings.work.task_count)
            serving = asyncio.create_task(worker.run(), name="the worker")
            serving.add_done_callback(_report_crash)
            routes.is_ready = True
            try:
                yield
            finally:
                routes.is_ready = False
                await self.engine.close(drain_s=0)
                serving.cancel()
                await asyncio.wait({serving})
                await fetcher.close()


def _report_crash(part: asyncio.Task[None]) -> None:
    if not part.cancelled() and part.exception() is not None:
        _log.critical("%s stopped", part.get_name(), exc_info=part.exception())
