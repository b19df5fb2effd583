"""How is work done on a thread and its outcome brought back to the event loop, at little cost?"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

Made = TypeVar("Made")


async def on_thread(threads: ThreadPoolExecutor, work: Callable[..., Made], *args: object) -> Made:
    """Do work on one of the threads, and return what it returns or raise what it raises.

    As the loop's `run_in_executor` does, whose chained futures take two thirds more of the loop's
    time: each task goes to a thread and back several times. Work that has not begun is dropped when
    who waits for it is cancelled.
    """
    made: asyncio.Future[Made] = asyncio.get_running_loop().create_future()
    doing = threads.submit(work, *args)
    doing.add_done_callback(partial(_tell, made))
    try:
        return await made
    except asyncio.CancelledError:
        doing.cancel()
        raise
    finally:
        del made, doing  # else an error would keep itself and all that its frames hold


def _tell(made: asyncio.Future[Made], done: Future[Made]) -> None:
    tell = made.get_loop().call_soon_threadsafe
    with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
        if done.cancelled():
            tell(made.cancel)
        elif (error := done.exception()) is not None:
            tell(settle, made, None, error)
        else:
            tell(settle, made, done.result())


def settle(made: asyncio.Future[Any], outcome: object, error: BaseException | None = None) -> None:
    """Tell who waits, on their loop; one who has been cancelled does not wait any more."""
    if made.done():
        return
    if error is None:
        made.set_result(outcome)
    else:
        made.set_exception(error)
