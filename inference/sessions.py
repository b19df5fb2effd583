"""How is one model run: provider, threads, checksum, warm-up, run(batch)?"""

from __future__ import annotations

import contextlib
import ctypes
import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np
import onnxruntime
from msgspec.structs import replace
from numpy.typing import NDArray

from inference.models.disk import check_file
from inference.models.row import Row
from protocol.errors import InferenceFailed, ModelUnavailable, OutOfMemory

Provider = Literal["auto", "cpu", "cuda", "tensorrt"]

_ORT_NAMES = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
}
_ORT_TYPES = {"float32": "tensor(float)", "uint8": "tensor(uint8)"}
_FATAL = 4
_NO_MEMORY = re.compile(
    r"out of memory|failed to allocate|bad[_ ]alloc|alloc_failed|MemoryAllocation", re.IGNORECASE
)


class SessionSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How models run. "auto" takes the GPU if there is one, and then insists on it.

    One thread per run and several runners is the faster division on a CPU. 0 for `gpu_memory_bytes`
    sets no bound.
    """

    providers: tuple[Provider, ...] = ("auto",)
    device: int = 0
    intra_threads: int = 1
    gpu_memory_bytes: int = 0


class Session:
    """One loaded model; `run` may be called from many threads."""

    def __init__(self, ort: Any, row: Row, provider: str, memory_bytes: int) -> None:
        self.row = row
        self.provider = provider
        self.memory_bytes = memory_bytes
        self._ort = ort
        self._inputs = [(node.name, _channels(node.shape, row)) for node in ort.get_inputs()]
        self._output = ort.get_outputs()[row.output].name

    @property
    def is_on_gpu(self) -> bool:
        """Whether a GPU runs it."""
        return self.provider != "cpu"

    def run(self, batch: NDArray[Any]) -> NDArray[Any]:
        """Run stacked items; raise OutOfMemory or InferenceFailed with the reason in `detail`."""
        try:
            outputs = self._ort.run([self._output], self._feeds(batch))
        # onnxruntime raises a dozen classes of its own, RuntimeError and MemoryError.
        except Exception as exc:
            raise _run_error(exc, self.row) from exc
        return np.asarray(outputs[0])

    def warm_up(self) -> None:
        """Run once on zeros, so that the first client does not wait for allocations."""
        assert self.row.size is not None
        width, height = self.row.size
        depth = sum(channels for _, channels in self._inputs)
        shape = (depth, height, width) if self.row.layout == "NCHW" else (height, width, depth)
        self.run(np.zeros((1, *shape), self.row.dtype))

    def _feeds(self, batch: NDArray[Any]) -> dict[str, NDArray[Any]]:
        if len(self._inputs) == 1:
            return {self._inputs[0][0]: batch}
        axis = 1 if self.row.layout == "NCHW" else 3
        cuts = np.cumsum([channels for _, channels in self._inputs])[:-1]
        parts = np.split(batch, cuts, axis)
        return {
            name: np.ascontiguousarray(part)
            for (name, _), part in zip(self._inputs, parts, strict=True)
        }


def open_session(path: Path, settings: SessionSettings, row: Row) -> Session:
    """Check, load and warm up one model; blocks, so call it in a thread.

    Raises ModelUnavailable; its detail says what to do where a GPU was asked for and does not work.
    """
    providers = choose_providers(settings)
    check_file(path, row)
    ort = _load(path, settings, row, providers)
    row = _fitted(row, ort)
    memory_bytes = row.memory_bytes or 3 * path.stat().st_size
    session = Session(ort, row, providers[0], memory_bytes)
    try:
        session.warm_up()
    except (InferenceFailed, OutOfMemory) as exc:
        raise ModelUnavailable(
            f"Model '{row.name}' does not run on this machine.", detail=exc.detail
        ) from exc
    return session


def choose_providers(
    settings: SessionSettings, runtime: Any = onnxruntime, gpus: int | None = None
) -> tuple[str, ...]:
    """Return what to run on, best first; raise ModelUnavailable if that cannot be.

    Call it once at start, before any model is asked for. `runtime` and `gpus` are for tests.
    """
    if not hasattr(runtime, "InferenceSession"):
        raise ModelUnavailable(
            "No model can run: onnxruntime is broken.",
            detail="onnxruntime has no InferenceSession: two of its wheels were installed into one "
            "folder. Uninstall onnxruntime and onnxruntime-gpu, then install one of them.",
        )
    built_in: Sequence[str] = runtime.get_available_providers()
    wanted = settings.providers
    if "auto" in wanted:
        is_there = _ORT_NAMES["cuda"] in built_in and (count_gpus() if gpus is None else gpus) > 0
        wanted = ("cuda",) if is_there else ("cpu",)
    for provider in wanted:
        if _ORT_NAMES[provider] not in built_in:
            raise _provider_missing(provider, "this build of onnxruntime does not have it")
    return tuple(wanted) or ("cpu",)


def count_gpus() -> int:
    """Ask NVIDIA's driver, quietly, how many GPUs there are."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
        count = ctypes.c_int(0)
        if driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count)):
            return 0
    except (OSError, AttributeError):
        return 0
    return count.value


def _load(path: Path, settings: SessionSettings, row: Row, providers: tuple[str, ...]) -> Any:
    # Its messages come back as exceptions; on stderr they would be told twice.
    onnxruntime.set_default_logger_severity(_FATAL)
    if providers != ("cpu",):
        _preload_cuda()
    try:
        ort = onnxruntime.InferenceSession(
            str(path),
            sess_options=_options(settings),
            providers=[_ORT_NAMES[name] for name in providers],
            provider_options=[_provider_options(name, settings) for name in providers],
        )
    # A dozen classes of onnxruntime's own: not a model, not its version, no memory.
    except Exception as exc:
        raise ModelUnavailable(
            f"Model '{row.name}' does not load.", detail=f"{path}: {type(exc).__name__}: {exc}"
        ) from exc
    # Else a failing GPU would be left for the CPU in the middle of a run, unseen.
    ort.disable_fallback()
    for name in providers:
        if _ORT_NAMES[name] not in ort.get_providers():
            raise _provider_missing(name, f"it got {ort.get_providers()}")
    return ort


def _options(settings: SessionSettings) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = settings.intra_threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.enable_cpu_mem_arena = True
    options.log_severity_level = _FATAL
    return options


def _provider_options(provider: str, settings: SessionSettings) -> dict[str, str]:
    if provider == "cpu":
        return {}
    options = {"device_id": str(settings.device)}
    if provider == "cuda":
        # An exhaustive search would start again for every batch size.
        options["cudnn_conv_algo_search"] = "HEURISTIC"
        options["arena_extend_strategy"] = "kSameAsRequested"
        if settings.gpu_memory_bytes:
            options["gpu_mem_limit"] = str(settings.gpu_memory_bytes)
    return options


def _preload_cuda() -> None:
    """Load CUDA's libraries from their wheels; without them it prints, which we keep quiet."""
    preload = getattr(onnxruntime, "preload_dlls", None)
    if preload is not None:
        with contextlib.redirect_stdout(io.StringIO()):
            preload()


def _provider_missing(provider: str, reason: str) -> ModelUnavailable:
    return ModelUnavailable(
        f"Models cannot run on '{provider}' on this machine.",
        detail=f"{_ORT_NAMES[provider]}: {reason}. Install the extra 'cuda' (pip install "
        "'cutwire[cuda]', and a driver for CUDA 13), or set sessions.providers = ['cpu'] to run "
        "without a GPU.",
    )


def _fitted(row: Row, ort: Any) -> Row:
    """Return the row with what its file says of size and batch; refuse a file of another form."""
    node = ort.get_inputs()[0]
    trouble = _misfit(row, node, len(ort.get_outputs()))
    size = row.size
    if not trouble:
        rows, columns = node.shape[2:] if row.layout == "NCHW" else node.shape[1:3]
        if isinstance(rows, int) and isinstance(columns, int):
            size = (columns, rows)
        if row.size not in {None, size} or size is None:
            trouble = f"size {row.size} does not suit the input {node.shape}"
    if trouble:
        raise ModelUnavailable(f"Model '{row.name}' does not fit its row.", detail=trouble)
    return replace(row, size=size, is_fixed_batch=row.is_fixed_batch or node.shape[0] == 1)


def _misfit(row: Row, node: Any, outputs: int) -> str:
    if node.type != _ORT_TYPES[row.dtype]:
        return f"the input is {node.type}, the row says {row.dtype}"
    if len(node.shape) != 4 or _channels(node.shape, row) != 3:
        return f"the input {node.shape} is no {row.layout} picture"
    if isinstance(node.shape[0], int) and node.shape[0] != 1:
        return f"the file runs {node.shape[0]} pictures at a time, never another number"
    if not 0 <= row.output < outputs:
        return f"there is no output {row.output} among {outputs}"
    return ""


def _channels(shape: Sequence[Any], row: Row) -> Any:
    return shape[1 if row.layout == "NCHW" else -1]


def _run_error(exc: Exception, row: Row) -> InferenceFailed | OutOfMemory:
    detail = f"{row.name}: {type(exc).__name__}: {exc}"
    if isinstance(exc, MemoryError) or _NO_MEMORY.search(str(exc)):
        return OutOfMemory("The model ran out of memory on this picture.", detail=detail)
    return InferenceFailed("The model run failed.", detail=detail)
