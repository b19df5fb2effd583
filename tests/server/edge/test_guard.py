"""Writing: what is said in one turn of the loop leaves together, in order, and before the end."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import pytest

from server.edge import EdgeSettings
from server.edge.guard import TOGETHER_BYTES, GuardedTransport


class Wire(asyncio.Transport):
    """Remembers what reached it."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[bytes] = []
        self.closed = False

    def write(self, data: bytes) -> None:
        self.calls.append(bytes(data))

    def writelines(self, list_of_data: Iterable[bytes]) -> None:
        self.calls.append(b"".join(list_of_data))

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Nothing is buffered here."""

    def get_write_buffer_size(self) -> int:
        return 0

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.calls.append(b"<eof>")

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True


@pytest.fixture
async def wire() -> Wire:
    return Wire()


@pytest.fixture
async def guarded(wire: Wire) -> GuardedTransport:
    return GuardedTransport(wire, asyncio.get_running_loop(), EdgeSettings())


async def test_small_writes_of_one_turn_leave_together(
    guarded: GuardedTransport, wire: Wire
) -> None:
    guarded.write(b"a")
    guarded.writelines([b"b", b"c"])
    guarded.write(b"d")
    assert wire.calls == []
    assert guarded.get_write_buffer_size() == 4

    await asyncio.sleep(0)

    assert wire.calls == [b"abcd"]
    assert guarded.get_write_buffer_size() == 0


async def test_writes_of_later_turns_leave_later(guarded: GuardedTransport, wire: Wire) -> None:
    guarded.write(b"a")
    await asyncio.sleep(0)
    guarded.write(b"b")
    await asyncio.sleep(0)

    assert wire.calls == [b"a", b"b"]


async def test_large_write_leaves_at_once_behind_what_was_written_before(
    guarded: GuardedTransport, wire: Wire
) -> None:
    guarded.write(b"a")
    guarded.write(b"x" * TOGETHER_BYTES)

    assert wire.calls == [b"a" + b"x" * TOGETHER_BYTES]


async def test_what_was_written_leaves_before_the_end(
    guarded: GuardedTransport, wire: Wire
) -> None:
    guarded.write(b"a")
    guarded.close()

    assert wire.calls == [b"a"]
    assert wire.closed


async def test_last_word_leaves_before_our_half_is_closed(
    guarded: GuardedTransport, wire: Wire
) -> None:
    guarded.write(b"a")
    guarded.linger()
    guarded.write(b"too late")
    await asyncio.sleep(0)

    assert wire.calls == [b"a", b"<eof>"]
    guarded.forget_timers()


async def test_abort_drops_what_was_not_sent(guarded: GuardedTransport, wire: Wire) -> None:
    guarded.write(b"a")
    guarded.abort()
    await asyncio.sleep(0)

    assert wire.calls == []
