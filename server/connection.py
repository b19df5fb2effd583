"""The WebSocket of one client: frames in, frames out. A thin shell round a session."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Sequence
from dataclasses import replace

from starlette.websockets import WebSocket, WebSocketDisconnect

from inference.latch import Latch
from protocol.decoding import Element, Failed, decode_message
from protocol.errors import (
    CutwireError,
    InvalidApiKey,
    MessageError,
    MissingApiKey,
    Overloaded,
    RateLimited,
)
from protocol.replies import Reply, login_reply, pong_reply
from protocol.tasks import Authentication, Ping, Task
from server.auth import Caller
from server.closing import (
    ABNORMAL_CLOSURE,
    INTERNAL_ERROR,
    NORMAL,
    POLICY_VIOLATION,
    TOO_BIG,
    TRY_AGAIN_LATER,
    UNSUPPORTED_DATA,
    Closing,
)
from server.dispatcher import Recipient
from server.gathering import Gathering
from server.idle_timer import IdleTimer
from server.peer import Peer
from server.receipts import Receipts
from server.reception import Reception
from server.session import Session
from server.tracing import traceparent_of

TURN = 32
"""So many messages are answered before other clients have their turn …"""
TURN_CHARS = 256 * 1024
"""… or so many that they are as long as this together."""

_log = logging.getLogger(__name__)


class Connection:
    """Serves one socket until it closes."""

    def __init__(
        self, socket: WebSocket, reception: Reception, peer: Peer, *, base_url: str, address: str
    ) -> None:
        self._socket = socket
        self._reception = reception
        self._peer = peer
        self._base_url = base_url
        self._address = address
        self._traceparent = traceparent_of(socket)
        self._session: Session | None = None
        self._pump: asyncio.Task[None] | None = None
        self._received_bytes = reception.metrics.received_bytes.at("websocket")
        self._sent_bytes = reception.metrics.sent_bytes.at("websocket")
        self._room = Latch()
        self._receipts = Receipts(peer, reception.dispatcher.confirm)
        self._hanging_up: asyncio.Task[None] | None = None
        self._recipient: Recipient | None = None
        self._idle = IdleTimer(reception.limits.idle_s, self._hang_up)
        self._close_code: int | None = None

    async def serve(self) -> None:
        """Accept the socket and answer what comes, in order, until either side ends it."""
        await self._socket.accept()
        try:
            await self._read()
        except Closing as end:
            await self.close(end.code, end.reason)
        except WebSocketDisconnect as gone:
            self._close_code = gone.code
        finally:
            self._idle.cancel()
            self._leave()

    async def close(self, code: int, reason: str) -> None:
        """End the connection, unless it has ended."""
        with contextlib.suppress(RuntimeError, WebSocketDisconnect):
            await self._socket.close(code, reason)

    def lose_session(self) -> None:
        """Leave the session to another socket, which does not wait for one that may not read."""
        self._leave()
        reason = "the session was taken up elsewhere"
        if self._hanging_up is None:
            self._hanging_up = asyncio.create_task(self.close(POLICY_VIOLATION, reason))

    async def caught_up(self) -> None:
        """Wait until the client was sent all that it is owed, or has gone."""
        await self._owes_fewer_than(1)

    async def _read(self) -> None:
        in_flight = self._reception.limits.in_flight_per_socket
        while True:
            if self._session is not None and self._session.outstanding >= in_flight:
                await self._owes_fewer_than(in_flight)
            text = self._peer.take_text()
            await self._answer_turn(await self._receive() if text is None else text, in_flight)
            await asyncio.sleep(0)  # others' turn: this client may have sent very many

    async def _answer_turn(self, text: str | None, in_flight: int) -> None:
        """Answer a message and what has come behind it; tasks of several are admitted together."""
        gathered, turn, chars = Gathering(), 0, 0
        while text is not None:
            turn, chars = turn + 1, chars + len(text)
            self._received_bytes.add(len(text))
            elements = self._decode(text)
            if self._session is None or not gathered.add(elements):
                await self._submit(gathered.take())
                await self._answer(elements)
            owed = len(gathered) + (self._session.outstanding if self._session else 0)
            is_over = turn == TURN or chars >= TURN_CHARS or owed >= in_flight
            text = None if is_over else self._peer.take_text()
        await self._submit(gathered.take())

    async def _receive(self) -> str:
        """Wait for the next message."""
        self._idle.begin()
        message = await self._socket.receive()
        self._idle.end()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", 1005), message.get("reason"))
        if message.get("bytes") is not None:
            raise Closing(UNSUPPORTED_DATA, "send text frames")
        return str(message["text"])

    def _hang_up(self) -> bool:
        """End a silent connection, unless it waits for results."""
        if self._session is not None and self._session.outstanding:
            return False
        self._hanging_up = asyncio.create_task(self.close(NORMAL, "idle"))
        return True

    async def _owes_fewer_than(self, count: int) -> None:
        """Wait until fewer results are owed, or nothing can be sent any more."""
        while self._session is not None and self._session.outstanding >= count:
            if self._pump is not None and self._pump.done():
                return
            self._room.clear()
            await self._room.wait()

    def _decode(self, text: str) -> list[Element]:
        try:
            return decode_message(text, max_tasks=self._reception.limits.max_tasks)
        except MessageError as error:
            return [Failed(error)]

    async def _answer(self, elements: Sequence[Element]) -> None:
        tasks: list[Task] = []
        for element in elements:
            match element:
                case Task() if self._session is not None:
                    tasks.append(element)
                case Authentication():
                    await self._log_in(element)
                case Ping():
                    await self._send(pong_reply())
                case Failed():
                    await self._refuse(element.error, element.task_type, element.task_uuid)
                case _:
                    await self._refuse_stranger(element)
        await self._submit(tasks)

    async def _submit(self, tasks: Sequence[Task]) -> None:
        if not tasks or self._recipient is None:
            return
        try:
            caller = self._reception.keys.renew(self._recipient.caller)
        except InvalidApiKey as error:
            for task in tasks:
                await self._refuse(error, task.task_type, task.task_uuid)
            raise Closing(POLICY_VIOLATION, "the key was revoked") from error
        if caller is not self._recipient.caller:
            self._recipient = replace(self._recipient, caller=caller)
        for answer in await self._reception.dispatcher.submit_array(self._recipient, tasks):
            if answer is not None:
                await self._send(answer)

    async def _log_in(self, login: Authentication) -> None:
        try:
            caller = self._reception.keys.identify(login.api_key)
        except InvalidApiKey as error:
            await self._refuse_key(error)
            return
        wanted = login.connection_session_uuid
        asked = wanted if isinstance(wanted, str) else None
        try:
            session = await self._reception.sessions.take_up(caller, asked, self._session)
        except (RateLimited, Overloaded) as error:
            await self._refuse(error, "authentication", None)
            raise Closing(TRY_AGAIN_LATER, "too many sockets") from error
        await self._attach(session, caller)

    async def _attach(self, session: Session, caller: Caller) -> None:
        if session is not self._session:
            self._leave()
            previous = self._reception.sessions.attach(session, self)
            if isinstance(previous, Connection):
                previous.lose_session()
            self._session = session
            self._receipts.belong_to(session)
        # The session's tasks are those of its tenant; what may be asked for now, this key says.
        self._recipient = Recipient(
            caller,
            session.stream,
            self._base_url,
            stays=True,
            owed=session.owed,
            traceparent=self._traceparent,
        )
        self._peer.authenticated()
        await self._send(login_reply(session.id))
        if self._pump is None:
            self._pump = asyncio.create_task(self._send_results(session))

    async def _send_results(self, session: Session) -> None:
        dispatcher, writable = self._reception.dispatcher, self._peer.writable
        results = dispatcher.results(session.stream, session.confirmed_seq)
        try:
            async with contextlib.aclosing(results):
                async for result in results:
                    begun_at = time.monotonic()
                    if session.was_oversized(result.seq):
                        reply = dispatcher.oversized(result, self._base_url)
                    else:
                        known = dispatcher.known_reply(result, self._base_url)
                        reply = known or await dispatcher.reply(result, self._base_url)
                    if not writable.is_set():
                        await writable.wait()
                    self._receipts.ask()
                    self._send_now(reply)
                    dispatcher.delivered(result.outcome.job, begun_at)
                    session.sent(result.seq, result.outcome.job.id, size_bytes=len(reply.body))
                    self._room.set()
        except WebSocketDisconnect:
            return  # the reading side sees the end of the socket too, and cleans up
        except Exception:  # noqa: BLE001 - a defect here must end the connection, not leave the client waiting
            _log.exception("sending results failed")
            await self.close(INTERNAL_ERROR, "internal error")
        finally:
            self._room.set()  # who waits for results to leave must not wait for ever

    async def _refuse(
        self, error: CutwireError, task_type: str | None, task_uuid: str | None
    ) -> None:
        refuse = self._reception.dispatcher.refuse
        await self._send(refuse(error, self._base_url, task_type, task_uuid))

    async def _refuse_stranger(self, task: Task) -> None:
        error = MissingApiKey(
            'Log in first: send [{"taskType": "authentication", "apiKey": "…"}].',
            parameter="apiKey",
        )
        await self._refuse(error, task.task_type, task.task_uuid)

    async def _refuse_key(self, error: InvalidApiKey) -> None:
        is_guessing = self._reception.wrong_keys.note(self._address)
        if is_guessing:
            await asyncio.sleep(self._reception.limits.wrong_key_delay_s)
        await self._refuse(error, "authentication", None)
        if is_guessing:
            raise Closing(POLICY_VIOLATION, "too many wrong keys")

    async def _send(self, reply: Reply) -> None:
        if not self._peer.writable.is_set():
            await self._peer.writable.wait()
        self._send_now(reply)

    def _send_now(self, reply: Reply) -> None:
        try:
            size_bytes = self._peer.send(reply.parts)
        except OSError as exc:
            raise WebSocketDisconnect(ABNORMAL_CLOSURE) from exc
        self._sent_bytes.add(size_bytes)

    def _leave(self) -> None:
        """Give the session back, to wait for its client."""
        if self._pump is not None:
            self._pump.cancel()
            self._pump = None
        session, self._session = self._session, None
        self._receipts.belong_to(None)
        self._recipient = None
        self._room.set()
        if session is not None and session.connection is self:
            self._reception.sessions.detach(session, was_oversized=self._close_code == TOO_BIG)
