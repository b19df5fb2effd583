"""Tasks in, replies out: admits tasks to the engine and turns outcomes into replies."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass

import msgspec

from inference.engine import EVERYTHING, Engine, JobState, Refused, Result
from protocol.decoding import repeated_task_error
from protocol.errors import CutwireError, ShuttingDown, TaskNotFound
from protocol.jobs import Callback, Job, JobId, Outcome
from protocol.replies import Reply, error_reply, result_reply
from protocol.results import Acknowledged, StillRunning
from protocol.tasks import GetResponse, JobTask, PictureTask, Task
from server.auth import Caller
from server.deliveries import CallbackGate, Uploads
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

    def __init__(
        self,
        engine: Engine,
        intake: Intake,
        replier: Replier,
        callbacks: CallbackGate,
        uploads: Uploads,
    ) -> None:
        self._engine = engine
        self._intake = intake
        self._callbacks = callbacks
        self._uploads = uploads
        self._replier = replier
        self.is_draining = False

    async def submit_array(self, to: Recipient, tasks: Sequence[Task]) -> list[Reply | None]:
        """Take the tasks of one message; polls come last, so that they find their neighbours."""
        answers: dict[int, Reply | None] = {}
        polls = {place for place, task in enumerate(tasks) if isinstance(task, GetResponse)}
        for places in (sorted(set(range(len(tasks))) - polls), sorted(polls)):
            taken = await asyncio.gather(*(self.submit(to, tasks[place]) for place in places))
            answers |= dict(zip(places, taken, strict=True))
        return [answers[place] for place in range(len(tasks))]

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

    async def prepare(self, caller: Caller, task: JobTask, stream: str) -> Job:
        """Make the job of a task that may run; its outcome will come in the stream, if any.

        Raises:
            CutwireError: it may not, or is not sound; nothing of it stays.
        """
        if self.is_draining:
            raise ShuttingDown("The service is shutting down; send the task again in a moment.")
        caller.check_may(task.task_type)
        if await self._engine.find((caller.tenant, task.task_uuid.lower())):
            raise repeated_task_error()
        if isinstance(task, PictureTask):
            await self._callbacks.check(caller.tenant, task)
        return await self._intake.job(caller.tenant, task, stream)

    async def enter(self, job: Job) -> None:
        """Hand a job to the engine; on return it is sure to end with an outcome.

        Raises:
            CutwireError: the engine does not take it.
        """
        (answer,) = await self._engine.submit([job])
        if isinstance(answer, Refused):
            raise answer.error

    async def outcome(self, stream: str) -> Outcome:
        """Wait for the next outcome in a stream."""
        async with aclosing(self._engine.results(stream)) as results:
            return (await anext(results)).outcome

    async def find(self, caller: Caller, task_uuid: str) -> JobState | None:
        """Tell the state of a task of this caller's tenant."""
        return await self._engine.find((caller.tenant, task_uuid.lower()))

    async def _admit(self, to: Recipient, task: Task) -> Reply | None:
        assert isinstance(task, JobTask)
        is_async = isinstance(task, PictureTask) and task.is_async
        job = await self.prepare(to.caller, task, "" if is_async else to.stream)
        if is_async:
            job = msgspec.structs.replace(job, callback=Callback(base_url=to.base_url))
        if not is_async:
            to.owed.add(job.id)
        try:
            await self.enter(job)
        except CutwireError:
            to.owed.discard(job.id)
            raise
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
            reply = await self._replier.reply(state.outcome, to.base_url, is_polled=True)
            return await self._uploads.tell(state.outcome, reply)
        running = StillRunning(task_type=state.job.task.task_type, task_uuid=task.task_uuid)
        return result_reply(running)
