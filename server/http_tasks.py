"""The task array over HTTP: POST it, and get one body when all of it is done."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Sequence
from contextlib import aclosing

from starlette.requests import Request
from starlette.responses import Response

from protocol.decoding import Failed, decode_message
from protocol.errors import (
    CutwireError,
    InvalidApiKey,
    MissingApiKey,
    RateLimited,
)
from protocol.replies import Reply, join_replies, pong_reply
from protocol.task_errors import status_of
from protocol.tasks import Authentication, GetResponse, Ping, Task
from server.auth import Caller
from server.dispatcher import Recipient
from server.http_requests import client_left, read_body
from server.reception import Reception
from server.tracing import traceparent_of


class HttpTasks:
    """Answers POSTs of task arrays."""

    def __init__(self, reception: Reception) -> None:
        self._reception = reception

    async def answer(self, request: Request, *, base_url: str, address: str) -> Response:
        """Run the tasks of one body and answer in the order of the tasks."""
        limits = self._reception.limits
        try:
            key = _bearer(request)
            # Known before its body is read; a key inside it is found only there.
            caller = None if key is None else await self._reception.identify(key, address)
            elements = decode_message(
                await read_body(request, limits.max_body_bytes), max_tasks=limits.max_tasks
            )
            if caller is None:
                caller = await self._reception.identify(_key_in(elements), address)
        except CutwireError as error:
            return self._refuse(error, base_url)
        return await _Exchange(self._reception, request, caller, base_url).run(elements)

    def _refuse(self, error: CutwireError, base_url: str) -> Response:
        task_type = "authentication" if isinstance(error, InvalidApiKey | MissingApiKey) else None
        reply = self._reception.dispatcher.refuse(error, base_url, task_type, None)
        return _response([reply])


class _Exchange:
    """One request and its answer."""

    def __init__(
        self, reception: Reception, request: Request, caller: Caller, base_url: str
    ) -> None:
        self._dispatcher = reception.dispatcher
        self._request = request
        self._to = Recipient(
            caller,
            f"http.{uuid.uuid4()}",
            base_url,
            stays=False,
            owed=set(),
            traceparent=traceparent_of(request),
        )
        self._places: dict[str, int] = {}
        self._replies: list[tuple[int, Reply]] = []

    async def run(self, elements: Sequence[object]) -> Response:
        """Run the tasks and answer."""
        await self._submit(elements)
        if self._to.owed:
            await self._collect()
        self._replies.sort(key=lambda numbered: numbered[0])
        return _response([reply for _, reply in self._replies])

    async def _submit(self, elements: Sequence[object]) -> None:
        tasks: list[tuple[int, Task]] = []
        for place, element in enumerate(elements):
            match element:
                case Ping():
                    self._replies.append((place, pong_reply()))
                case Failed():
                    self._replies.append((place, self._refusal(element)))
                case Task():
                    tasks.append((place, element))
                    if not isinstance(element, GetResponse):  # its answer comes at once
                        self._places[element.task_uuid] = place
        answers = await self._dispatcher.submit_array(self._to, [task for _, task in tasks])
        for (place, _), answer in zip(tasks, answers, strict=True):
            if answer is not None:
                self._replies.append((place, answer))

    def _refusal(self, failed: Failed) -> Reply:
        return self._dispatcher.refuse(
            failed.error, self._to.base_url, failed.task_type, failed.task_uuid
        )

    async def _collect(self) -> None:
        """Wait for the results, or for the client to leave: then what has not begun is dropped."""
        waiting = asyncio.create_task(self._wait_for_all())
        leaving = asyncio.create_task(client_left(self._request))
        try:
            await asyncio.wait({waiting, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if waiting.done():
                waiting.result()
        finally:
            waiting.cancel()
            leaving.cancel()
            await self._dispatcher.abandon(self._to.stream, list(self._to.owed))

    async def _wait_for_all(self) -> None:
        results = self._dispatcher.results(self._to.stream)
        async with aclosing(results):
            async for result in results:
                begun_at = time.monotonic()
                reply = await self._dispatcher.reply(result, self._to.base_url)
                job = result.outcome.job
                self._replies.append((self._places[job.task.task_uuid], reply))
                self._dispatcher.delivered(job, begun_at)
                self._to.owed.discard(job.id)
                if not self._to.owed:
                    return


def _response(replies: Sequence[Reply]) -> Response:
    """One body; its status is the first error's where nothing succeeded."""
    error = next((reply.error for reply in replies if reply.error is not None), None)
    has_data = any(reply.member == "data" for reply in replies)
    status = 200 if error is None or has_data else status_of(error)
    headers = {"Cache-Control": "no-store"}
    if status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="cutwire"'
    if isinstance(error, RateLimited):
        headers["Retry-After"] = str(error.whole_seconds)
    return Response(join_replies(replies), status, headers=headers, media_type="application/json")


def _key_in(elements: Sequence[object]) -> str:
    first = elements[0]
    if not isinstance(first, Authentication):
        raise MissingApiKey(
            'Send the API key as "Authorization: Bearer KEY", or as an authentication object '
            "in the array's first place.",
            parameter="apiKey",
        )
    return first.api_key


def _bearer(request: Request) -> str | None:
    header = request.headers.get("authorization")
    if header is None:
        return None
    scheme, _, key = header.partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""
