"""Kill tests: parts of a real cluster die at random moments while clients want their tasks done.

make kill ARGS="--rounds 2 --tasks 500"        each kind of death, twice, with 500 tasks each time
make kill ARGS="--rounds 10 --tasks 2000 --json benchmarks/results/kill.json"
make kill ARGS="--kinds worker,leader"

The last line says what came of it: `N tasks, K kills, lost L, twice T, double-charged D`.
Exits with 1 unless L, T and D are 0.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from brokers import MIB, NatsCluster, NatsServer, newest
from cluster import KEY, Balancer, Cluster
from kill.bucket import Bucket
from kill.owner import Owner
from models import embedded_like

from benchmarks.timing import machine, write
from inference.jetstream_engine import names
from inference.jetstream_engine.broker import Broker
from inference.jetstream_engine.jobs import decode_outcome
from inference.jetstream_engine.reader import POLLED
from inference.jetstream_engine.settings import NatsSettings

GROUPS = (("worker", "gateway", "broker"), ("store",), ("leader",))
"""Kinds of deaths that one cluster goes through: with a shared folder and one broker, with a bucket
and one broker, with a shared folder and three brokers."""
KINDS = tuple(itertools.chain(*GROUPS))
WRONG = ("lost", "twice", "double_charged", "uncharged")
OWNERS = 4
AWAY_S = 10.0
LIMIT_S = 600.0


@dataclass(frozen=True)
class Round:
    """What came of one death."""

    kind: str
    tasks: int
    acknowledged: int
    lost: int
    twice: int
    double_charged: int
    uncharged: int
    pause_s: float
    """The longest time without a result."""
    took_s: float


def main() -> int:
    """Run the rounds and say what came of them."""
    parser = argparse.ArgumentParser(prog="make kill", description=__doc__)
    parser.add_argument("--rounds", type=int, default=2, help="deaths of each kind")
    parser.add_argument("--tasks", type=int, default=500, help="tasks in each round")
    parser.add_argument("--kinds", default=",".join(KINDS), help=f"of {', '.join(KINDS)}")
    parser.add_argument("--json", type=Path, help="write every round here")
    parser.add_argument("--seed", type=int, default=None)
    options = parser.parse_args()
    random.seed(options.seed)
    rounds: list[Round] = []
    kinds = options.kinds.split(",")
    for group in GROUPS:
        here = [kind for kind in group if kind in kinds]
        if here:
            rounds += run_rounds(here, options.rounds, options.tasks)
    found = machine() | summary(rounds)
    write(found, options.json)
    print(
        f"{found['tasks']} tasks, {found['kills']} kills, lost {found['lost']}, "
        f"twice {found['twice']}, double-charged {found['double_charged']}"
    )
    if found["uncharged"]:
        print(f"{found['uncharged']} tasks were never charged", file=sys.stderr)
    return 1 if any(found[name] for name in WRONG) else 0


def summary(rounds: Sequence[Round]) -> dict[str, Any]:
    """Sum rounds up, in all and by kind."""
    kinds = dict.fromkeys(one.kind for one in rounds)
    return _sums(rounds) | {
        "by_kind": {kind: _sums([one for one in rounds if one.kind == kind]) for kind in kinds},
        "rounds": [asdict(one) for one in rounds],
    }


def _sums(rounds: Sequence[Round]) -> dict[str, Any]:
    pauses = sorted(one.pause_s for one in rounds)
    return {
        "kills": len(rounds),
        **{name: sum(getattr(one, name) for one in rounds) for name in ("tasks", *WRONG)},
        "pause_s": {"median": pauses[len(pauses) // 2], "longest": pauses[-1]},
    }


def run_rounds(kinds: list[str], rounds: int, tasks: int) -> list[Round]:
    """Run all rounds of a group of kinds on one cluster."""
    done = []
    with tempfile.TemporaryDirectory(prefix="cutwire-kill-") as name, Bucket() as bucket:
        store = bucket.settings if "store" in kinds else {}
        with running(Path(name), store, is_cluster="leader" in kinds) as (cluster, balancer):
            for number in range(rounds):
                for kind in kinds:
                    one = asyncio.run(run_round(kind, tasks, cluster, balancer, bucket))
                    print(f"{number + 1} {json.dumps(asdict(one))}", flush=True)
                    done.append(one)
            for defect in cluster.defects()[:5]:
                print("log:", json.dumps(defect)[:600], flush=True)
    return done


@contextmanager
def running(
    folder: Path, store: Mapping[str, object], *, is_cluster: bool
) -> Iterator[tuple[Cluster, Balancer]]:
    """A cluster on a small model, which makes many tasks a second."""
    (folder / "tiny.onnx").write_bytes(embedded_like())
    row = {
        "name": "tiny",
        "task": "segment",
        "file": str(folder / "tiny.onnx"),
        "layout": "NHWC",
        "dtype": "uint8",
        "scaling": "none",
    }
    settings = {
        "models__rows": json.dumps([row]),
        "models__segment": "tiny",
        "limits__task_s": LIMIT_S,
        "limits__in_flight_per_socket": 256,
        "logs__level": "warning",
        "nats__jobs_bytes": 512 * MIB,
        **store,
    }
    program = newest()
    broker = NatsCluster(folder / "n", program) if is_cluster else NatsServer(folder / "n", program)
    cluster = Cluster(folder, broker=broker, settings=settings)
    balancer = Balancer(cluster.gateways)
    try:
        yield cluster, balancer
    finally:
        balancer.stop()
        cluster.stop()


async def run_round(
    kind: str, tasks: int, cluster: Cluster, balancer: Balancer, bucket: Bucket
) -> Round:
    """Send tasks, let something die at a random moment, and see that all of them end."""
    each = [tasks // OWNERS + (place < tasks % OWNERS) for place in range(OWNERS)]
    owners = [Owner(balancer.ws_url, KEY, count) for count in each]
    moment = random.uniform(0.05, 0.8) * tasks
    before = await _last_result(cluster)
    begun = time.monotonic()
    async with asyncio.timeout(LIMIT_S), asyncio.TaskGroup() as group:
        for owner in owners:
            group.create_task(owner.run())
        while sum(owner.ended for owner in owners) < moment:  # noqa: ASYNC110 - nothing tells it
            await asyncio.sleep(0.01)
        group.create_task(asyncio.to_thread(strike, kind, cluster, bucket))
    took_s = time.monotonic() - begun
    async with asyncio.timeout(LIMIT_S):
        await asyncio.gather(*(owner.ask_again() for owner in owners))
    wanted = {task_uuid for owner in owners for task_uuid in owner.images}
    charges = await _charges(cluster, wanted)
    stored = await _stored_twice(cluster, wanted, before)
    told_twice = sum(len(images) > 1 for owner in owners for images in owner.images.values())
    moments = sorted(at for owner in owners for at in owner.ended_at)
    for owner in owners:
        for task_uuid, why in owner.lost.items():
            print("lost:", task_uuid, why, flush=True)
    return Round(
        kind,
        tasks,
        sum(len(owner.acknowledged) for owner in owners),
        sum(len(owner.lost) for owner in owners),
        told_twice + stored,
        sum(count > 1 for count in charges.values()),
        len(wanted - set(charges)),
        round(max(after - before for before, after in itertools.pairwise(moments)), 2),
        round(took_s, 1),
    )


def strike(kind: str, cluster: Cluster, bucket: Bucket) -> None:
    """Kill something, and bring it back as an operator's machinery would."""
    broker = cluster.broker
    if kind in ("worker", "gateway"):
        program = random.choice(cluster.workers if kind == "worker" else cluster.gateways)
        program.kill()
        program.launch()
        program.wait()
    elif kind == "store":
        bucket.away(AWAY_S)
    elif kind == "broker":
        assert isinstance(broker, NatsServer)
        broker.kill()
        time.sleep(1)
        broker.start()
    else:
        assert isinstance(broker, NatsCluster)
        leader = broker.leader_of(names.tasks_stream("default"))
        leader.kill()
        time.sleep(3)
        leader.start()


async def _charges(cluster: Cluster, wanted: set[str]) -> dict[str, int]:
    """What the ledger says of these tasks, once it has caught up."""
    deadline = time.monotonic() + 60
    while True:
        said = await asyncio.to_thread(cluster.charges)
        charges = {uuid: count for uuid, count in said.items() if uuid in wanted}
        if len(charges) == len(wanted) or time.monotonic() > deadline:
            return charges
        await asyncio.sleep(0.5)


async def _last_result(cluster: Cluster) -> int:
    async with Broker(_nats_settings(cluster), "kill test").opened() as broker:
        state = (await broker.call(f"STREAM.INFO.{names.RESULTS}"))["state"]
        return int(state["last_seq"])


async def _stored_twice(cluster: Cluster, wanted: set[str], seq: int) -> int:
    """Count the tasks that the streams hold more than one result of, after a sequence number."""
    results: Counter[str] = Counter()
    async with Broker(_nats_settings(cluster), "kill test").opened() as broker:
        while found := await broker.first_from(names.RESULTS, seq + 1, "res.>"):
            seq = found.seq
            if POLLED not in found.headers:
                results[decode_outcome(found.data).job.task.task_uuid] += 1
    return sum(count > 1 for uuid, count in results.items() if uuid in wanted)


def _nats_settings(cluster: Cluster) -> NatsSettings:
    broker = cluster.broker
    urls: Any = [broker.url] if isinstance(broker, NatsServer) else broker.urls
    return NatsSettings(urls=tuple(urls), replicas=cluster.settings["nats__replicas"])  # type: ignore[arg-type]


if __name__ == "__main__":
    sys.exit(main())
