"""How much waits in the work queues, and how much is in work anywhere?"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence

from inference.engine import Stats
from inference.jetstream_engine import names
from inference.jetstream_engine.broker import Broker
from inference.jetstream_engine.held import Held
from inference.jetstream_engine.mending import consumers_of
from inference.jetstream_engine.messages import seconds_of

LANE_NAMES = {"i": "interactive", "b": "bulk"}


async def gauge(broker: Broker, running: Sequence[Held], held: int) -> Stats:
    """Ask the broker; of other workers it knows what they hold, in work or not."""
    queued: Counter[str] = Counter(dict.fromkeys(LANE_NAMES.values(), 0))
    elsewhere, oldest = -held, time.time()
    for pool in broker.settings.all_pools:
        stream = names.tasks_stream(pool)
        state = (await broker.call(f"STREAM.INFO.{stream}"))["state"]
        if state["messages"]:
            oldest = min(oldest, seconds_of(state["first_ts"]))
        for consumer in await consumers_of(broker, stream):
            lane = LANE_NAMES[consumer["name"].rsplit("-", 1)[1][0]]
            queued[lane] += consumer["num_pending"] + consumer["num_ack_pending"]
            elsewhere += consumer["num_ack_pending"]
    elsewhere = max(0, elsewhere)
    queued.subtract(LANE_NAMES[one.lane.rsplit("-", 1)[1][0]] for one in running)
    queued["interactive"] -= elsewhere
    if queued["interactive"] < 0:
        queued["bulk"] += queued["interactive"]
    lanes = {lane: max(0, count) for lane, count in queued.items()}
    waits = max(0.0, time.time() - oldest) if sum(lanes.values()) else 0.0
    usage = (await broker.call(f"STREAM.INFO.{names.USAGE}"))["state"]
    return Stats(lanes, len(running) + elsewhere, waits, usage["messages"])
