"""How is a model loaded: checksum, provider, threads, precision, warm-up?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnxruntime
from msgspec.structs import replace

from inference.models.disk import check_file
from inference.models.row import Row
from inference.sessions.buckets import Buffers
from inference.sessions.providers import (
    ORT_NAMES,
    choose_providers,
    preload_cuda,
    provider_missing,
    provider_options,
)
from inference.sessions.session import Session, channels_of
from inference.sessions.settings import SessionSettings
from protocol.errors import InferenceFailed, ModelUnavailable, OutOfMemory

_ORT_TYPES = {"float32": "tensor(float)", "uint8": "tensor(uint8)"}
_FATAL = 4


def open_session(path: Path, settings: SessionSettings, row: Row) -> Session:
    """Check, load and warm up one model; blocks, so call it in a thread.

    Raises ModelUnavailable; its detail says what to do where a GPU was asked for and does not work.
    """
    providers = choose_providers(settings)
    is_on_gpu = providers[0] != "cpu"
    path, row = _variant(path, row, settings, is_on_gpu=is_on_gpu)
    check_file(path, row)
    ort = _load(path, settings, row, providers)
    row = _fitted(row, ort)
    memory_bytes = row.memory_bytes or 3 * path.stat().st_size
    session = Session(
        ort,
        row,
        providers[0],
        memory_bytes,
        _buffers(settings, row, providers[0]),
    )
    try:
        session.warm_up()
    except (InferenceFailed, OutOfMemory) as exc:
        raise ModelUnavailable(
            f"Model '{row.name}' does not run on this machine.", detail=exc.detail
        ) from exc
    return session


def _buffers(settings: SessionSettings, row: Row, provider: str) -> Buffers:
    is_on_gpu = provider != "cpu"
    if settings.binding == "off" or (settings.binding == "auto" and not is_on_gpu):
        return Buffers()
    return Buffers(
        sizes=(1,) if row.is_fixed_batch else settings.buckets,
        place=("cuda", settings.device) if is_on_gpu else ("cpu", 0),
        has_graphs=settings.cuda_graphs and provider == "cuda",
    )


def _variant(
    path: Path, row: Row, settings: SessionSettings, *, is_on_gpu: bool
) -> tuple[Path, Row]:
    """Take the half-precision file where it is wanted; its checksum is the one noted beside it."""
    half = path.with_suffix(".fp16.onnx")
    is_wanted = settings.precision == "float16" or (settings.precision == "auto" and is_on_gpu)
    if is_wanted and half.is_file():
        return half, replace(row, sha256="", md5="")
    if settings.precision == "float16":
        raise ModelUnavailable(
            f"Model '{row.name}' has no half-precision file.",
            detail=f"no {half}; set sessions.precision = 'auto' to run the model as it is",
        )
    return path, row


def _load(path: Path, settings: SessionSettings, row: Row, providers: tuple[str, ...]) -> Any:
    # Its messages come back as exceptions; on stderr they would be told twice.
    onnxruntime.set_default_logger_severity(_FATAL)
    if providers != ("cpu",):
        preload_cuda()
    try:
        ort = onnxruntime.InferenceSession(
            str(path),
            sess_options=_options(settings, is_on_cpu=providers == ("cpu",)),
            providers=[ORT_NAMES[name] for name in providers],
            provider_options=[provider_options(name, settings, path) for name in providers],
        )
    # A dozen classes of onnxruntime's own: not a model, not its version, no memory.
    except Exception as exc:
        raise ModelUnavailable(
            f"Model '{row.name}' does not load.", detail=f"{path}: {type(exc).__name__}: {exc}"
        ) from exc
    # Else a failing GPU would be left for the CPU in the middle of a run, unseen.
    ort.disable_fallback()
    for name in providers:
        if ORT_NAMES[name] not in ort.get_providers():
            raise provider_missing(name, f"it got {ort.get_providers()}")
    return ort


def _options(settings: SessionSettings, *, is_on_cpu: bool) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = settings.intra_threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.enable_cpu_mem_arena = True
    # One block for all activations of a run, or a buffer kept from its first layer for a later one
    # of the same size: no faster on a CPU, and up to twice the memory.
    options.enable_mem_pattern = options.enable_mem_reuse = not is_on_cpu
    options.log_severity_level = _FATAL
    return options


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
    if len(node.shape) != 4 or channels_of(node.shape, row) != 3:
        return f"the input {node.shape} is no {row.layout} picture"
    if isinstance(node.shape[0], int) and node.shape[0] != 1:
        return f"the file runs {node.shape[0]} pictures at a time, never another number"
    if not 0 <= row.output < outputs:
        return f"there is no output {row.output} among {outputs}"
    return ""
