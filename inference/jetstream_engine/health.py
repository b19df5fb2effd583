"""Can the broker be reached, and could it lose what it acknowledged?"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
import urllib.request
from collections.abc import AsyncIterator
from typing import Any, Final

from inference.jetstream_engine import names
from inference.jetstream_engine.broker import Broker, Refusal
from protocol.errors import StorageUnavailable

LOOK_S: Final = 1.0
SILENCE_S: Final = 3.0
SAFE_VERSION: Final = (2, 10, 27)
SAFE_REPLICAS: Final = 3


class Pulse:
    """Knows whether the broker takes tasks just now."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._answered_at = time.monotonic()

    @property
    def silent_s(self) -> float:
        """How long ago the broker last answered."""
        return time.monotonic() - self._answered_at

    def trouble(self) -> str:
        """Say why nothing can be taken now; empty: it can."""
        if not self._broker.is_connected:
            return "the broker cannot be reached"
        if self.silent_s > SILENCE_S:
            return "the broker does not answer"
        return ""

    async def run(self) -> None:
        """Feel it until cancelled."""
        stream = names.tasks_stream(self._broker.settings.all_pools[0])
        while True:
            with contextlib.suppress(StorageUnavailable, Refusal):
                answer = await self._broker.call(f"STREAM.INFO.{stream}")
                if "cluster" not in answer or answer["cluster"].get("leader"):
                    self._answered_at = time.monotonic()
            await asyncio.sleep(LOOK_S)


async def risks(broker: Broker) -> AsyncIterator[str]:
    """Say, one by one, why the broker could lose what it has acknowledged."""
    version = broker.client.connected_server_version
    if (version.major, version.minor, version.patch) < SAFE_VERSION:
        yield (
            f"nats-server {version.major}.{version.minor}.{version.patch} may lose streams and "
            "tasks when it is killed: use 2.10.27 or newer"
        )
    if broker.settings.replicas >= SAFE_REPLICAS:
        return
    if not broker.settings.monitoring_url:
        yield (
            "a single NATS server loses what it acknowledged within its sync_interval (2 minutes "
            "by default) when the power fails: set `sync_interval: always` there, and "
            "nats.monitoring_url here so that this can be checked, or keep 3 replicas"
        )
        return
    try:
        is_synced = await asyncio.to_thread(_is_synced, broker.settings.monitoring_url)
    except (OSError, ValueError) as exc:
        yield f"how the NATS server syncs its disk cannot be read: {exc}"
        return
    if not is_synced:
        yield (
            "this NATS server loses what it acknowledged within its sync_interval when the power "
            "fails: set `sync_interval: always`, or keep 3 replicas"
        )


def _is_synced(monitoring_url: str) -> bool:
    url = f"{monitoring_url.rstrip('/')}/jsz?config=1"
    if not url.startswith(("http://", "https://")):
        raise ValueError("nats.monitoring_url is not an http:// or https:// URL")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=2.0) as answer:
        config: dict[str, Any] = json.load(answer).get("config", {})
    return bool(config.get("sync_always"))
