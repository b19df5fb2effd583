"""This process's share of the machine: models, threads, and what runs jobs on them."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from inference.batcher import Batcher, CpuTurns
from inference.batcher.observing import BatchObserver
from inference.crew import Crew
from inference.kernels.library import load as load_kernels
from inference.models import Catalogue, ModelPool, Row
from inference.moderation import Moderates, Moderator, NoModerator, choose_classifier
from inference.sandbox import running_decoder
from inference.turns import Turns
from server.process import limit_heaps, tune_process
from server.settings import Settings

if TYPE_CHECKING:
    from inference.job_runner import JobRunner, ReadsInputs, StoresBlobs

CountsLoads = Callable[[str, str, float], None]
"""Told the model, "success" or "failed", and seconds; from any thread."""


def uncounted(_model: str, _outcome: str, _seconds: float) -> None:
    """Count nothing."""


class Machine:
    """What a service, a worker and `cutwire run` compute with."""

    def __init__(
        self,
        settings: Settings,
        observer: BatchObserver,
        *,
        computes: bool = True,
        loaded: CountsLoads = uncounted,
    ) -> None:
        """Wire it; a gateway, which never runs it, needs no model on its disk."""
        limit_heaps()
        work = settings.work
        # For replies and archives: they wait for no picture's steps.
        self.threads = ThreadPoolExecutor(work.thread_count, thread_name_prefix="replies")
        # One for each task in work, so that no short step waits for another task's long one.
        self._crew = Crew(work.slot_count, first=max(1, work.thread_count // 2))
        self.catalogue = Catalogue(settings.models)
        self.is_moderated = settings.moderation.provider != "none"
        self.classifier = (
            choose_classifier(settings.moderation, self.catalogue) if computes else None
        )
        self._turns = CpuTurns(work.thread_count)
        self._settings = settings
        self._observer = observer
        self._loaded = loaded

    @contextlib.asynccontextmanager
    async def running(self, inputs: ReadsInputs, store: StoresBlobs) -> AsyncIterator[JobRunner]:
        """Load the default model and the kernels, and run jobs until the block ends."""
        from inference.job_runner import Bounds, JobRunner  # all pipelines: a gateway runs none

        settings = self._settings
        tune_process(settings.work.switch_interval_ms)
        networks = ModelPool(self.catalogue, self._open_network)
        kernels = self.threads.submit(load_kernels)
        try:
            await networks.network()
            if self.classifier is not None:
                await networks.load(self.classifier.row)
            await asyncio.wrap_future(kernels)
            async with running_decoder(
                settings.decoding, settings.pictures, settings.work.thread_count
            ) as decode:
                budget = Turns(settings.work.max_pixels)
                yield JobRunner(
                    inputs,
                    store,
                    networks,
                    self._crew,
                    Bounds(settings.pictures, budget, decode, settings.work.matting),
                    self._moderator(networks),
                )
        finally:
            await networks.close()
            self._crew.close()
            self.threads.shutdown(wait=False, cancel_futures=True)

    def _moderator(self, networks: ModelPool) -> Moderates:
        if self.classifier is None:
            return NoModerator()
        return Moderator(self.classifier, networks)

    def _open_network(self, row: Row, path: Path) -> Batcher:
        begun, outcome = time.monotonic(), "failed"
        from inference.sessions.opening import open_session  # it takes ONNX Runtime to load

        try:
            session = open_session(path, self._settings.sessions, row)
            outcome = "success"
        finally:
            self._loaded(row.name, outcome, time.monotonic() - begun)
        return Batcher(session, self._settings.batching, self._observer, turns=self._turns)
