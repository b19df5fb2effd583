"""A client that wants every one of its tasks done, whatever happens to the service meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections import defaultdict
from typing import Any

from integration.client import Client, Frame, elements_of
from integration.tasks import poll, removal

WINDOW = 32
SILENCE_S = 3.0
AGAIN = {
    "taskNotFound",
    "serviceUnavailable",
    "storageUnavailable",
    "rateLimitExceeded",
    "timeout",
}
"""Errors after which the same task is sent again: it was not taken, or says that it may be."""


class Owner:
    """Sends tasks over a balancer; after a drop it comes back and asks for what is open."""

    def __init__(self, ws_url: str, key: str, count: int) -> None:
        tasks = [removal(deliveryMethod=random.choice(("async", "sync"))) for _ in range(count)]
        self.tasks: dict[str, Frame] = {task["taskUUID"]: task for task in tasks}
        self.images: defaultdict[str, set[str]] = defaultdict(set)
        self.acknowledged: set[str] = set()
        self.lost: dict[str, str] = {}
        self.ended_at: list[float] = []
        self._ws_url = ws_url
        self._key = key
        self._unsent = list(self.tasks)
        self._open: set[str] = set()
        self._session = ""

    @property
    def ended(self) -> int:
        return len(self.images) + len(self.lost)

    async def run(self) -> None:
        """Live until every task has ended."""
        while self.ended < len(self.tasks):
            with contextlib.suppress(OSError, ConnectionError, TimeoutError, EOFError):
                await self._visit(self._live)
            await asyncio.sleep(0.1)

    async def ask_again(self) -> None:
        """Ask for every task once more: what is known must be what was told."""
        left = [task_uuid for task_uuid in self.tasks if task_uuid not in self.lost]
        while left:
            with contextlib.suppress(OSError, ConnectionError, TimeoutError, EOFError):
                await self._visit(lambda client: self._ask_all(client, left))

    async def _visit(self, work: Any) -> None:
        from websockets.exceptions import WebSocketException

        try:
            client = await Client.open(self._ws_url)
        except WebSocketException as exc:
            raise ConnectionError from exc
        try:
            await client.login(self._key, self._session)
            self._session = client.session
            await work(client)
        except WebSocketException as exc:
            raise ConnectionError from exc
        except KeyError as exc:  # the login was answered with an error
            raise ConnectionError from exc
        finally:
            with contextlib.suppress(Exception):
                await client.leave()

    async def _live(self, client: Client) -> None:
        await self._send(client, [poll(task_uuid) for task_uuid in self._open])
        while self.ended < len(self.tasks):
            await asyncio.sleep(0.01)  # else what is refused comes back at once
            room = WINDOW - len(self._open)
            if room > 0 and self._unsent:
                fresh, self._unsent = self._unsent[:room], self._unsent[room:]
                self._open.update(fresh)
                await self._send(client, [self.tasks[task_uuid] for task_uuid in fresh])
            try:
                async with asyncio.timeout(SILENCE_S):
                    frame = await client.next()
            except TimeoutError:
                await self._send(client, [poll(task_uuid) for task_uuid in self._open])
                continue
            asked = [poll(uuid) for uuid in map(self._keep, elements_of(frame)) if uuid]
            await self._send(client, asked)

    async def _ask_all(self, client: Client, left: list[str]) -> None:
        while left:
            task_uuid = left[-1]
            answer = await client.run(poll(task_uuid))
            if "imageUUID" not in answer:
                self.lost[task_uuid] = f"ended, and then: {answer}"
            else:
                self.images[task_uuid].add(answer["imageUUID"])
            left.pop()

    @staticmethod
    async def _send(client: Client, elements: list[Frame]) -> None:
        for first in range(0, len(elements), 50):
            await client.send(*elements[first : first + 50])

    def _keep(self, element: Frame) -> str:
        """Take note of an answer; return the taskUUID where it should be asked for."""
        task_uuid = element.get("taskUUID", "")
        if task_uuid not in self.tasks or element["taskType"] == "authentication":
            return ""
        code = element.get("code")
        if "imageUUID" in element:
            self._end(task_uuid)
            self.images[task_uuid].add(element["imageUUID"])
        elif code == "conflictTaskUUID":
            self.acknowledged.add(task_uuid)
            return task_uuid
        elif code in AGAIN and task_uuid not in self.acknowledged:
            self._again(task_uuid)
        elif code is not None and task_uuid not in self.images:
            self._end(task_uuid)
            self.lost[task_uuid] = f"{code}: {element.get('message')}"
        elif code is None and task_uuid in self._open:
            is_new = task_uuid not in self.acknowledged
            self.acknowledged.add(task_uuid)
            return task_uuid if is_new else ""
        return ""

    def _again(self, task_uuid: str) -> None:
        if task_uuid in self._open:
            self._open.discard(task_uuid)
            self._unsent.append(task_uuid)

    def _end(self, task_uuid: str) -> None:
        if task_uuid in self._open:
            self._open.discard(task_uuid)
            self.ended_at.append(time.monotonic())
