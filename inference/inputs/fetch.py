"""How is a URL called? The one gate for everything this service fetches, posts or puts."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Final, TypeVar

import msgspec

from inference.inputs.dialer import Dialer
from inference.inputs.failures import call_failed, malformed_url, too_large
from inference.inputs.lookup import Resolve, SystemResolver
from inference.inputs.places import Places
from inference.inputs.urls import Target, parse_url
from inference.quantities import Bytes, Count, CountOrNone
from protocol.errors import ShuttingDown

if TYPE_CHECKING:
    from inference.inputs.exchange import Exchange, Head, Headers

Seconds = Annotated[float, msgspec.Meta(gt=0, le=600)]
Answer = TypeVar("Answer")

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_SAYS_WHO: Final = ("User-Agent", "cutwire")
_ASKS_IMAGE: Final[Headers] = (
    _SAYS_WHO,
    ("Accept", "image/*, */*;q=0.5"),
    ("Accept-Encoding", "identity"),
)


class FetchSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Limits of every outgoing call."""

    total_s: Seconds = 10.0
    """From the look-up to the last byte, redirects included."""
    connect_s: Seconds = 3.0
    """Look-up, TCP and TLS of one hop."""
    max_redirects: Annotated[int, msgspec.Meta(ge=0, le=20)] = 3
    """Of one call; each is judged as the first URL is."""
    header_bytes: Annotated[int, msgspec.Meta(ge=1024, le=1024 * 1024)] = 64 * 1024
    """All of an answer's headers."""
    body_bytes: Bytes = 12_000_000
    """Of an image that is fetched."""
    max_concurrent: Count = 64
    """Calls at once, of all tenants."""
    max_per_host: Count = 16
    """Calls to one host at once."""
    max_waiting: CountOrNone = 1000
    """Calls that wait behind those, each at most total_s."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """Something to hand over: a webhook's POST or an upload endpoint's PUT."""

    url: str
    method: str
    body: bytes
    media_type: str
    headers: Headers = ()


class Fetcher:
    """Calls URLs of strangers: allowed addresses only, no cookies, no proxies, nothing reused.

    Raises ForbiddenAddress (form, scheme or address), DownloadFailed (tried and failed),
    ImageTooLarge and Overloaded. Make and use it on one event loop.
    """

    def __init__(
        self,
        settings: FetchSettings,
        allow_private: bool,
        *,
        resolve: Resolve | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._settings = settings
        self._system = SystemResolver(settings.max_concurrent)  # starts no thread before its use
        self._dialer = Dialer(
            resolve or self._system,
            tls or ssl.create_default_context(),
            connect_s=settings.connect_s,
            allow_private=allow_private,
        )
        self._places = Places(
            in_all=settings.max_concurrent,
            per_host=settings.max_per_host,
            max_waiting=settings.max_waiting,
            wait_s=settings.total_s,
        )
        self._is_closed = False

    async def fetch(self, url: str, parameter: str) -> bytes:
        """Download an image with GET; at most `body_bytes`, redirects followed and re-checked."""
        target = parse_url(url, parameter)
        left_s = self._settings.total_s
        clock = asyncio.get_running_loop().time
        for _ in range(self._settings.max_redirects + 1):
            async with self._place(target):
                started = clock()
                found = await self._within(left_s, target, self._get(target))
                left_s -= clock() - started
            if isinstance(found, bytes):
                return found
            target = found
        raise call_failed(parameter, f"more than {self._settings.max_redirects} redirects")

    async def deliver(self, delivery: Delivery, parameter: str) -> int:
        """POST or PUT something; gives the status. No redirects; the answer's body stays unread."""
        target = parse_url(delivery.url, parameter)
        async with self._place(target):
            sending = self._send(target, delivery)
            return await self._within(self._settings.total_s, target, sending)

    async def check(self, url: str, parameter: str) -> None:
        """Judge a URL that will be called later; it is judged again when it is called."""
        target = parse_url(url, parameter)
        async with self._place(target):
            await self._dialer.judge(target)

    async def close(self) -> None:
        """Take no more calls; those under way belong to their callers."""
        self._is_closed = True
        self._system.close()

    @asynccontextmanager
    async def _place(self, target: Target) -> AsyncIterator[None]:
        if self._is_closed:
            raise ShuttingDown("the service is shutting down")
        async with self._places.take(target.host):
            yield

    async def _within(self, limit_s: float, target: Target, call: Awaitable[Answer]) -> Answer:
        try:
            async with asyncio.timeout(limit_s):
                return await call
        except TimeoutError as exc:
            reason = f"no complete answer within {self._settings.total_s:g} s"
            raise call_failed(target.parameter, reason) from exc

    async def _get(self, target: Target) -> bytes | Target:
        async with await self._exchange(target) as exchange:
            await exchange.send("GET", _ASKS_IMAGE)
            head = await exchange.receive_head()
            if head.status in _REDIRECTS:
                return _redirected(target, head)
            self._check_head(target, head)
            return await exchange.read_body(self._settings.body_bytes)

    async def _send(self, target: Target, delivery: Delivery) -> int:
        headers = (_SAYS_WHO, ("Content-Type", delivery.media_type), *delivery.headers)
        async with await self._exchange(target) as exchange:
            await exchange.send(delivery.method, headers, delivery.body)
            return (await exchange.receive_head()).status

    async def _exchange(self, target: Target) -> Exchange:
        from inference.inputs.exchange import Exchange  # it takes h11 to load

        streams = await self._dialer.connect(target)
        return Exchange(target, streams, header_bytes=self._settings.header_bytes)

    def _check_head(self, target: Target, head: Head) -> None:
        if head.status != HTTPStatus.OK:
            raise call_failed(target.parameter, f"status {head.status}, expected 200")
        if head.get("content-encoding").strip().lower() not in ("", "identity"):
            raise call_failed(target.parameter, "the answer is compressed, though asked not to be")
        length = head.get("content-length")  # h11 has checked that it is one number
        if length and int(length) > self._settings.body_bytes:
            raise too_large(target.parameter, self._settings.body_bytes)


def _redirected(target: Target, head: Head) -> Target:
    location = head.get("location")
    if not location:
        raise call_failed(target.parameter, f"status {head.status} without a Location")
    following = target.join(location)
    if target.is_secure and not following.is_secure:
        raise malformed_url(target.parameter, "it redirects from https to http")
    return following
