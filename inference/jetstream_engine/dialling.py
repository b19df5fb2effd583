"""How is a connection to the broker made, made again, and ended?"""

from __future__ import annotations

import asyncio
import ssl
from typing import Any

from nats.aio.client import Client

from inference.jetstream_engine.settings import NatsSettings

TRY_S = 2.0
"""How long one request waits for its answer; a new leader is elected in about that time."""
RECONNECT_S = 0.25
PENDING_BYTES = 64 * 1024 * 1024


def connection_options(settings: NatsSettings) -> dict[str, Any]:
    """What nats-py is told: it finds a dead server within 10 s."""
    options: dict[str, Any] = {
        "reconnect_time_wait": RECONNECT_S,
        "connect_timeout": TRY_S,
        "ping_interval": 5,
        "max_outstanding_pings": 2,
        "pending_size": PENDING_BYTES,
    }
    if settings.user:
        options |= {"user": settings.user, "password": settings.password.reveal()}
    if settings.token:
        options["token"] = settings.token.reveal()
    if settings.credentials_file:
        options["user_credentials"] = settings.credentials_file
    if settings.ca_file:
        options["tls"] = ssl.create_default_context(cafile=settings.ca_file)
    return options


async def hang_up(client: Client) -> None:
    """Close a connection.

    Tasks of the client's own wait for the same end; one of them that is cancelled cancels this
    wait too, which was asked for by nobody.
    """
    task = asyncio.current_task()
    try:
        await client.close()
    except asyncio.CancelledError:
        if task is None or task.cancelling():
            raise
