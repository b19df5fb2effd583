"""One edit: body → task → job, and its outcome awaited or promised."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field
from typing import Any

import msgspec
from msgspec import UNSET
from starlette.requests import Request

from protocol.edits import Done, Edit, OlderEdit, State, Taken
from protocol.errors import TaskCancelled, TaskNotFound, UnsupportedMediaType
from protocol.jobs import Callback, Job, Outcome
from protocol.json_text import read_object
from protocol.tasks.common import UUID_PATTERN
from server.auth import Caller
from server.deliveries import WebhookSecrets, edit_signing_key
from server.dispatcher import Dispatcher
from server.edit_replier import EditReplier
from server.http_requests import client_left, read_body
from server.tracing import traceparent_of

STATUS_PATH = "/v2/status/{request_id}"


@dataclass(slots=True)
class Visit:
    """One request on its way through, with what is known of it so far."""

    request: Request
    id: str
    base_url: str
    names: dict[str, str] = field(default_factory=lambda: Edit.NAMES)
    """What this client calls the fields of its task."""
    is_task: bool = False
    """Whether the engine has taken what was asked for."""


class EditDesk:
    """Takes edits, and tells how far they have come."""

    def __init__(
        self,
        dispatcher: Dispatcher,
        replier: EditReplier,
        secrets: WebhookSecrets,
        *,
        limit_bytes: int,
    ) -> None:
        self._dispatcher = dispatcher
        self._replier = replier
        self._secrets = secrets
        self._limit_bytes = limit_bytes

    async def take(
        self, visit: Visit, caller: Caller, kind: type[Edit]
    ) -> Done | Taken | dict[str, Any]:
        """Do an edit, or promise to: a promise is durable before it is given."""
        _check_media_type(visit.request)
        edit = kind.of(read_object(await read_body(visit.request, self._limit_bytes)))
        visit.names = edit.names()
        job = await self._job(visit, caller, edit)
        await self._dispatcher.enter(job)
        visit.is_task = True
        if not edit.is_sync:
            status_url = visit.base_url + STATUS_PATH.format(request_id=visit.id)
            return Taken(request_id=visit.id, status_url=status_url)
        outcome = await self._outcome(visit.request, job)
        result = await self._replier.result(outcome, visit.base_url)
        if isinstance(edit, OlderEdit):
            return {**result, "request_id": visit.id}
        return Done(result=result, request_id=visit.id)

    async def state(self, visit: Visit, caller: Caller) -> State:
        """Tell how far an edit of this tenant has come."""
        asked = str(visit.request.path_params["request_id"])
        # The engine may look it up where `*` and spaces have a meaning.
        is_id = re.match(UUID_PATTERN, asked)
        found = await self._dispatcher.find(caller, asked) if is_id else None
        if found is None or found.job.dialect != "edit":
            raise TaskNotFound(
                "No request with this request_id is known; it was never sent with this api_token, "
                "or its result has expired.",
                parameter="request_id",
            )
        visit.id = found.job.task.task_uuid
        return await self._replier.state(found, visit.base_url)

    async def _job(self, visit: Visit, caller: Caller, edit: Edit) -> Job:
        task = edit.to_task(visit.id)
        task.check(frozenset())
        stream = f"edit.{visit.id}" if edit.is_sync else ""
        job = await self._dispatcher.prepare(caller, task, stream)
        callback = None if task.webhook_url is UNSET else self._callback(visit)
        return msgspec.structs.replace(
            job,
            dialect="edit",
            names=visit.names,
            callback=callback,
            traceparent=traceparent_of(visit.request),
        )

    def _callback(self, visit: Visit) -> Callback:
        key = edit_signing_key(visit.request.headers["api_token"])
        return Callback(base_url=visit.base_url, sealed_key=self._secrets.seal(key))

    async def _outcome(self, request: Request, job: Job) -> Outcome:
        """Wait for the outcome, or for the client to leave: then what has not begun is dropped."""
        waiting = asyncio.create_task(self._dispatcher.outcome(job.reply_to))
        leaving = asyncio.create_task(client_left(request))
        try:
            await asyncio.wait({waiting, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if waiting.done():
                return waiting.result()
            raise TaskCancelled("The client hung up before the result was there.")
        finally:
            waiting.cancel()
            leaving.cancel()
            await self._dispatcher.abandon(job.reply_to, [job.id])


def _check_media_type(request: Request) -> None:
    """Let JSON pass, and what does not say what it is."""
    sent = request.headers.get("content-type", "")
    media_type = sent.partition(";")[0].strip().lower()
    if media_type in ("", "application/json") or media_type.endswith("+json"):
        return
    raise UnsupportedMediaType(
        "Send the body as JSON, with Content-Type: application/json.", parameter="Content-Type"
    )
