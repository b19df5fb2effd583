"""One model three ways, in turn: the raw session, the batcher, the whole service.

python -m benchmarks gpu [--provider cpu|cuda|tensorrt] [--quick] [--json FILE]

The same pictures go through each at batches of 1 to 32 (the service: so many clients, each waiting
for its reply). Where a later stage falls behind, that stage is the bottleneck.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.harness import photograph, run_clients, running_service
from benchmarks.timing import machine, write
from inference.batcher import Batcher, BatchSettings
from inference.coding import PictureLimits, decode
from inference.models import Catalogue, ModelSettings, Row
from inference.models.tensors import to_input
from inference.sessions import SessionSettings
from inference.sessions.opening import open_session
from inference.sessions.session import Session

BATCHES = (1, 2, 4, 8, 16, 32)
MEGAPIXELS = 1.0
KEEPS_UP = 0.85
"""A stage that reaches this share of the one before it is no bottleneck."""


def settings_for(provider: str, binding: str) -> SessionSettings:
    """Bind buffers whatever the provider, so that the CPU shows the same code."""
    return SessionSettings(providers=(provider,), binding=binding)  # type: ignore[arg-type]


def find_model(name: str) -> tuple[Path, Row]:
    """Find a model by its name in the catalogue; none is the service's own."""
    catalogue = Catalogue(ModelSettings(directory=str(Path("~/.cache/cutwire/models"))))
    row = catalogue.find(name)
    return catalogue.path(row), row


def run_raw(session: Session, items: NDArray[Any], rounds: int) -> float:
    """Run a whole batch, again and again: pictures per second."""
    begun = time.perf_counter()
    for _ in range(rounds):
        session.run(items)
    return rounds * len(items) / (time.perf_counter() - begun)


def run_batcher(session: Session, items: NDArray[Any], rounds: int) -> float:
    """Let as many callers each wait for one picture after another: pictures per second."""

    async def work() -> float:
        batcher = Batcher(session, BatchSettings())

        async def caller(item: NDArray[Any]) -> None:
            for _ in range(rounds):
                await batcher.run(item)

        begun = time.perf_counter()
        await asyncio.gather(*(caller(item) for item in items))
        rate = rounds * len(items) / (time.perf_counter() - begun)
        await batcher.close()
        return rate

    return asyncio.run(work())


@contextmanager
def service_rate(provider: str, image: bytes) -> Iterator[Callable[[int, int], float]]:
    """Start the service; give what measures it with so many clients: pictures per second."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "cutwire.toml"
        config.write_text(f'[sessions]\nproviders = ["{provider}"]\n')
        with running_service("--config", str(config)) as running:

            def measure(clients: int, each: int) -> float:
                begun = time.perf_counter()
                asyncio.run(run_clients(running, clients, each, image))
                return clients * each / (time.perf_counter() - begun)

            measure(1, 1)
            yield measure


def measure(provider: str, model: str, batches: Sequence[int], budget_s: float) -> dict[str, Any]:
    """Measure all stages at all batches; `budget_s` bounds the whole."""
    path, row = find_model(model)
    image = photograph(MEGAPIXELS)
    session = open_session(path, settings_for(provider, "on"), row)
    free = open_session(path, settings_for(provider, "off"), row)
    rgb = decode(image, parameter="image", limits=PictureLimits()).rgb
    item = to_input(rgb, session.row)
    one_s = statistics.median(_timed(lambda: session.run(item[None])) for _ in range(5))
    each_s = budget_s / len(batches) / 4
    found: dict[str, Any] = {}
    with service_rate(provider, image) as service:
        for size in batches:
            items = np.repeat(item[None], size, axis=0)
            rounds = max(1, round(each_s / (one_s * size)))
            rates = {
                "unbound": run_raw(free, items, rounds),
                "raw": run_raw(session, items, rounds),
                "batcher": run_batcher(session, items, rounds),
                "service": service(size, max(1, rounds // 2)),
            }
            found[f"batch {size}"] = {
                **{f"{stage}_per_s": round(rate, 2) for stage, rate in rates.items()},
                "bottleneck": bottleneck(rates),
            }
    return {
        "provider": provider,
        "model": row.name,
        "buckets": list(session.buckets),
        "cores": len(os.sched_getaffinity(0)),
        **found,
    }


def bottleneck(rates: dict[str, float]) -> str:
    """Say which stage holds the others up."""
    if rates["batcher"] < KEEPS_UP * rates["raw"]:
        return "batcher"
    if rates["service"] < KEEPS_UP * rates["batcher"]:
        return "service: codecs, steps and frames"
    return "model"


def _timed(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print; `--json` also writes."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks gpu", description=__doc__)
    parser.add_argument("--provider", choices=("cpu", "cuda", "tensorrt"), default="cuda")
    parser.add_argument("--model", default="", help="a name in the catalogue")
    parser.add_argument("--quick", action="store_true", help="a minute at most")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    batches, budget_s = ((1, 4, 16), 15.0) if options.quick else (BATCHES, 240.0)
    found = {**machine(), **measure(options.provider, options.model, batches, budget_s)}
    for name, row in found.items():
        print(f"{name:10} {row}")
    write(found, options.json)


if __name__ == "__main__":
    main()
