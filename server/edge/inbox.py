"""What a socket has for the application: a queue of a few events, small while it is empty."""

import asyncio
from typing import TypeVar

from inference.latch import Latch

Event = TypeVar("Event")


class Inbox(asyncio.Queue[Event]):
    """Stands in for the queue that uvicorn makes for each WebSocket; its four deques are 3 KB."""

    # Not called: it would make them.
    def __init__(self) -> None:
        self._events: list[Event] = []
        self._grown = Latch()

    def empty(self) -> bool:
        """Tell whether nothing waits."""
        return not self._events

    def qsize(self) -> int:
        """Count what waits."""
        return len(self._events)

    def put_nowait(self, item: Event) -> None:
        """Add an event; how many there are the reading side bounds."""
        self._events.append(item)
        self._grown.set()

    async def get(self) -> Event:
        """Wait for the next event and take it; for one reader."""
        while not self._events:
            self._grown.clear()
            await self._grown.wait()
        return self._events.pop(0)
