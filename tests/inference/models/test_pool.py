import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import numpy as np
import pytest

from inference.batcher import Batcher, BatchSettings
from inference.models import Catalogue, ModelPool, ModelSettings, Row
from inference.sessions import SessionSettings
from inference.sessions.opening import open_session
from protocol.errors import (
    InferenceFailed,
    ModelUnavailable,
    ShuttingDown,
    UnsupportedParameter,
)
from tests.models import graph_like

ITEM = np.zeros(1, np.float32)


class FakeNet:
    """A loaded model whose runs wait for a gate."""

    def __init__(self, row: Row) -> None:
        self.row = row
        self.gate = asyncio.Event()
        self.gate.set()
        self.running = asyncio.Event()
        self.is_closed = False

    async def run(self, item, deadline=None, *, gone=None, is_behind=False) -> np.ndarray:
        assert not self.is_closed
        self.running.set()
        await self.gate.wait()
        assert not self.is_closed
        return item

    async def close(self) -> None:
        self.is_closed = True


class Bench:
    """A pool of fake nets of 100 bytes each: a, b, c and the too large d."""

    def __init__(self, folder: Path, limit_bytes: int) -> None:
        sizes = {"a": 100, "b": 100, "c": 100, "d": 1000}
        rows = tuple(
            Row(name=name, task="segment", file=f"{name}.onnx", memory_bytes=size)
            for name, size in sizes.items()
        )
        for row in rows:
            (folder / row.file).write_bytes(b"x")
        settings = ModelSettings(
            directory=str(folder), rows=rows, segment="a", memory_bytes=limit_bytes
        )
        self.opened: list[str] = []
        self.nets: dict[str, FakeNet] = {}
        self.gate = threading.Event()
        self.gate.set()
        self.opening = threading.Semaphore(0)
        self.trouble: Exception | None = None
        self.now = 0.0
        self.pool = ModelPool(Catalogue(settings), self.open_net, clock=lambda: self.now)

    def open_net(self, row: Row, path: Path) -> FakeNet:
        self.opened.append(row.name)
        self.opening.release()
        assert self.gate.wait(30)
        if self.trouble is not None:
            raise self.trouble
        self.nets[row.name] = FakeNet(row)
        return self.nets[row.name]


@pytest.fixture
async def make(tmp_path: Path) -> AsyncIterator[Callable[..., Bench]]:
    made: list[Bench] = []

    def build(limit_bytes: int = 250) -> Bench:
        made.append(Bench(tmp_path, limit_bytes))
        return made[-1]

    yield build
    for bench in made:
        bench.gate.set()
        await bench.pool.close()


async def test_model_loads_on_first_use_and_once(make) -> None:
    bench = make()
    assert bench.pool.loaded() == []

    for _ in range(3):
        net = await bench.pool.network("a")
        await net.run(ITEM)

    assert bench.opened == ["a"]
    assert bench.pool.loaded() == ["a"]


async def test_many_first_users_share_one_load(make) -> None:
    bench = make()
    bench.gate.clear()
    tasks = [asyncio.create_task(bench.pool.network("a")) for _ in range(10)]
    await asyncio.to_thread(bench.opening.acquire)
    bench.gate.set()

    await asyncio.gather(*tasks)

    assert bench.opened == ["a"]


async def test_load_outlives_the_awaiter_that_began_it(make) -> None:
    bench = make()
    bench.gate.clear()
    first = asyncio.create_task(bench.pool.network("a"))
    await asyncio.to_thread(bench.opening.acquire)
    second = asyncio.create_task(bench.pool.network("a"))
    await asyncio.sleep(0)
    first.cancel()
    bench.gate.set()

    assert (await second).row.name == "a"
    assert bench.opened == ["a"]


async def test_no_name_is_the_default_model(make) -> None:
    assert (await make().pool.network()).row.name == "a"


async def test_unknown_name_is_refused_by_name(make) -> None:
    with pytest.raises(UnsupportedParameter):
        await make().pool.network("nonsense")


async def test_absent_model_says_how_to_pull_it(make) -> None:
    with pytest.raises(ModelUnavailable, match="cutwire models pull birefnet-general"):
        await make().pool.network("runware:112@5")


async def test_least_recently_used_model_leaves(make) -> None:
    bench = make()
    a = await bench.pool.network("a")
    await bench.pool.network("b")
    await a.run(ITEM)

    await bench.pool.network("c")

    assert sorted(bench.pool.loaded()) == ["a", "c"]
    assert bench.nets["b"].is_closed


async def test_evicted_model_is_loaded_again_by_whoever_holds_it(make) -> None:
    bench = make()
    a = await bench.pool.network("a")
    await bench.pool.network("b")
    await bench.pool.network("c")
    assert "a" not in bench.pool.loaded()

    await a.run(ITEM)

    assert bench.opened == ["a", "b", "c", "a"]


async def test_model_in_use_stays_while_an_idle_one_can_leave(make) -> None:
    bench = make()
    a = await bench.pool.network("a")
    bench.nets["a"].gate.clear()
    running = asyncio.create_task(a.run(ITEM))
    await bench.nets["a"].running.wait()
    await bench.pool.network("b")

    await bench.pool.network("c")

    assert not bench.nets["a"].is_closed
    assert bench.nets["b"].is_closed
    bench.nets["a"].gate.set()
    await running


async def test_model_in_use_is_waited_for_never_closed_under_its_users(make) -> None:
    bench = make(limit_bytes=100)
    a = await bench.pool.network("a")
    used = bench.nets["a"]
    used.gate.clear()
    running = asyncio.create_task(a.run(ITEM))
    await used.running.wait()

    loading = asyncio.create_task(bench.pool.network("b"))
    for _ in range(20):
        await asyncio.sleep(0)
    assert bench.pool.loaded() == []
    again = asyncio.create_task(a.run(ITEM))
    assert bench.opened == ["a"]
    used.gate.set()

    await running
    await loading
    assert used.is_closed
    await again
    assert bench.opened == ["a", "b", "a"]


async def test_model_over_the_whole_budget_is_refused_and_nobody_leaves(make) -> None:
    bench = make()
    await bench.pool.network("a")

    with pytest.raises(ModelUnavailable, match="more memory") as caught:
        await bench.pool.network("d")

    assert "models.memory_bytes" in caught.value.detail
    assert bench.pool.loaded() == ["a"]


async def test_failed_load_is_told_again_for_a_while_then_tried_again(make) -> None:
    bench = make()
    bench.trouble = ValueError("broken")
    for _ in range(2):
        with pytest.raises(ModelUnavailable) as caught:
            await bench.pool.network("a")
        assert "broken" in caught.value.detail
    assert bench.opened == ["a"]

    bench.trouble = None
    bench.now = 6.0

    assert (await bench.pool.network("a")).row.name == "a"


async def test_failed_load_gives_its_memory_back(make) -> None:
    bench = make(limit_bytes=100)
    bench.trouble = InferenceFailed("broken")
    with pytest.raises(InferenceFailed):
        await bench.pool.network("a")
    bench.trouble = None

    assert (await bench.pool.network("b")).row.name == "b"


async def test_every_waiter_for_a_failing_load_hears_of_it(make) -> None:
    bench = make()
    bench.gate.clear()
    bench.trouble = ValueError("broken")
    tasks = [asyncio.create_task(bench.pool.network("a")) for _ in range(3)]
    await asyncio.to_thread(bench.opening.acquire)
    bench.gate.set()

    results = await asyncio.gather(*tasks, return_exceptions=True)

    assert [type(result) for result in results] == [ModelUnavailable] * 3


async def test_close_finishes_runs_and_refuses_new_ones(make) -> None:
    bench = make()
    a = await bench.pool.network("a")
    bench.nets["a"].gate.clear()
    running = asyncio.create_task(a.run(ITEM))
    await bench.nets["a"].running.wait()
    closing = asyncio.create_task(bench.pool.close())
    await asyncio.sleep(0)

    with pytest.raises(ShuttingDown):
        await a.run(ITEM)
    bench.nets["a"].gate.set()
    await closing

    assert (await running) is ITEM
    assert bench.nets["a"].is_closed


async def test_real_sessions_and_batchers_under_a_pool(tmp_path: Path) -> None:
    rows = tuple(
        Row(name=name, task="segment", file=f"{name}.onnx", memory_bytes=100) for name in "ab"
    )
    for row in rows:
        (tmp_path / row.file).write_bytes(graph_like(row, size=16))
    settings = ModelSettings(directory=str(tmp_path), rows=rows, segment="a", memory_bytes=150)
    pool = ModelPool(
        Catalogue(settings),
        lambda row, path: Batcher(
            open_session(path, SessionSettings(providers=("cpu",)), row), BatchSettings(runners=1)
        ),
    )
    rgb = np.full((20, 20, 3), 51, np.uint8)

    async def mask(name: str) -> np.ndarray:
        net = await pool.network(name)
        return net.finish(await net.run(net.prepare(rgb)))

    masks = await asyncio.gather(*(mask(name) for name in "abab"))
    await pool.close()

    for each in masks:
        np.testing.assert_allclose(each, np.full((16, 16), 0.2), rtol=1e-5)
