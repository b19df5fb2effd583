"""Parts of the service that run beside it; one that ends by a defect is told of."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

_log = logging.getLogger(__name__)


def start_part(work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
    """Start a part; whoever starts it cancels it, and waits for its end."""
    part = asyncio.create_task(work, name=name)
    part.add_done_callback(_report_crash)
    return part


def _report_crash(part: asyncio.Task[None]) -> None:
    if not part.cancelled() and part.exception() is not None:
        _log.critical("%s stopped", part.get_name(), exc_info=part.exception())
