"""This process's share of the machine: models, threads, and what runs jobs on them."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from inference.batcher import Batcher
from inference.batcher.observing import BatchObserver
from inference.job_runner import Bounds, JobRunner, ReadsInputs, StoresBlobs
from inference.models import Catalogue, ModelPool, Row
from inference.moderation import Moderates, Moderator, NoModerator, choose_classifier
from inference.pixel_budget import PixelBudget
from inference.sessions import open_session
from server.settings import Settings


class Machine:
    """What a service, a worker and `cutwire run` compute with."""

    def __init__(self, settings: Settings, observer: BatchObserver) -> None:
        self.threads = ThreadPoolExecutor(settings.work.thread_count, thread_name_prefix="cpu")
        self.catalogue = Catalogue(settings.models)
        self.classifier = choose_classifier(settings.moderation, self.catalogue)
        self._settings = settings
        self._observer = observer

    @contextlib.asynccontextmanager
    async def running(self, inputs: ReadsInputs, store: StoresBlobs) -> AsyncIterator[JobRunner]:
        """Load the default model, and run jobs until the block ends."""
        networks = ModelPool(self.catalogue, self._open_network)
        try:
            await networks.network()
            if self.classifier is not None:
                await networks.load(self.classifier.row)
            yield JobRunner(
                inputs,
                store,
                networks,
                self.threads,
                Bounds(self._settings.pictures, PixelBudget(self._settings.work.max_pixels)),
                self._moderator(networks),
            )
        finally:
            await networks.close()
            self.threads.shutdown(wait=False, cancel_futures=True)

    def _moderator(self, networks: ModelPool) -> Moderates:
        if self.classifier is None:
            return NoModerator()
        return Moderator(self.classifier, networks, self.threads)

    def _open_network(self, row: Row, path: Path) -> Batcher:
        session = open_session(path, self._settings.sessions, row)
        return Batcher(session, self._settings.batching, self._observer)
