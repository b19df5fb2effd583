"""One client's session: what it is owed and what it has. A plain object: no sockets, no await."""

from __future__ import annotations

import uuid
from bisect import bisect_right
from operator import itemgetter

from protocol.jobs import JobId
from server.auth import Caller


class Session:
    """Survives its connection; results in its stream count as the client's once confirmed."""

    def __init__(self, caller: Caller, session_id: str = "", confirmed_seq: int = 0) -> None:
        self.id = session_id or str(uuid.uuid4())
        self.caller = caller
        self.stream = f"ws.{self.id}"
        self.confirmed_seq = confirmed_seq
        self.detached_at: float | None = None
        self.connection: object | None = None
        self.owed: set[JobId] = set()
        self._sent: list[tuple[int, int]] = []  # a deque would take 0.7 KB of each idle session
        self._oversized: set[int] = set()

    @property
    def outstanding(self) -> int:
        """Tasks whose reply the client has not been sent."""
        return len(self.owed)

    def sent(self, seq: int, job_id: JobId, *, size_bytes: int = 0) -> None:
        """Note that a result went out; it is not the client's before `confirm`."""
        self._sent.append((seq, size_bytes))
        self.owed.discard(job_id)

    def confirm(self, upto: int | None = None) -> int | None:
        """Take results that were sent as received; return the last of them, if there are any.

        The pong to a ping that was sent after a result shows that the client got it; a frame does
        not, for it may have been on its way when the result left.
        """
        sent = self._sent
        count = len(sent) if upto is None else bisect_right(sent, upto, key=itemgetter(0))
        if not count:
            return None
        self.confirmed_seq = sent[count - 1][0]
        del sent[:count]
        return self.confirmed_seq

    @property
    def last_sent(self) -> int | None:
        """The newest result that was sent and not confirmed."""
        return self._sent[-1][0] if self._sent else None

    def attach(self, connection: object) -> object | None:
        """Belong to a connection; return the one it is taken from, if that still lives."""
        previous, self.connection = self.connection, connection
        self.detached_at = None
        self._sent.clear()
        return previous

    def detach(self, now: float, *, was_oversized: bool = False) -> None:
        """Lose the connection; where a reply was too large for the client, the largest was."""
        if was_oversized and self._sent:
            seq, _ = max(reversed(self._sent), key=lambda reply: reply[1])
            self._oversized.add(seq)
        self.connection = None
        self.detached_at = now

    def was_oversized(self, seq: int) -> bool:
        """Tell whether the client hung up on this result before because of its size."""
        return seq in self._oversized
