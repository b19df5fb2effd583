import asyncio
import threading
from collections.abc import AsyncIterator, Callable

import numpy as np
import pytest
from onnxruntime import InferenceSession
from onnxruntime.capi.onnxruntime_pybind11_state import RuntimeException

from inference.batcher import Batcher, BatchRun, BatchSettings, CpuTurns
from inference.models import Row
from inference.sessions import SessionSettings
from inference.sessions.opening import open_session
from inference.sessions.session import Session
from protocol.errors import (
    CutwireError,
    InferenceFailed,
    OutOfMemory,
    Overloaded,
    ShuttingDown,
    TaskCancelled,
    TaskTimedOut,
)
from tests.models import embedded_like, poisonable, write_packaged

EMBEDDED = Row(
    name="embedded",
    task="segment",
    file="embedded.onnx",
    is_packaged=True,
    layout="NHWC",
    dtype="uint8",
    scaling="none",
)


class GatedModel:
    """A model that runs only when told to; doubles its items, and can be made to fail."""

    def __init__(self, *, is_on_gpu: bool = True, is_fixed: bool = False) -> None:
        self.row = Row(name="gated", task="segment", file="gated.onnx", is_fixed_batch=is_fixed)
        self.is_on_gpu = is_on_gpu
        self.memory_bytes = 1
        self.batches: list[list[float]] = []
        self.trouble: Callable[[np.ndarray], Exception | None] = lambda batch: None
        self.trims = 0
        self.trimmed = threading.Event()
        self._permits = threading.Semaphore(0)
        self._started = threading.Semaphore(0)

    def run(self, batch: np.ndarray) -> np.ndarray:
        self.batches.append(batch.reshape(len(batch), -1)[:, 0].tolist())
        self._started.release()
        assert self._permits.acquire(timeout=30)
        trouble = self.trouble(batch)
        if trouble is not None:
            raise trouble
        return batch * 2

    def trim(self) -> None:
        self.trims += 1
        self.trimmed.set()

    def let(self, runs: int = 1000) -> None:
        """Let so many runs end."""
        self._permits.release(runs)

    async def started(self) -> None:
        """Wait until one more run has begun."""
        assert await asyncio.to_thread(self._started.acquire, timeout=30)


class Counts:
    """Remembers what a batcher tells."""

    def __init__(self) -> None:
        self.depths: list[int] = []
        self.runs: list[BatchRun] = []
        self.dropped: list[str] = []

    def batch_queued(self, model: str, depth: int) -> None:
        self.depths.append(depth)

    def batch_ran(self, model: str, run: BatchRun) -> None:
        self.runs.append(run)

    def batch_dropped(self, model: str, reason: str) -> None:
        self.dropped.append(reason)


class Bench:
    """A batcher over a gated model, with a clock that the test turns."""

    def __init__(self, model: GatedModel, settings: BatchSettings) -> None:
        self.model = model
        self.counts = Counts()
        self.now = 100.0
        self.batcher = Batcher(model, settings, self.counts, clock=lambda: self.now)

    def put(self, value: float, **more) -> asyncio.Task[np.ndarray]:
        return asyncio.create_task(self.batcher.run(np.array([value], np.float32), **more))

    async def put_behind_a_running_one(self, *values: float, **more) -> list[asyncio.Task]:
        """Start a run that holds the runner, then queue these."""
        first = self.put(0)
        await self.model.started()
        tasks = [self.put(value, **more) for value in values]
        await asyncio.sleep(0)
        return [first, *tasks]


@pytest.fixture
async def make() -> AsyncIterator[Callable[..., Bench]]:
    made: list[Bench] = []

    def build(model: GatedModel | None = None, **settings: float) -> Bench:
        given = BatchSettings(**{"runners": 1, **settings})
        made.append(Bench(model or GatedModel(), given))
        return made[-1]

    yield build
    for bench in made:
        bench.model.let()
        await bench.batcher.close()


async def values(tasks: list[asyncio.Task[np.ndarray]]) -> list[float]:
    return [float(output[0]) for output in await asyncio.gather(*tasks)]


async def test_single_item_runs_at_once(make) -> None:
    bench = make()
    bench.model.let()

    assert await values([bench.put(3)]) == [6]


async def test_batch_forms_while_the_runner_is_busy(make) -> None:
    bench = make()
    tasks = await bench.put_behind_a_running_one(1, 2, 3)
    bench.model.let()

    assert await values(tasks) == [0, 2, 4, 6]

    assert bench.model.batches == [[0], [1, 2, 3]]


async def test_batch_has_at_most_its_largest_size_in_order_of_coming(make) -> None:
    bench = make(max_size=2)
    tasks = await bench.put_behind_a_running_one(1, 2, 3)
    bench.model.let()

    assert await values(tasks) == [0, 2, 4, 6]

    assert bench.model.batches == [[0], [1, 2], [3]]


async def test_items_of_different_shapes_never_share_a_batch(make) -> None:
    bench = make()
    tasks = await bench.put_behind_a_running_one(1)
    wide = asyncio.create_task(bench.batcher.run(np.array([2, 2], np.float32)))
    await asyncio.sleep(0)
    tasks.append(bench.put(3))
    await asyncio.sleep(0)
    bench.model.let()

    assert await values([*tasks, wide]) == [0, 2, 6, 4]

    assert bench.model.batches == [[0], [1, 3], [2]]


async def test_cpu_runs_singles_unless_told_otherwise(make) -> None:
    bench = make(GatedModel(is_on_gpu=False))
    tasks = await bench.put_behind_a_running_one(1, 2)
    bench.model.let()
    await values(tasks)

    assert bench.model.batches == [[0], [1], [2]]


async def test_model_of_fixed_batch_runs_singles_and_says_so(make) -> None:
    bench = make(GatedModel(is_fixed=True), max_size=8)
    tasks = await bench.put_behind_a_running_one(1, 2)
    bench.model.let()
    await values(tasks)

    assert bench.model.batches == [[0], [1], [2]]
    assert [(run.size, run.is_fixed) for run in bench.counts.runs] == [(1, True)] * 3


async def test_runners_work_side_by_side(make) -> None:
    bench = make(runners=2, max_size=1)
    tasks = [bench.put(1), bench.put(2)]

    await bench.model.started()
    await bench.model.started()
    bench.model.let()

    assert await values(tasks) == [2, 4]


async def test_full_queue_refuses_at_once(make) -> None:
    bench = make(queue_limit=2)
    tasks = await bench.put_behind_a_running_one(1, 2)

    with pytest.raises(Overloaded):
        await bench.batcher.run(np.zeros(1, np.float32))

    bench.model.let()
    assert await values(tasks) == [0, 2, 4]


async def test_cancelled_awaiter_gives_its_place_back(make) -> None:
    bench = make(queue_limit=1)
    first, second = await bench.put_behind_a_running_one(1)
    second.cancel()
    await asyncio.sleep(0)

    third = bench.put(3)
    await asyncio.sleep(0)
    bench.model.let()

    assert await values([first, third]) == [0, 6]
    assert second.cancelled()
    assert bench.model.batches == [[0], [3]]
    assert bench.counts.dropped == ["cancelled"]


async def test_awaiter_cancelled_during_its_run_harms_nobody(make) -> None:
    bench = make()
    (first,) = await bench.put_behind_a_running_one()
    first.cancel()
    await asyncio.sleep(0)
    bench.model.let()

    assert await values([bench.put(1)]) == [2]
    assert first.cancelled()


async def test_item_past_its_deadline_is_dropped_when_the_batch_is_formed(make) -> None:
    bench = make()
    tasks = await bench.put_behind_a_running_one(1, deadline=105.0)
    tasks.append(bench.put(2, deadline=111.0))
    await asyncio.sleep(0)
    bench.now = 110.0
    bench.model.let()

    results = await asyncio.gather(*tasks, return_exceptions=True)

    assert isinstance(results[1], TaskTimedOut)
    assert results[2] == [4]
    assert bench.model.batches == [[0], [2]]
    assert bench.counts.dropped == ["late"]


async def test_item_whose_client_has_gone_is_dropped_when_the_batch_is_formed(make) -> None:
    bench = make()
    tasks = await bench.put_behind_a_running_one(1, gone=lambda: True)
    tasks.append(bench.put(2))
    await asyncio.sleep(0)
    bench.model.let()

    results = await asyncio.gather(*tasks, return_exceptions=True)

    assert isinstance(results[1], TaskCancelled)
    assert bench.model.batches == [[0], [2]]
    assert bench.counts.dropped == ["gone"]


async def test_dropped_items_leave_their_places_in_the_batch_to_others(make) -> None:
    bench = make(max_size=2)
    tasks = await bench.put_behind_a_running_one(1, 2, gone=lambda: True)
    tasks += [bench.put(3), bench.put(4)]
    await asyncio.sleep(0)
    bench.model.let()

    await asyncio.gather(*tasks, return_exceptions=True)

    assert bench.model.batches == [[0], [3, 4]]


async def test_gone_that_raises_counts_as_present(make) -> None:
    def broken() -> bool:
        raise RuntimeError

    bench = make()
    bench.model.let()

    assert await values([bench.put(1, gone=broken)]) == [2]


async def test_poison_item_fails_alone(make) -> None:
    bench = make()
    bench.model.trouble = lambda batch: InferenceFailed("no") if (batch == 2).any() else None
    tasks = await bench.put_behind_a_running_one(1, 2, 3)
    bench.model.let()

    results = await asyncio.gather(*tasks, return_exceptions=True)

    assert [results[0], results[1], results[3]] == [[0], [2], [6]]
    assert isinstance(results[2], InferenceFailed)
    assert bench.model.batches == [[0], [1, 2, 3], [1], [2], [3]]
    assert [run.is_retry for run in bench.counts.runs] == [False, False, True, True, True]
    assert [run.is_ok for run in bench.counts.runs] == [True, False, True, False, True]


async def test_each_failed_item_has_its_own_error(make) -> None:
    bench = make()
    bench.model.trouble = lambda batch: ValueError("always") if batch.any() else None
    tasks = await bench.put_behind_a_running_one(1, 2)
    bench.model.let()

    _, first, second = await asyncio.gather(*tasks, return_exceptions=True)

    assert isinstance(first, InferenceFailed)
    assert "always" in first.detail
    assert first is not second


async def test_too_little_memory_halves_the_batch(make) -> None:
    bench = make()
    bench.model.trouble = lambda batch: OutOfMemory("big") if len(batch) > 2 else None
    tasks = await bench.put_behind_a_running_one(1, 2, 3, 4, 5)
    bench.model.let()

    assert await values(tasks) == [0, 2, 4, 6, 8, 10]

    assert bench.model.batches == [[0], [1, 2, 3, 4, 5], [1, 2, 3], [1, 2], [3], [4, 5]]


async def test_model_that_loses_an_item_fails_the_batch_not_the_runner(make) -> None:
    class Forgetful(GatedModel):
        def run(self, batch: np.ndarray) -> np.ndarray:
            return super().run(batch)[: 1 if batch[0, 0] == 0 else 0]

    bench = make(Forgetful())
    bench.model.let()

    with pytest.raises(InferenceFailed):
        await bench.put(1)
    assert await values([bench.put(0)]) == [0]


async def test_observer_that_raises_leaves_nobody_waiting(make) -> None:
    bench = make()
    bench.model.let()

    def broken(*args: object) -> None:
        raise RuntimeError("the metrics are broken")

    bench.counts.batch_ran = broken

    for _ in range(2):
        with pytest.raises(InferenceFailed):
            await bench.put(1)


async def test_observer_learns_depth_sizes_and_waits(make) -> None:
    bench = make()
    tasks = await bench.put_behind_a_running_one(1, 2)
    bench.now += 5
    bench.model.let()
    await values(tasks)

    assert bench.counts.runs[1].size == 2
    assert bench.counts.runs[1].waits_s == (5.0, 5.0)
    assert max(bench.counts.depths) == 2
    assert bench.counts.depths[-1] == 0


async def test_close_finishes_what_waits_and_takes_no_more(make) -> None:
    bench = make(max_size=1)
    tasks = await bench.put_behind_a_running_one(1, 2)
    closing = asyncio.create_task(bench.batcher.close())
    await asyncio.sleep(0)

    with pytest.raises(ShuttingDown):
        await bench.batcher.run(np.zeros(1, np.float32))
    bench.model.let()
    await closing

    assert await values(tasks) == [0, 2, 4]


async def test_close_settles_what_its_limit_leaves_unfinished(make) -> None:
    bench = make(max_size=1)
    tasks = await bench.put_behind_a_running_one(1, 2)

    await bench.batcher.close(limit_s=0)
    results = await asyncio.gather(*tasks, return_exceptions=True)

    assert [type(result) for result in results] == [ShuttingDown] * 3


async def test_unused_batcher_closes(make) -> None:
    await make().batcher.close()


def test_loop_that_ended_stops_no_runner() -> None:
    bench = Bench(GatedModel(), BatchSettings(runners=1))

    async def leave() -> None:
        bench.put(1)
        await bench.model.started()

    async def come() -> float:
        bench.model.let()
        result = (await bench.put(2))[0]
        await bench.batcher.close()
        return result

    asyncio.run(leave())
    assert asyncio.run(come()) == 4


async def test_every_awaiter_is_settled_once_whatever_happens(make) -> None:
    bench = make(max_size=4, runners=3, queue_limit=1000)
    bench.model.let(100_000)
    random = np.random.default_rng(4)

    def trouble(batch: np.ndarray) -> Exception | None:
        if (batch % 7 == 3).any():
            return InferenceFailed("seven")
        return OutOfMemory("full") if len(batch) > 3 else None

    bench.model.trouble = trouble
    tasks = [bench.put(value) for value in range(400)]
    await asyncio.sleep(0)
    for number in random.integers(0, 400, 60):
        tasks[number].cancel()

    results = await asyncio.gather(*tasks, return_exceptions=True)

    for value, result in enumerate(results):
        if isinstance(result, asyncio.CancelledError):
            continue
        if value % 7 == 3:
            assert isinstance(result, CutwireError)
        else:
            assert result == [2 * value]


async def test_real_batch_equals_its_singles(tmp_path) -> None:
    path = write_packaged(tmp_path, embedded_like(8))
    session = open_session(path, SessionSettings(providers=("cpu",)), EMBEDDED)
    batcher = Batcher(session, BatchSettings(max_size=4, runners=1))
    pictures = np.random.default_rng(5).integers(0, 256, (8, 8, 8, 3), np.uint8)

    outputs = await asyncio.gather(*(batcher.run(picture) for picture in pictures))
    await batcher.close()

    for picture, output in zip(pictures, outputs, strict=True):
        np.testing.assert_array_equal(output, session.run(picture[None])[0])


async def test_real_poison_picture_fails_alone(tmp_path) -> None:
    path = write_packaged(tmp_path, poisonable(4))
    session = open_session(path, SessionSettings(providers=("cpu",)), EMBEDDED)
    batcher = Batcher(session, BatchSettings(max_size=4, runners=1))
    pictures = np.full((6, 4, 4, 3), 9, np.uint8)
    pictures[2] = 255

    results = await asyncio.gather(
        *(batcher.run(picture) for picture in pictures), return_exceptions=True
    )
    await batcher.close()

    assert [isinstance(result, InferenceFailed) for result in results] == [
        number == 2 for number in range(6)
    ]


class SmallGpu:
    """A real ONNX session with memory for so many pictures only; beyond it fails as CUDA does."""

    def __init__(self, ort, room: int, failure: str) -> None:
        self.get_inputs, self.get_outputs = ort.get_inputs, ort.get_outputs
        self.sizes: list[int] = []
        self.started, self.gate = threading.Event(), threading.Event()
        self._ort, self._room, self._failure = ort, room, failure

    def run(self, outputs, feeds, options=None):
        (batch,) = feeds.values()
        self.sizes.append(len(batch))
        self.started.set()
        assert self.gate.wait(30)
        if len(batch) > self._room:
            raise RuntimeException(self._failure)
        return self._ort.run(outputs, feeds, options)


OUT_OF_GPU_MEMORY = [
    (
        "[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : Non-zero status code returned while running "
        "Conv node. Name:'/conv1/Conv' Status Message: bfc_arena.cc:359 void* onnxruntime::"
        "BFCArena::AllocateRawInternal(size_t, bool, onnxruntime::Stream*) Failed to allocate "
        "memory for "
        "requested buffer of size 1073741824"
    ),
    (
        "[ONNXRuntimeError] : 1 : FAIL : CUDA failure 2: out of memory ; GPU=0 ; hostname=w1 ; "
        "file=cuda_allocator.cc ; line=47 ; expr=cudaMalloc((void**)&p, size);"
    ),
    (
        "[ONNXRuntimeError] : 1 : FAIL : CUDNN_FE failure 11: CUDNN_BACKEND_API_FAILED ; "
        "CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED"
    ),
    "[ONNXRuntimeError] : 1 : FAIL : CUBLAS failure 3: CUBLAS_STATUS_ALLOC_FAILED ; GPU=0",
]


@pytest.mark.parametrize("failure", OUT_OF_GPU_MEMORY)
async def test_gpu_without_memory_for_a_batch_runs_halves_then_singles(tmp_path, failure) -> None:
    gpu = SmallGpu(InferenceSession(write_packaged(tmp_path, embedded_like(4))), 1, failure)
    batcher = Batcher(Session(gpu, EMBEDDED, "cuda", 1), BatchSettings(max_size=4))
    pictures = [np.full((4, 4, 3), value, np.uint8) for value in range(5)]
    first = asyncio.create_task(batcher.run(pictures[0]))
    await asyncio.to_thread(gpu.started.wait, 30)
    others = [asyncio.create_task(batcher.run(picture)) for picture in pictures[1:]]
    await asyncio.sleep(0)
    gpu.gate.set()
    results = await asyncio.gather(first, *others)
    await batcher.close()

    assert [round(float(result.max()) * 255) for result in results] == list(range(5))
    assert gpu.sizes == [1, 4, 2, 1, 1, 2, 1, 1]


async def test_gpu_without_memory_for_one_picture_says_so(tmp_path) -> None:
    ort = InferenceSession(write_packaged(tmp_path, embedded_like(4)))
    gpu = SmallGpu(ort, 0, OUT_OF_GPU_MEMORY[0])
    gpu.gate.set()
    batcher = Batcher(Session(gpu, EMBEDDED, "cuda", 1), BatchSettings())

    with pytest.raises(OutOfMemory):
        await batcher.run(np.zeros((4, 4, 3), np.uint8))
    await batcher.close()


# Turns and memory


async def test_models_that_share_turns_never_run_more_at_once_than_there_are(make) -> None:
    turns = CpuTurns(1)
    models = [GatedModel(is_on_gpu=False), GatedModel(is_on_gpu=False)]
    batchers = [Batcher(model, BatchSettings(runners=2), turns=turns) for model in models]
    items = [asyncio.create_task(b.run(np.ones(1, np.float32))) for b in batchers for _ in range(2)]
    await asyncio.wait(
        [asyncio.create_task(model.started()) for model in models],
        return_when=asyncio.FIRST_COMPLETED,
    )

    assert sum(len(model.batches) for model in models) == 1
    for model in models:
        model.let()
    assert await values(items) == [2, 2, 2, 2]
    await asyncio.gather(*(batcher.close() for batcher in batchers))


async def test_gpu_takes_no_turn_of_the_cores(make) -> None:
    model = GatedModel(is_on_gpu=True)
    batcher = Batcher(model, BatchSettings(), turns=CpuTurns(0))
    model.let()

    assert await values([asyncio.create_task(batcher.run(np.ones(1, np.float32)))]) == [2]
    await batcher.close()


async def test_idle_model_is_trimmed_after_its_time(make) -> None:
    bench = make(trim_after_s=0.001)
    bench.model.let()
    await values([bench.put(1)])

    assert await asyncio.to_thread(bench.model.trimmed.wait, 30)
    assert await values([bench.put(2)]) == [4]


async def test_model_that_was_never_used_is_not_trimmed(make) -> None:
    bench = make(trim_after_s=0.001, max_size=1)
    (first,) = await bench.put_behind_a_running_one()

    assert bench.model.trims == 0
    bench.model.let()
    await values([first])


async def test_trim_that_fails_stops_no_runner(make) -> None:
    bench = make(trim_after_s=0.001)
    bench.model.let()

    def broken() -> None:
        bench.model.trimmed.set()
        raise RuntimeError("no")

    bench.model.trim = broken
    await values([bench.put(1)])
    assert await asyncio.to_thread(bench.model.trimmed.wait, 30)

    assert await values([bench.put(2)]) == [4]


# Ahead and behind


async def test_item_ahead_waits_for_no_run_behind(make) -> None:
    model = GatedModel(is_on_gpu=False)
    batcher = Batcher(model, BatchSettings(), turns=CpuTurns(1))
    behind = [asyncio.create_task(batcher.run(_one(1), is_behind=True)) for _ in range(3)]
    await model.started()
    ahead = asyncio.create_task(batcher.run(_one(2)))

    await model.started()  # beside the one behind, though that has not ended
    assert model.batches == [[1], [2]]
    model.let()
    assert await values([*behind, ahead]) == [2, 2, 2, 4]
    await batcher.close()


async def test_runs_behind_leave_a_core(make) -> None:
    model = GatedModel(is_on_gpu=False)
    batcher = Batcher(model, BatchSettings(runners=8), turns=CpuTurns(3))
    behind = [asyncio.create_task(batcher.run(_one(1), is_behind=True)) for _ in range(4)]
    await model.started()
    await model.started()
    ahead = asyncio.create_task(batcher.run(_one(2)))
    await model.started()

    assert sorted(model.batches) == [[1], [1], [2]]
    model.let()
    await values([*behind, ahead])
    await batcher.close()


async def test_item_behind_that_is_cancelled_is_not_run(make) -> None:
    model = GatedModel(is_on_gpu=False)
    batcher = Batcher(model, BatchSettings(runners=1), turns=CpuTurns(1))
    first, second = (
        asyncio.create_task(batcher.run(_one(value), is_behind=True)) for value in (1, 2)
    )
    await model.started()
    second.cancel()
    await asyncio.gather(second, return_exceptions=True)
    model.let()

    assert await values([first]) == [2]
    await batcher.close()
    assert model.batches == [[1]]


async def test_close_settles_what_waits_behind(make) -> None:
    model = GatedModel(is_on_gpu=False)
    batcher = Batcher(model, BatchSettings(runners=1), turns=CpuTurns(1))
    tasks = [asyncio.create_task(batcher.run(_one(1), is_behind=True)) for _ in range(2)]
    await model.started()
    await batcher.close(limit_s=0)

    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(answer) for answer in answers] == [ShuttingDown, ShuttingDown]
    model.let()


async def test_on_a_gpu_what_is_behind_joins_the_batch(make) -> None:
    bench = make(GatedModel(is_on_gpu=True))
    tasks = await bench.put_behind_a_running_one(1)
    tasks.append(bench.put(2, is_behind=True))
    await asyncio.sleep(0)
    bench.model.let()

    await values(tasks)
    assert bench.model.batches == [[0], [1, 2]]


def _one(value: float) -> np.ndarray:
    return np.array([value], np.float32)
