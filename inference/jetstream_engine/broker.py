"""One connection to the broker: requests, publishing once, and reading what is stored."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, TypeVar

import msgspec
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError

from inference.jetstream_engine.dialling import TRY_S, connection_options, hang_up
from inference.jetstream_engine.messages import PUB_ACK, SILENT, Message, from_api, from_direct_get
from inference.jetstream_engine.requests import Requests
from inference.jetstream_engine.settings import NatsSettings
from protocol.errors import StorageUnavailable

PAUSE_S = 0.1
WRONG_LAST_SEQUENCE = 10071
STORE_FAILED = 10077
NOT_FOUND = 404

_NO_HEADERS: Mapping[str, str] = MappingProxyType({})

T = TypeVar("T")
OnMessage = Callable[[Msg], Awaitable[None]]

_log = logging.getLogger(__name__)


class Refusal(Exception):  # noqa: N818 - an answer, not a failure
    """The broker understood a request and said no."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(error.get("description", ""))
        self.code = int(error.get("code", 0))
        self.err_code = int(error.get("err_code", 0))
        self.is_retried = False
        """Whether an earlier try got no answer: then that one may have been taken."""


@dataclass(frozen=True, slots=True)
class Stored:
    """Where a message is stored."""

    seq: int
    is_duplicate: bool
    """Whether it had been there before."""
    is_retried: bool = False
    """Whether an earlier try got no answer: then that one may have been taken."""


class Broker:
    """A connection that comes back by itself. What cannot be done now raises StorageUnavailable."""

    def __init__(self, settings: NatsSettings, name: str) -> None:
        self.settings = settings
        self._name = name
        self._client = Client()
        self._requests = Requests(self._client)
        self._returned: list[Callable[[], Awaitable[None]]] = []

    @property
    def is_connected(self) -> bool:
        """Whether a server can be talked to just now."""
        return self._client.is_connected

    @property
    def client(self) -> Client:
        """The connection itself."""
        return self._client

    def on_return(self, told: Callable[[], Awaitable[None]]) -> None:
        """Have it told whenever the connection was lost and is there again."""
        self._returned.append(told)

    @contextlib.asynccontextmanager
    async def opened(self) -> AsyncIterator[Broker]:
        """Be connected for as long as the block runs."""
        await self.open()
        try:
            yield self
        finally:
            await self.close()

    async def open(self) -> None:
        """Connect; raises StorageUnavailable where no server answers in time."""
        until = time.monotonic() + self.settings.connect_s
        while not await self._is_open():
            if time.monotonic() >= until:
                raise StorageUnavailable(
                    f"No NATS server answers at {', '.join(self.settings.urls)}."
                )
            await asyncio.sleep(PAUSE_S)

    async def _is_open(self) -> bool:
        """Try to connect; the client's own way of trying for ever cannot be cancelled."""
        client = Client()
        try:
            await client.connect(
                list(self.settings.urls),
                name=self._name,
                reconnected_cb=self._on_reconnect,
                error_cb=self._on_error,
                max_reconnect_attempts=1,
                allow_reconnect=False,
                **connection_options(self.settings),
            )
            # What is lost from now on is made again, for as long as it takes.
            client.options |= {"allow_reconnect": True, "max_reconnect_attempts": -1}
            self._client, self._requests = client, Requests(client)
            await self._requests.open()
        except (OSError, NatsError, TimeoutError) as exc:
            _log.debug("no connection", extra={"detail": repr(exc)})
            with contextlib.suppress(Exception):  # it may never have been open
                await hang_up(client)
            return False
        return True

    async def close(self) -> None:
        """Send what was published, and disconnect."""
        with contextlib.suppress(NatsError, OSError, TimeoutError):
            async with asyncio.timeout(TRY_S):
                if self._client.is_connected:
                    await self._client.flush()
        # Else a client that is just connecting again may go on for ever: it can miss its end.
        self._client.options["max_reconnect_attempts"] = 1
        with contextlib.suppress(NatsError, OSError, TimeoutError):
            await hang_up(self._client)

    async def tell(self, subject: str, data: bytes = b"", reply: str = "") -> None:
        """Publish without an answer; it is lost where nobody listens, or nobody is there."""
        with contextlib.suppress(NatsError, OSError):
            await self._client.publish(subject, data, reply=reply)

    async def listen(self, subject: str, told: OnMessage) -> Subscription:
        """Have messages told, one after another."""
        try:
            return await self._client.subscribe(
                subject, cb=told, pending_msgs_limit=-1, pending_bytes_limit=-1
            )
        except (NatsError, OSError) as exc:
            raise _unreachable(exc) from exc

    async def ask(
        self,
        subject: str,
        data: bytes = b"",
        headers: dict[str, str] | None = None,
    ) -> Msg:
        """Send a request and return its answer; tried once."""
        try:
            return await self._requests.ask(subject, data, headers)
        except (NatsError, OSError, TimeoutError) as exc:
            raise _unreachable(exc) from exc

    async def call(self, what: str, request: Any = None) -> dict[str, Any]:
        """Make a call of the JetStream API; raises Refusal where it says no."""
        data = b"" if request is None else msgspec.json.encode(request)
        said = (await self.ask(f"$JS.API.{what}", data)).data
        answer: dict[str, Any] = msgspec.json.decode(said)
        if "error" in answer:
            raise Refusal(answer["error"])
        return answer

    async def store(
        self,
        subject: str,
        data: bytes,
        *,
        message_id: str = "",
        last_seq: int | None = None,
        headers: Mapping[str, str] = _NO_HEADERS,
    ) -> Stored:
        """Publish into a stream, tried once; on return the message is stored.

        Args:
            subject: one that a stream takes.
            data: what to store.
            message_id: taken once within the duplicate window.
            last_seq: to be refused where another message is the subject's newest; 0: where any is.
            headers: kept with it.

        Raises:
            Refusal: the stream does not take it.
            StorageUnavailable: no answer; it may be stored or not.
        """
        sent = dict(headers)
        if message_id:
            sent["Nats-Msg-Id"] = message_id
        if last_seq is not None:
            sent["Nats-Expected-Last-Subject-Sequence"] = str(last_seq)
        answer = PUB_ACK.decode((await self.ask(subject, data, sent or None)).data)
        if answer.error:
            raise Refusal(answer.error)
        return Stored(answer.seq, answer.duplicate)

    async def store_within(
        self,
        limit_s: float,
        subject: str,
        data: bytes,
        *,
        message_id: str = "",
        last_seq: int | None = None,
    ) -> Stored:
        """Publish as `store` does, tried again while no answer comes."""
        until = time.monotonic() + limit_s
        is_retried = False
        while True:
            try:
                stored = await self.store(subject, data, message_id=message_id, last_seq=last_seq)
            except StorageUnavailable:
                if time.monotonic() >= until:
                    raise
            except Refusal as refusal:
                refusal.is_retried = is_retried
                raise
            else:
                return replace(stored, is_retried=is_retried)
            is_retried = True
            await asyncio.sleep(PAUSE_S)

    async def patiently(self, call: Callable[[], Awaitable[T]]) -> T:
        """Do what may be repeated again and again while no answer comes, within the patience.

        A new leader is chosen in a few seconds: nobody should be told an error for that.
        """
        until = time.monotonic() + self.settings.patience_s
        while True:
            try:
                return await call()
            except StorageUnavailable:
                if time.monotonic() >= until:
                    raise
            await asyncio.sleep(PAUSE_S)

    async def last(self, stream: str, subject: str, *, is_fresh: bool = True) -> Message | None:
        """Read the newest message of a subject: as the stream's leader knows it, or any replica."""
        if self.settings.replicas == 1 or not is_fresh:
            return from_direct_get(await self.ask(f"$JS.API.DIRECT.GET.{stream}.{subject}"))
        return await self._get(stream, {"last_by_subj": subject})

    async def after(self, stream: str, subject: str, seq: int) -> Message | None:
        """Read the first message of a subject after a sequence number; any replica may answer."""
        request = {"seq": seq + 1, "next_by_subj": subject}
        return from_direct_get(
            await self.ask(f"$JS.API.DIRECT.GET.{stream}", msgspec.json.encode(request))
        )

    async def at(self, stream: str, seq: int) -> Message | None:
        """Read the message with a sequence number."""
        return await self._get(stream, {"seq": seq})

    async def first_from(self, stream: str, seq: int, subject: str) -> Message | None:
        """Read the first message from a sequence number on, as the stream's leader knows it."""
        return await self._get(stream, {"seq": seq, "next_by_subj": subject})

    async def delete(self, stream: str, seq: int) -> None:
        """Remove one message; one that is not there is no error."""
        with contextlib.suppress(Refusal):
            await self.call(f"STREAM.MSG.DELETE.{stream}", {"seq": seq, "no_erase": True})

    async def _get(self, stream: str, request: dict[str, Any]) -> Message | None:
        try:
            found = (await self.call(f"STREAM.MSG.GET.{stream}", request))["message"]
        except Refusal as refusal:
            if refusal.code == NOT_FOUND:
                return None
            raise StorageUnavailable(SILENT, detail=str(refusal)) from refusal
        return from_api(found)

    async def _on_reconnect(self) -> None:
        _log.info("the broker is back", extra={"server": self._server()})
        for told in self._returned:
            await told()

    async def _on_error(self, error: Exception) -> None:
        _log.info("broker connection", extra={"detail": repr(error)})

    def _server(self) -> str:
        url = self._client.connected_url
        return f"{url.hostname}:{url.port}" if url else ""


def _unreachable(exc: Exception) -> StorageUnavailable:
    return StorageUnavailable(SILENT, detail=repr(exc))
