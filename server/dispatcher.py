"""Tasks in, replies out: admits tasks to the engine and turns outcomes into replies."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import cast

import msgspec

from inference.engine import EVERYTHING, Accepted, Engine, JobState, Refused, Result
from protocol.decoding import repeated_task_error
from protocol.errors import CutwireError, ShuttingDown, TaskNotFound
from protocol.jobs import Callback, Job, JobId, Outcome
from protocol.replies import Reply, result_reply
from protocol.results import Acknowledged, StillRunning
from protocol.tasks import GetResponse, JobTask, PictureTask, Task
from server.allowances import Allowances
from server.auth import Caller
from server.deliveries import CallbackGate, Uploads
from server.intake import Draft, Intake, Stored
from server.replier import Replier


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
    traceparent: str = ""
    """The request's place in its client's trace."""


class Dispatcher:
    """The way from every edge of the service to the engine and back."""

    def __init__(
        self,
        engine: Engine,
        intake: Intake,
        replier: Replier,
        callbacks: CallbackGate,
        uploads: Uploads,
        allowances: Allowances,
    ) -> None:
        self._engine = engine
        self._intake = intake
        self._callbacks = callbacks
        self._uploads = uploads
        self._allowances = allowances
        self._replier = replier
        self.delivered = replier.delivered
        """As the replier's."""
        self.is_draining = False

    async def submit_array(self, to: Recipient, tasks: Sequence[Task]) -> list[Reply | None]:
        """Take the tasks of one message; return what is answered at once to each, if anything.

        Tasks that will be answered in the stream are added to what the recipient is owed. Polls
        come last, so that they find their neighbours.
        """
        if GetResponse in map(type, tasks):
            return await self._submit_with_polls(to, tasks)
        drafts = self._drafts(to, cast("Sequence[JobTask]", tasks))
        if len(tasks) > 1 and any(isinstance(d, Draft) and d.has_to_wait for d in drafts):
            # Each on its own: none waits for another one's pictures.
            singles = (self._admit(to, [pair]) for pair in zip(tasks, drafts, strict=True))
            return [answer for (answer,) in await asyncio.gather(*singles)]
        return await self._admit(to, list(zip(tasks, drafts, strict=True)))

    def results(self, stream: str, after: int = 0) -> AsyncGenerator[Result]:
        """Yield what ended for a stream, from a sequence number on, and then as it comes."""
        return self._engine.results(stream, after)

    def known_reply(self, result: Result, base_url: str) -> Reply | None:
        """Make the reply of a result at once; None: the store has to be asked, by `reply`."""
        return self._replier.known(result.outcome, base_url, is_polled=result.is_polled)

    async def reply(self, result: Result, base_url: str) -> Reply:
        """Make the reply of a result."""
        return await self._replier.pushed(result.outcome, base_url, is_polled=result.is_polled)

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
        """Count and encode an error that never reached the engine."""
        return self._replier.refusal(error, base_url, task_type, task_uuid)

    async def prepare(self, caller: Caller, task: JobTask, stream: str) -> Job:
        """Make the job of a task that may run; its outcome will come in the stream, if any.

        Raises:
            CutwireError: it may not, or is not sound; nothing of it stays.
        """
        return await self._prepare(self._draft(caller, task, stream))

    async def _prepare(self, draft: Draft) -> Job:
        """Make a draft a job, whatever it has to wait for."""
        job = self._intake.job(draft, await self._store_inline(draft))
        try:
            await self._allowances.reserve(draft.caller, job)
        except CutwireError:
            self._intake.discard(job)
            raise
        return job

    async def _store_inline(self, draft: Draft) -> dict[str, Stored]:
        """Check what takes time to check, then store the pictures that came inside a task."""
        tenant, task = draft.caller.tenant, draft.task
        if draft.inline and await self._engine.find((tenant, task.task_uuid.lower())):
            raise repeated_task_error()  # else the engine says so, and nothing was stored in vain
        if isinstance(task, PictureTask) and task.has_callbacks:
            await self._callbacks.check(tenant, task)
        return await self._intake.store_inline(draft)

    async def enter(self, job: Job) -> None:
        """Hand a job to the engine; on return it is sure to end with an outcome.

        Raises:
            CutwireError: the engine does not take it.
        """
        (answer,) = await self._engine.submit([job])
        if isinstance(answer, Refused):
            self._let_go(answer.job)
            raise answer.error

    async def outcome(self, stream: str) -> Outcome:
        """Wait for the next outcome in a stream."""
        async with aclosing(self._engine.results(stream)) as results:
            return (await anext(results)).outcome

    async def find(self, caller: Caller, task_uuid: str) -> JobState | None:
        """Tell the state of a task of this caller's tenant."""
        return await self._engine.find((caller.tenant, task_uuid.lower()))

    async def _submit_with_polls(self, to: Recipient, tasks: Sequence[Task]) -> list[Reply | None]:
        polls = [place for place, task in enumerate(tasks) if isinstance(task, GetResponse)]
        others = [place for place in range(len(tasks)) if place not in polls]
        admitted = await self.submit_array(to, [tasks[place] for place in others])
        polled = await asyncio.gather(*(self._poll(to, tasks[place]) for place in polls))
        answers = dict(zip((*others, *polls), (*admitted, *polled), strict=True))
        return [answers[place] for place in range(len(tasks))]

    def _draft(self, caller: Caller, task: JobTask, stream: str) -> Draft:
        if self.is_draining:
            raise ShuttingDown("The service is shutting down; send the task again in a moment.")
        self._allowances.check(caller, task)
        return self._intake.draft(caller, task, stream)

    def _drafts(self, to: Recipient, tasks: Sequence[JobTask]) -> list[Draft | CutwireError]:
        drafts: list[Draft | CutwireError] = []
        for task in tasks:
            try:
                drafts.append(self._draft(to.caller, task, "" if task.is_async else to.stream))
            except CutwireError as error:
                drafts.append(error)
        return drafts

    async def _admit(
        self, to: Recipient, pairs: Sequence[tuple[Task, Draft | CutwireError]]
    ) -> list[Reply | None]:
        """Make jobs of drafts, hand them to the engine together, acknowledge the async ones."""
        prepared: list[Job | CutwireError] = []
        has_budget, is_traced = to.caller.monthly_budget is not None, bool(to.traceparent)
        for _, draft in pairs:
            if not isinstance(draft, Draft):
                prepared.append(draft)
                continue
            try:
                waits = draft.has_to_wait or has_budget
                job = await self._prepare(draft) if waits else self._intake.job(draft, {})
                prepared.append(_marked(job, to) if is_traced or not job.reply_to else job)
            except CutwireError as error:
                prepared.append(error)
        jobs = [job for job in prepared if isinstance(job, Job)]
        to.owed.update([job.id for job in jobs if job.reply_to])
        entered = iter(await self._engine.submit(jobs) if jobs else ())
        answers: list[Reply | None] = []
        for (task, _), made in zip(pairs, prepared, strict=True):
            answer = next(entered) if isinstance(made, Job) else made
            if isinstance(answer, Accepted):
                answers.append(None if answer.job.reply_to else _acknowledgement(task))
            elif isinstance(answer, Refused):
                to.owed.discard(answer.job.id)
                self._let_go(answer.job)
                answers.append(self._refuse_task(to, task, answer.error))
            else:
                answers.append(self._refuse_task(to, task, answer))
        return answers

    def _let_go(self, job: Job) -> None:
        """Forget a job that the engine did not take."""
        self._allowances.release(job)
        self._intake.discard(job)

    def _refuse_task(self, to: Recipient, task: Task, error: CutwireError) -> Reply:
        is_polled = isinstance(task, GetResponse)
        return self._replier.refusal(
            error, to.base_url, task.task_type, task.task_uuid, is_polled=is_polled
        )

    async def _poll(self, to: Recipient, task: Task) -> Reply:
        try:
            return await self._state(to, task)
        except CutwireError as error:
            return self._refuse_task(to, task, error)

    async def _state(self, to: Recipient, task: Task) -> Reply:
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


def _marked(job: Job, to: Recipient) -> Job:
    """Add what has to be known of the request when it is gone."""
    callback = None if job.reply_to else Callback(base_url=to.base_url)
    return msgspec.structs.replace(job, callback=callback, traceparent=to.traceparent)


def _acknowledgement(task: Task) -> Reply:
    return result_reply(Acknowledged(task_type=task.task_type, task_uuid=task.task_uuid))
