"""What nobody expected and nobody caught: told in the log and counted, rather than lost.

An exception in a thread, or in a callback or a task that nobody awaits, would else be a bare
traceback on stderr, which no log reader understands. No client is told any of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any, Literal

Place = Literal["loop", "thread", "finalizer"]

_log = logging.getLogger(__name__)


@contextlib.asynccontextmanager
async def watched_defects(count: Callable[[Place], None]) -> AsyncIterator[None]:
    """Log and count what escapes on this loop, in any thread and in finalizers, for the block."""

    def escaped(place: Place, where: str, error: BaseException | None) -> None:
        count(place)
        _log.error("unexpected exception", exc_info=error, extra={"place": place, "where": where})

    def on_loop(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        # The rest of the context shows objects, and with them what clients sent.
        escaped("loop", context["message"], context.get("exception"))

    def in_thread(args: threading.ExceptHookArgs) -> None:
        if args.exc_type is not SystemExit:
            escaped("thread", args.thread.name if args.thread else "", args.exc_value)

    def in_finalizer(args: sys.UnraisableHookArgs) -> None:
        escaped("finalizer", args.err_msg or "", args.exc_value)

    loop = asyncio.get_running_loop()
    before = loop.get_exception_handler(), threading.excepthook, sys.unraisablehook
    loop.set_exception_handler(on_loop)
    threading.excepthook, sys.unraisablehook = in_thread, in_finalizer
    try:
        yield
    finally:
        loop.set_exception_handler(before[0])
        _, threading.excepthook, sys.unraisablehook = before
