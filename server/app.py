"""The composition root: the only place that wires parts together."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from starlette.applications import Starlette
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Lifespan

from inference import journal, ledger
from inference.database import FILE_NAME, Database
from inference.inputs.fetch import Fetcher
from inference.journal import Journal
from inference.models import Catalogue
from inference.stores import Disposal, open_store
from server import budgets, deliveries
from server.allowances import Allowances
from server.auth import KeyFile, KeyRing, StoredKey, WrongKeys
from server.books import SCHEMA as BOOKS
from server.books import Books
from server.budgets import Budgets
from server.data_dir import prepare_data_dir
from server.defects import watched_defects
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
from server.health import Health
from server.http_errors import answer_defect, answer_http_error
from server.intake import Admissible, Intake
from server.janitor import Janitor
from server.labour import hire
from server.loop_lag import watched_loop
from server.machine import Machine
from server.mask_archive import MaskArchive
from server.metrics import Metrics
from server.parts import Parts
from server.playground import Playground, describe_tasks
from server.pricing import PriceTable
from server.rates import RateLimiter
from server.reception import Reception
from server.replier import Replier
from server.routes import Routes
from server.session_registry import SessionRegistry
from server.settings import Settings
from server.settlement import Settlement
from server.signing import UrlSigner, load_secret
from server.start_failure import PlainStart, StartFailure
from server.tracing import open_traces
from server.traffic import CountedTraffic


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
    metrics, parts = Metrics(), Parts()
    shared = prepare_data_dir(settings.shared_folder)
    store = open_store(settings.store, shared)
    runs_here = settings.engine_kind == "embedded"
    machine = Machine(settings, metrics, computes=runs_here, loaded=metrics.model_loaded)
    prices = PriceTable(settings.prices)
    secret = load_secret(shared)
    signer = UrlSigner((secret,))
    database = Database(data_dir / FILE_NAME)
    outbox = Outbox(database)
    spending = Budgets(prices, settings.pictures.limit_pixels)
    traces, disposal = open_traces(settings.tracing), Disposal(store)
    record = Journal(database, settings.journal, records=(outbox.record, spending.record))
    labour = hire(
        settings,
        machine,
        store,
        Settlement(metrics, prices, disposal, spending, traces),
        record,
        Books(database, spending, outbox),
    )
    task_rate, request_rate, edit_quota = limiters = _limiters(settings)
    labour.count_together(limiters)
    replier = Replier(
        store,
        signer,
        machine.threads,
        url_life_s=settings.lives.url_s,
        refused=metrics.element_refused,
        traces=traces,
    )
    edit_replier = EditReplier(replier, MaskArchive(store, machine.threads, settings.pictures))
    webhooks = WebhookSecrets(secret)
    parcels = Parcels(
        store=store,
        secrets=webhooks,
        task_bodies=TaskBodies(replier),
        edit_bodies=EditBodies(edit_replier),
        settings=settings.deliveries,
    )
    post = _Post.of(settings, outbox, parcels, metrics, parts)
    dispatcher = Dispatcher(
        labour.engine,
        Intake(
            store,
            disposal,
            machine.catalogue,
            Admissible(
                settings.pictures,
                settings.allow_private_networks,
                is_moderated=machine.is_moderated,
                needs_models=runs_here,
            ),
            task_life_s=settings.limits.task_s,
        ),
        replier,
        post.gate(),
        Uploads(outbox, labour.upload_state),
        Allowances(task_rate, spending, labour.budget_shares),
    )
    sessions = SessionRegistry(
        resume_s=settings.limits.resume_s,
        max_detached=settings.limits.max_detached_sessions,
        max_attached=settings.limits.max_sockets,
        max_attached_per_tenant=settings.limits.max_sockets_per_tenant,
        directory=labour.directory,
    )
    reception = Reception(
        dispatcher=dispatcher,
        sessions=sessions,
        keys=_key_ring(shared, extra_keys),
        requests=request_rate,
        wrong_keys=WrongKeys(settings.limits.wrong_keys_per_minute),
        limits=settings.limits,
        metrics=metrics,
    )
    routes = Routes(
        reception,
        Downloads(store, signer),
        labour.engine,
        EditRoutes(
            reception,
            EditDesk(
                dispatcher, edit_replier, webhooks, limit_bytes=settings.limits.max_body_bytes
            ),
            edit_quota,
        ),
        parts,
        public_url=settings.public_url,
    )
    health = Health(store, parts, routes.is_serving)
    janitor = Janitor(
        sessions, dispatcher, store, record, settings.lives, lambda: labour.is_sweeper
    )

    failure = StartFailure()

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        with failure.watched():
            async with (
                watched_defects(metrics.defect),
                traces.running(),
                parts.running(disposal.run(), "the disposal of inputs"),
                database.opened(
                    journal.SCHEMA, ledger.SCHEMA, deliveries.SCHEMA, budgets.SCHEMA, BOOKS
                ),
                _recalled(spending, database, record) if runs_here else contextlib.nullcontext(),
                post.running(),
                labour.running(routes, sessions, parts),
                watched_loop(metrics.loop_was_late),
                parts.running(janitor.run(), "the janitor"),
            ):
                yield

    app = _application(
        [*routes.table(), *health.table(), *_playground(settings, machine.catalogue)], lifespan
    )
    return Service(PlainStart(CountedTraffic(app, metrics), failure), routes)


def _application(paths: Sequence[BaseRoute], lifespan: Lifespan[Starlette]) -> Starlette:
    handlers = {404: answer_http_error, 405: answer_http_error, 500: answer_defect}
    app = Starlette(routes=paths, lifespan=lifespan, exception_handlers=handlers)
    app.router.redirect_slashes = False  # it would name the client's Host, and http behind a proxy
    return app


def _limiters(settings: Settings) -> tuple[RateLimiter, RateLimiter, EditQuota]:
    rates = settings.rates
    return (
        RateLimiter(rates.tasks_per_minute, rates.burst_s, "tasks"),
        RateLimiter(rates.requests_per_minute, rates.burst_s, "requests"),
        EditQuota(settings.edits),
    )


def _key_ring(folder: Path, extra_keys: Sequence[StoredKey]) -> KeyRing:
    file = KeyFile(folder)
    file.load()  # one that is broken is told at the start
    return KeyRing(extra_keys, file)


def _playground(settings: Settings, models: Catalogue) -> Sequence[BaseRoute]:
    if not settings.playground:
        return ()
    forms = describe_tasks(models, settings.pictures, message_bytes=settings.edge.max_message_bytes)
    return Playground(forms, settings.store.public_origin).table()


@dataclass(frozen=True, slots=True)
class _Post:
    """Webhooks and uploads: their calls have places of their own, apart from those of inputs."""

    settings: DeliverySettings
    courier: Courier
    parts: Parts
    calls: Fetcher
    checks: Fetcher

    @classmethod
    def of(
        cls,
        settings: Settings,
        outbox: Outbox,
        parcels: Parcels,
        metrics: Metrics,
        parts: Parts,
    ) -> _Post:
        """Wire them."""
        calls = Fetcher(settings.deliveries.calls, settings.allow_private_networks)
        checks = Fetcher(settings.fetch, settings.allow_private_networks)
        courier = Courier(outbox, parcels, calls, metrics)
        return cls(settings.deliveries, courier, parts, calls, checks)

    def gate(self) -> CallbackGate:
        """Make what judges the URLs of new tasks."""
        limit = self.settings.max_pending_per_tenant
        return CallbackGate(self.checks, self.courier.pending_of, limit)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Deliver until the block ends; what is left then is taken up at the next start."""
        await self.courier.open()
        try:
            async with self.parts.running(self.courier.run(), "the courier"):
                yield
        finally:
            await self.calls.close()
            await self.checks.close()


@contextlib.asynccontextmanager
async def _recalled(spending: Budgets, database: Database, record: Journal) -> AsyncIterator[None]:
    """Take up what keys have spent, before any task is."""
    await spending.open(database, [job for job, _ in await record.unfinished()])
    yield
