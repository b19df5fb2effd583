"""Tasks in, replies out: admits tasks to the engine and turns outcomes into replies."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from inference.engine import EVERYTHING, Engine, Refused, Result
from protocol.decoding import repeated_task_error
from protocol.errors import CutwireError, ShuttingDown, TaskNotFound
from protocol.jobs import JobId
from protocol.replies import Reply, error_reply, result_reply
from protocol.results import Acknowledged, StillRunning
from protocol.tasks import GetResponse, JobTask, PictureTask, Task
from server.auth import Caller
from server.intake import Intake
from server.replier import Replier, documentation_url


@dataclass(frozen=True, slots=True)
class Recipient:
    """Who gets the replies, and where."""

    caller: Caller
    stream: str
    base_url: str
    """How this client reaches the service; URLs in replies begin with it."""
    stays: bool
    """Whether results may be pushed later, after this request was answered."""
    owed: set[JobId]
    """Tasks that will be answered in the stream."""


class Dispatcher:
    """The way from every edge of the service to the engine and back."""

    def __init__(self, engine: Engine, intake: Intake, replier: Replier) -> None:
        self._engine = engine
        self._intake = intake
        self._replier = replier
        self.is_draining = False

    async def submit(self, to: Recipient, task: Task) -> Reply | None:
        """Take one task; return what is answered at once, if anything.

        A task that will be answered in the stream is added to what the recipient is owed.
        """
        try:
            if isinstance(task, GetResponse):
                return await self._poll(to, task)
            return await self._admit(to, task)
        except CutwireError as error:
            return error_reply(
                error,
                task_type=task.task_type,
                task_uuid=task.task_uuid,
                documentation_url=documentation_url(to.base_url),
                is_polled=isinstance(task, GetResponse),
            )

    async def replies(
        self, stream: str, after: int, base_url: str
    ) -> AsyncGenerator[tuple[Result, Reply]]:
        """Yield a stream's results with their replies, as they become ready."""
        async with aclosing(self._engine.results(stream, after)) as results:
            async for result in results:
                yield (
                    result,
                    await self._replier.reply(result.outcome, base_url, is_polled=result.is_polled),
                )

    def oversized(self, result: Result, base_url: str) -> Reply:
        """Make the reply for a client that hung up on the real one."""
        return self._replier.oversized(result.outcome, base_url)

    def confirm(self, stream: str, upto: int) -> None:
        """Drop results that the client has."""
        self._engine.forget(stream, upto)

    async def abandon(self, stream: str, job_ids: Sequence[JobId]) -> None:
        """Drop the work and the results of a client that will not come back."""
        await self._engine.cancel(job_ids)
        self._engine.forget(stream, EVERYTHING)

    def refuse(
        self, error: CutwireError, base_url: str, task_type: str | None, task_uuid: str | None
    ) -> Reply:
        """Encode an error that never reached the engine."""
        return error_reply(
            error,
            task_type=task_type,
            task_uuid=task_uuid,
            documentation_url=documentation_url(base_url),
        )

    async def _admit(self, to: Recipient, task: Task) -> Reply | None:
        assert isinstance(task, JobTask)
        if self.is_draining:
            raise ShuttingDown("The service is shutting down; send the task again in a moment.")
        if await self._engine.find((to.caller.tenant, task.task_uuid.lower())):
            raise repeated_task_error()
        is_async = isinstance(task, PictureTask) and task.delivery_method == "async"
        job = await self._intake.job(to.caller.tenant, task, "" if is_async else to.stream)
        if not is_async:
            to.owed.add(job.id)
        (answer,) = await self._engine.submit([job])
        if isinstance(answer, Refused):
            to.owed.discard(job.id)
            raise answer.error
        if is_async:
            taken = Acknowledged(task_type=task.task_type, task_uuid=task.task_uuid)
            return result_reply(taken)
        return None

    async def _poll(self, to: Recipient, task: GetResponse) -> Reply:
        job_id = (to.caller.tenant, task.task_uuid.lower())
        state = await self._engine.find(job_id, follow=to.stream if to.stays else "")
        if state is None:
            raise TaskNotFound(
                "No task with this taskUUID is known; it was never sent with this key, "
                "or its result has expired.",
                parameter="taskUUID",
            )
        if state.outcome is not None:
            return await self._replier.reply(state.outcome, to.base_url, is_polled=True)
        running = StillRunning(task_type=state.job.task.task_type, task_uuid=task.task_uuid)
        return result_reply(running)
