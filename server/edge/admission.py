"""How many sockets may be connected without a login: a room with seats, and a queue before it."""

from __future__ import annotations

import asyncio
import ipaddress
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from inference.latch import Latch
from server.edge.pings import OnPong
from server.edge.refusals import TOO_BUSY
from server.edge.settings import EdgeSettings

if TYPE_CHECKING:  # the application is imported without the server
    from uvicorn._types import ASGIReceiveCallable, ASGISendCallable, Scope

EXTENSION = "cutwire.edge"

# Every framework types ASGI's dictionaries in its own way.
Application = Callable[[Any, Any, Any], Awaitable[None]]


def group_address(host: str) -> str:
    """Name the party behind an address: an IPv4 address, or the /64 an IPv6 host may roam in."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)


class WaitingRoom:
    """Seats for sockets that have not logged in: so many in all, so many for each party."""

    def __init__(self, settings: EdgeSettings) -> None:
        self._settings = settings
        self._seated: Counter[str] = Counter()
        self._queues: dict[str, deque[asyncio.Future[bool]]] = {}
        self._waiting = 0

    @property
    def seated(self) -> int:
        """Count the seats taken."""
        return self._seated.total()

    def take(self, party: str) -> bool:
        """Take a seat if one is free."""
        if not self._has_seat(party):
            return False
        self._seated[party] += 1
        return True

    async def wait(self, party: str, seat: asyncio.Future[bool]) -> bool:
        """Queue for a seat, as long as a login may take; whoever holds `seat` may end the wait."""
        if self._waiting >= self._settings.max_waiting:
            return False
        self._queues.setdefault(party, deque()).append(seat)
        self._waiting += 1
        try:
            async with asyncio.timeout(self._settings.login_timeout_s):
                return await seat
        except TimeoutError:
            return False
        finally:
            self._waiting -= 1
            self._forget(party, seat)

    def leave(self, party: str) -> None:
        """Give the seat to the next in the queue who may have it."""
        self._seated[party] -= 1
        if not self._seated[party]:
            del self._seated[party]
        for waiting in tuple(self._queues):
            if self.seated >= self._settings.max_unauthenticated:
                return
            self._seat_next(waiting)

    def _has_seat(self, party: str) -> bool:
        return (
            self.seated < self._settings.max_unauthenticated
            and self._seated[party] < self._settings.max_unauthenticated_per_address
        )

    def _seat_next(self, party: str) -> None:
        queue = self._queues[party]
        while queue and self._has_seat(party):
            seat = queue.popleft()
            if not seat.done():
                seat.set_result(True)
                self._seated[party] += 1
        if not queue:
            del self._queues[party]

    def _forget(self, party: str, seat: asyncio.Future[bool]) -> None:
        queue = self._queues.get(party)
        if queue is not None and seat in queue:
            queue.remove(seat)
            if not queue:
                del self._queues[party]


class Wire(Protocol):
    """What a WebSocket does for the application past ASGI."""

    def logged_in(self) -> None:
        """Lift the limits that hold before login."""

    def take_text(self) -> str | None:
        """Give the next message at once, where it has come whole; None: it is not there yet."""

    def send_text(self, parts: Sequence[bytes]) -> int:
        """Send a text message, given in parts, and tell its size; OSError: the client has gone."""

    def ping(self, on_pong: OnPong) -> None:
        """Ping the client; `on_pong` is told, unless the connection ends before the pong."""


class SocketPass:
    """What the application is given for each WebSocket, in `scope["extensions"][EXTENSION]`."""

    def __init__(self, room: WaitingRoom, writable: Latch, wire: Wire) -> None:
        self.is_authenticated = False
        self.writable = writable
        """Set while the client takes what it is sent."""
        self.take_text = wire.take_text
        self.send = wire.send_text
        self.ping = wire.ping
        self._on_login = wire.logged_in
        self._room = room
        self._party: str | None = None
        self._seat: asyncio.Future[bool] | None = None

    def authenticated(self) -> None:
        """Say that the client logged in: longer messages are allowed, and its seat is free."""
        if not self.is_authenticated:
            self.is_authenticated = True
            self._leave()
            self._on_login()

    async def enter(self, host: str) -> bool:
        """Wait for a seat; False: none came free, or the client has gone."""
        party = group_address(host)
        if not self._room.take(party):
            self._seat = asyncio.get_running_loop().create_future()
            if not await self._room.wait(party, self._seat):
                return False
        self._party = party
        return True

    def lost(self) -> None:
        """Say that the client has gone, or will have in a moment."""
        if self._seat is not None and not self._seat.done():
            self._seat.set_result(False)
        self._leave()

    def _leave(self) -> None:
        if self._party is not None:
            party, self._party = self._party, None
            self._room.leave(party)


class Admission:
    """The application with the waiting room before it: a WebSocket without a seat gets 503."""

    def __init__(self, app: Application) -> None:
        self._app = app

    async def __call__(
        self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable
    ) -> None:
        """Admit a WebSocket; pass everything else on."""
        if scope["type"] == "websocket" and not await self._admits(scope):
            await self._refuse(send)
            return
        await self._app(scope, receive, send)

    async def _admits(self, scope: Scope) -> bool:
        extensions: dict[str, object] = scope.get("extensions") or {}  # type: ignore[assignment]
        socket_pass = extensions.get(EXTENSION)
        client = scope.get("client")
        if not isinstance(socket_pass, SocketPass):
            return True
        return await socket_pass.enter(str(client[0]) if isinstance(client, tuple) else "")

    async def _refuse(self, send: ASGISendCallable) -> None:
        await send(
            {
                "type": "websocket.http.response.start",
                "status": TOO_BUSY.status.value,
                "headers": [(b"content-type", b"application/json"), (b"retry-after", b"10")],
            }
        )
        await send({"type": "websocket.http.response.body", "body": TOO_BUSY.body()})
