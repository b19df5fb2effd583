"""A message in hand: the job in it, and what the broker is answered about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from inference.jetstream_engine.broker import Broker
from protocol.jobs import Job

ACK: Final = b"+ACK"
NAK: Final = b"-NAK"
TERM: Final = b"+TERM"


@dataclass(slots=True)
class Held:
    """A message that the broker has handed out to this worker."""

    job: Job
    stream: str
    seq: int
    lane: str
    attempt: int
    address: str
    """Where it is acknowledged; a new one comes with each delivery."""
    tries: int = 0
    """How often it was begun after its first delivery."""
    has_begun: bool = False
    is_ending: bool = False


async def acknowledge(broker: Broker, held: Held) -> None:
    """Have the message removed; where that is lost it comes again, and is found ended."""
    await broker.tell(held.address, ACK)


async def hand_back(broker: Broker, held: Held, delay_s: float = 0.0) -> None:
    """Have the message handed out again, after a delay."""
    delay = b' {"delay": %d}' % int(delay_s * 1e9) if delay_s else b""
    await broker.tell(held.address, NAK + delay)
