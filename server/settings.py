"""All settings of the service: small structs, each beside the code that reads it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from inference.batcher import BatchSettings
from inference.coding import PictureLimits
from inference.inputs.fetch import FetchSettings
from inference.journal import JournalSettings
from inference.local_engine import LocalEngineSettings
from inference.models import ModelSettings
from inference.moderation import ModerationSettings
from inference.sessions import SessionSettings
from inference.stores import StoreSettings
from server.deliveries import DeliverySettings
from server.edge import EdgeSettings
from server.edit_quota import EditSettings
from server.limits import LifeSettings, SocketLimits
from server.pricing import PriceSettings


class LogSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is logged, and how."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    style: Literal["auto", "json", "plain"] = "auto"
    """`auto`: plain at a terminal, JSON elsewhere."""


class WorkSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much this machine does at once."""

    threads: Annotated[int, msgspec.Meta(ge=0, le=512)] = 0
    """Threads for codecs and pixel steps; 0: one per core."""
    concurrency: Annotated[int, msgspec.Meta(ge=0, le=4096)] = 0
    """Tasks in work at once; 0: two more than threads."""
    max_pixels: Annotated[int, msgspec.Meta(ge=1)] = 16_000_000
    """Pixels of all pictures in work; a larger picture is worked on alone."""

    @property
    def thread_count(self) -> int:
        """Threads, counted from the machine where the settings leave it open."""
        return self.threads or len(os.sched_getaffinity(0))

    @property
    def task_count(self) -> int:
        """Tasks at once, counted from the machine where the settings leave it open."""
        return self.concurrency or self.thread_count + 2


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that an operator may decide."""

    data_dir: Path = Path("~/.local/share/cutwire")
    """Keys, signing secret, tasks and charges, stored pictures."""
    public_url: str = ""
    """How clients reach the service; empty: the address that it listens on."""
    allow_private_networks: bool = False
    """Whether inputs and callbacks may lie on loopback, RFC 1918 and ULA addresses."""

    edge: EdgeSettings = EdgeSettings()
    limits: SocketLimits = SocketLimits()
    edits: EditSettings = EditSettings()
    lives: LifeSettings = LifeSettings()
    deliveries: DeliverySettings = DeliverySettings()
    work: WorkSettings = WorkSettings()
    pictures: PictureLimits = PictureLimits()
    fetch: FetchSettings = FetchSettings()
    store: StoreSettings = StoreSettings()
    engine: LocalEngineSettings = LocalEngineSettings()
    journal: JournalSettings = JournalSettings()
    models: ModelSettings = ModelSettings()
    moderation: ModerationSettings = ModerationSettings()
    sessions: SessionSettings = SessionSettings()
    batching: BatchSettings = BatchSettings()
    prices: PriceSettings = PriceSettings()
    logs: LogSettings = LogSettings()
