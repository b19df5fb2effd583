"""All settings of the service: small structs, each beside the code that reads it."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from inference.batcher import BatchSettings
from inference.coding import PictureLimits
from inference.inputs.fetch import FetchSettings
from inference.jetstream_engine.settings import NatsSettings
from inference.journal import JournalSettings
from inference.local_engine import LocalEngineSettings
from inference.models import ModelSettings
from inference.moderation import ModerationSettings
from inference.quantities import Count
from inference.sandbox import DecodingSettings
from inference.sessions import SessionSettings
from inference.stores import StoreSettings
from server.deliveries import DeliverySettings
from server.edge import EdgeSettings
from server.edit_quota import EditSettings
from server.limits import LifeSettings, SocketLimits
from server.pricing import PriceSettings
from server.rates import RateSettings
from server.tracing import TracingSettings

_PUBLIC_URL = re.compile(r"https?://[^/?#\s@]+(/[^?#\s]*)?")


class LogSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is logged, and how."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """What is less than this is left out."""
    style: Literal["auto", "json", "plain"] = "auto"
    """`auto`: plain at a terminal, JSON elsewhere."""


class WorkSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much this machine does at once."""

    threads: Annotated[int, msgspec.Meta(ge=0, le=512)] = 0
    """Threads for codecs and pixel steps; 0: one per core."""
    concurrency: Annotated[int, msgspec.Meta(ge=0, le=4096)] = 0
    """Tasks of one tenant in work at once; 0: two more than threads. One more may be another's."""
    max_pixels: Count = 16_000_000
    """Pixels of all pictures in work; a larger picture is worked on alone."""
    matting: Literal["fast", "exact"] = "fast"
    """How alphaMatting solves: `fast` at a bounded cost, `exact` as pymatting and rembg do, to the
    last digit, for at most 200,000 unknown pixels."""
    switch_interval_ms: Annotated[float, msgspec.Meta(gt=0, le=1000)] = 1.0
    """How long a thread that computes in Python keeps the GIL when another one, such as the event
    loop's, asks for it."""

    @property
    def thread_count(self) -> int:
        """Threads, counted from the machine where the settings leave it open."""
        return self.threads or len(os.sched_getaffinity(0))

    @property
    def task_count(self) -> int:
        """Tasks at once, counted from the machine where the settings leave it open."""
        return self.concurrency or self.thread_count + 2

    @property
    def slot_count(self) -> int:
        """Places for tasks in work: one is left for who comes while another has all it may have."""
        return self.task_count + 1


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that an operator may decide."""

    data_dir: Path = Path("~/.local/share/cutwire")
    """Keys, signing secret, tasks and charges, stored pictures."""
    shared_dir: str = ""
    """What all gateways and workers see: keys, signing secret, and pictures where the store is
    `local`; empty: the data directory."""
    public_url: str = ""
    """How clients reach the service; empty: the address that it listens on."""
    playground: bool = True
    """Whether `/` shows the page to try the service with."""
    allow_private_networks: bool = False
    """Whether inputs and callbacks may lie on loopback, RFC 1918 and ULA addresses."""

    edge: EdgeSettings = EdgeSettings()
    limits: SocketLimits = SocketLimits()
    rates: RateSettings = RateSettings()
    edits: EditSettings = EditSettings()
    lives: LifeSettings = LifeSettings()
    deliveries: DeliverySettings = DeliverySettings()
    work: WorkSettings = WorkSettings()
    pictures: PictureLimits = PictureLimits()
    decoding: DecodingSettings = DecodingSettings()
    fetch: FetchSettings = FetchSettings()
    store: StoreSettings = StoreSettings()
    engine_kind: Literal["embedded", "nats"] = "embedded"
    """Whether tasks run in this process, or at workers that NATS JetStream hands them to."""
    engine: LocalEngineSettings = LocalEngineSettings()
    nats: NatsSettings = NatsSettings()
    journal: JournalSettings = JournalSettings()
    models: ModelSettings = ModelSettings()
    moderation: ModerationSettings = ModerationSettings()
    sessions: SessionSettings = SessionSettings()
    batching: BatchSettings = BatchSettings()
    prices: PriceSettings = PriceSettings()
    logs: LogSettings = LogSettings()
    tracing: TracingSettings = TracingSettings()

    def __post_init__(self) -> None:
        if self.public_url and not _PUBLIC_URL.fullmatch(self.public_url):
            raise ValueError(
                f"public_url is '{self.public_url}'; allowed: http:// or https://, a host, and "
                "perhaps a port and a path"
            )
        if self.engine_kind == "nats" and self.store.kind != "s3" and not self.shared_dir:
            raise ValueError(
                "store.kind is not 's3': gateways and workers need one store; name a folder that "
                "all of them see in shared_dir, or an S3 bucket in store.bucket"
            )

    @property
    def shared_folder(self) -> Path:
        """Where keys, signing secret and local pictures lie."""
        return Path(self.shared_dir) if self.shared_dir else self.data_dir

    @property
    def engine_here(self) -> LocalEngineSettings:
        """The embedded engine's settings, with what they leave to this machine."""
        return msgspec.structs.replace(
            self.engine,
            running_per_tenant=self.engine.running_per_tenant or self.work.thread_count,
            running_alone=self.engine.running_alone or self.work.task_count,
        )
