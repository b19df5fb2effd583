"""Which gateway has a session, and how far its client is: for when it comes back elsewhere."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable

import msgspec
from nats.aio.msg import Msg

from inference.jetstream_engine import names
from inference.jetstream_engine.broker import Broker, Refusal
from inference.jetstream_engine.messages import SILENT
from protocol.errors import StorageUnavailable


class SharedSession(msgspec.Struct, frozen=True, kw_only=True):
    """What every gateway may know of a session."""

    id: str
    tenant: str
    gateway: str = ""
    confirmed_seq: int = 0
    """The client has what the stream holds up to here."""
    detached_at: float = 0.0
    """Since when it has no socket, in seconds since the epoch; 0: it has one."""


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(SharedSession)


class SharedSessions:
    """The bucket of sessions; a record that is not renewed is gone after the results' own life."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._gateway = uuid.uuid4().hex

    @property
    def renew_s(self) -> float:
        """How often a session that is in use must be written again."""
        return self._broker.settings.results_life_s / 3

    def is_ours(self, session: SharedSession) -> bool:
        """Whether this gateway wrote the record."""
        return session.gateway == self._gateway

    async def find(self, session_id: str) -> SharedSession | None:
        """Tell of a session, wherever it is."""
        found = await self._broker.last(names.SESSIONS, names.session_key(session_id))
        return None if found is None or not found.data else _DECODER.decode(found.data)

    async def note(self, session: SharedSession) -> None:
        """Write down how far a session of ours has come."""
        session = msgspec.structs.replace(session, gateway=self._gateway)
        await self._store(session.id, _ENCODER.encode(session))

    async def claim(self, session: SharedSession) -> None:
        """Take a session over; the gateway that had it is told."""
        await self.note(session)
        await self._broker.tell(names.SESSION_TAKEN, f"{session.id} {self._gateway}".encode())

    async def release(self, session_id: str) -> bool:
        """Forget a session that is over; False: another gateway has it."""
        found = await self.find(session_id)
        if found is not None and not self.is_ours(found):
            return False
        await self._store(session_id, b"")
        return True

    async def listen(self, taken: Callable[[str], Awaitable[None]]) -> None:
        """Have it told when another gateway takes a session over."""

        async def told(message: Msg) -> None:
            session_id, _, gateway = message.data.decode().partition(" ")
            if gateway != self._gateway:
                await taken(session_id)

        await self._broker.listen(names.SESSION_TAKEN, told)

    async def _store(self, session_id: str, data: bytes) -> None:
        try:
            await self._broker.store(names.session_key(session_id), data)
        except Refusal as refusal:
            raise StorageUnavailable(SILENT, detail=str(refusal)) from refusal
