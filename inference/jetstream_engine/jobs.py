"""What getResponse knows: each job from its acceptance on, and the one outcome it ended with."""

from __future__ import annotations

import asyncio

import msgspec

from inference.engine import JobState
from inference.jetstream_engine import names
from inference.jetstream_engine.broker import WRONG_LAST_SEQUENCE, Broker, Refusal
from inference.jetstream_engine.messages import SILENT
from protocol.errors import StorageUnavailable
from protocol.jobs import Job, JobId, Outcome


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """A job that was taken, and where in the work queue it lies."""

    job: Job
    stream: str
    seq: int


_ENCODER = msgspec.msgpack.Encoder()
_WAITING = msgspec.msgpack.Decoder(Waiting)
_OUTCOME = msgspec.msgpack.Decoder(Outcome)


def encode_outcome(outcome: Outcome) -> bytes:
    """Write an outcome as streams hold it."""
    return _ENCODER.encode(outcome)


def decode_outcome(data: bytes) -> Outcome:
    """Read an outcome as streams hold it."""
    return _OUTCOME.decode(data)


class Jobs:
    """The bucket of jobs. The first outcome of a job stands, whoever else tries to write one."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    async def find(self, job_id: JobId) -> JobState | None:
        """Tell what is known of a job."""
        ended, waiting = await asyncio.gather(self._ended(job_id), self.waiting(job_id))
        if ended is not None and (waiting is None or _is_of(ended, waiting.job)):
            return JobState(ended.job, ended)
        return None if waiting is None else JobState(waiting.job, None)

    async def waiting(self, job_id: JobId) -> Waiting | None:
        """Tell of a job that was taken; it may have ended since."""
        found = await self._broker.last(names.JOBS, names.job_key(job_id, "job"))
        return None if found is None else _WAITING.decode(found.data)

    async def outcome(self, job: Job) -> Outcome | None:
        """Tell how a job ended, if it has; one that was not taken ended as its id's other job."""
        ended = await self._ended(job.id)
        if ended is None or _is_of(ended, job) or await self._is_repeated(job):
            return ended
        return None

    async def has_ended(self, job_id: JobId) -> bool:
        """Tell whether a job has ended, as any replica knows it: perhaps not the newest."""
        key = names.job_key(job_id, "end")
        return await self._broker.last(names.JOBS, key, is_fresh=False) is not None

    async def take(self, waiting: Waiting, limit_s: float) -> bool:
        """Write down a job that was taken; False: its id is known already."""
        try:
            await self._broker.store_within(
                limit_s,
                names.job_key(waiting.job.id, "job"),
                _ENCODER.encode(waiting),
                last_seq=0,
            )
        except Refusal as refusal:
            if refusal.err_code == WRONG_LAST_SEQUENCE:
                return refusal.is_retried and await self.waiting(waiting.job.id) == waiting
            raise StorageUnavailable(SILENT, detail=str(refusal)) from refusal
        return True

    async def end(self, outcome: Outcome) -> Outcome:
        """Write down how a job ended, tried once; return the outcome that stands."""
        key, job = names.job_key(outcome.job.id, "end"), outcome.job
        last_seq = 0
        while True:
            try:
                await self._broker.store(key, encode_outcome(outcome), last_seq=last_seq)
            except Refusal as refusal:
                found = await self._broker.last(names.JOBS, key)
                if refusal.err_code != WRONG_LAST_SEQUENCE or found is None:
                    raise StorageUnavailable(SILENT, detail=str(refusal)) from refusal
                standing = decode_outcome(found.data)
                if _is_of(standing, job) or await self._is_repeated(job):
                    return outcome if standing == outcome else standing
                last_seq = found.seq  # of an older job, which has been forgotten but for its end
            else:
                return outcome

    async def _ended(self, job_id: JobId) -> Outcome | None:
        found = await self._broker.last(names.JOBS, names.job_key(job_id, "end"))
        return None if found is None else decode_outcome(found.data)

    async def _is_repeated(self, job: Job) -> bool:
        """Whether another job was taken under this id, and this one was refused."""
        waiting = await self.waiting(job.id)
        return waiting is not None and waiting.job.submitted_at != job.submitted_at

    async def upload(self, job_id: JobId) -> str | None:
        """Tell what was noted of the upload of a job's result."""
        found = await self._broker.last(names.JOBS, names.job_key(job_id, "upload"))
        return None if found is None else found.data.decode()

    async def note_upload(self, job_id: JobId, state: str) -> None:
        """Write down what became of the upload of a job's result."""
        try:
            await self._broker.store(names.job_key(job_id, "upload"), state.encode())
        except Refusal as refusal:
            raise StorageUnavailable(SILENT, detail=str(refusal)) from refusal

    async def tries(self, job_id: JobId) -> int:
        """Tell how often a job was begun that had been handed out before."""
        found = await self._broker.last(names.JOBS, names.job_key(job_id, "tries"))
        return 0 if found is None else int(found.data)

    async def count_tries(self, job_id: JobId, tries: int) -> None:
        """Write down how often a job was begun."""
        try:
            await self._broker.store(names.job_key(job_id, "tries"), b"%d" % tries)
        except Refusal as refusal:
            raise StorageUnavailable(SILENT, detail=str(refusal)) from refusal


def _is_of(outcome: Outcome, job: Job) -> bool:
    """Whether a job ended so, and not an older one under its id."""
    return outcome.job.submitted_at == job.submitted_at
