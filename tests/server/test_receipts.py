"""Results that were sent are the client's once it answers a ping that was sent behind them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from fakes import job_of

from inference.latch import Latch
from server.auth import Caller
from server.receipts import Receipts
from server.session import Session


class PingedPeer:
    """A client that answers pings when the test says so."""

    writable = Latch()

    def __init__(self) -> None:
        self.pings: list[Callable[[], None]] = []

    def authenticated(self) -> None:
        """Not asked here."""

    def take_text(self) -> str | None:
        """Not asked here."""
        return None

    def send(self, parts: Sequence[bytes]) -> int:
        """Not asked here."""
        return sum(map(len, parts))

    def ping(self, on_pong: Callable[[], None]) -> None:
        """Keep a ping for the test to answer."""
        self.pings.append(on_pong)


class Desk:
    """A session with its receipts, and what they confirmed."""

    def __init__(self) -> None:
        self.peer = PingedPeer()
        self.confirmed: list[int] = []
        self.receipts = Receipts(self.peer, lambda _, upto: self.confirmed.append(upto))
        self.session = Session(Caller("acme", "k1"))
        self.receipts.belong_to(self.session)

    async def send(self, *seqs: int) -> None:
        """Send results in one turn of the loop, and let it pass."""
        for seq in seqs:
            self.receipts.ask()
            self.session.sent(seq, job_of(seq).id)
        await asyncio.sleep(0)


async def test_results_of_one_turn_share_a_ping() -> None:
    desk = Desk()
    await desk.send(1, 2, 3)
    (pong,) = desk.peer.pings
    pong()
    assert desk.confirmed == [3]


async def test_result_sent_after_the_ping_is_asked_for_again() -> None:
    desk = Desk()
    await desk.send(1)
    await desk.send(2)
    desk.peer.pings[0]()
    assert desk.confirmed == [1]
    desk.peer.pings[1]()
    assert desk.confirmed == [1, 2]


async def test_nothing_is_asked_once_all_is_confirmed() -> None:
    desk = Desk()
    await desk.send(1)
    desk.peer.pings[0]()
    await asyncio.sleep(0)
    assert len(desk.peer.pings) == 1


async def test_results_sent_after_all_was_confirmed_are_asked_for() -> None:
    desk = Desk()
    await desk.send(1)
    desk.peer.pings[0]()
    await desk.send(2)
    desk.peer.pings[1]()
    assert desk.confirmed == [1, 2]


async def test_pong_for_a_session_that_has_gone_elsewhere_confirms_nothing() -> None:
    desk = Desk()
    await desk.send(1)
    desk.receipts.belong_to(None)
    desk.peer.pings[0]()
    assert desk.confirmed == []
