"""Which requests are being answered just now? The end of the service waits for them."""

from __future__ import annotations

import asyncio


class UnderWay:
    """The requests that tasks run for, each in an asyncio task of its own."""

    def __init__(self) -> None:
        self._answering: set[asyncio.Task[object]] = set()

    def note(self) -> None:
        """Count the request of this task, until its answer is sent."""
        task = asyncio.current_task()
        assert task is not None
        self._answering.add(task)
        task.add_done_callback(self._answering.discard)

    async def answered(self) -> None:
        """Wait until those are answered that are under way now."""
        if self._answering:
            await asyncio.wait(set(self._answering))
