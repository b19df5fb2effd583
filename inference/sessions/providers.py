"""On what do models run: which of onnxruntime's providers, with which options?"""

from __future__ import annotations

import contextlib
import ctypes
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import onnxruntime

from inference.sessions.settings import SessionSettings
from protocol.errors import ModelUnavailable

ORT_NAMES = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
}


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
        is_there = ORT_NAMES["cuda"] in built_in and (count_gpus() if gpus is None else gpus) > 0
        wanted = ("cuda",) if is_there else ("cpu",)
    for provider in wanted:
        if ORT_NAMES[provider] not in built_in:
            raise provider_missing(provider, "this build of onnxruntime does not have it")
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


def provider_options(provider: str, settings: SessionSettings, path: Path) -> dict[str, str]:
    """List a provider's options for the model in a file."""
    if provider == "cpu":
        return {}
    options = {"device_id": str(settings.device)}
    if provider == "tensorrt":
        cache = settings.engine_cache or str(path.parent / "engines")
        return options | {
            "trt_engine_cache_enable": "1",
            "trt_engine_cache_path": cache,
            "trt_timing_cache_enable": "1",
            "trt_timing_cache_path": cache,
            "trt_fp16_enable": "0" if settings.precision == "float32" else "1",
        }
    # An exhaustive search would start again for every batch size.
    options["cudnn_conv_algo_search"] = "HEURISTIC"
    options["arena_extend_strategy"] = "kSameAsRequested"
    if settings.gpu_memory_bytes:
        options["gpu_mem_limit"] = str(settings.gpu_memory_bytes)
    if settings.cuda_graphs:
        options["enable_cuda_graph"] = "1"
    return options


def preload_cuda() -> None:
    """Load CUDA's libraries from their wheels; without them it prints, which we keep quiet."""
    preload = getattr(onnxruntime, "preload_dlls", None)
    if preload is not None:
        with contextlib.redirect_stdout(io.StringIO()):
            preload()


def provider_missing(provider: str, reason: str) -> ModelUnavailable:
    """Say that a provider was asked for and does not work, and what to do."""
    return ModelUnavailable(
        f"Models cannot run on '{provider}' on this machine.",
        detail=f"{ORT_NAMES[provider]}: {reason}. Install the extra 'cuda' (pip install "
        "'cutwire[cuda]', and a driver for CUDA 13), or set sessions.providers = ['cpu'] to run "
        "without a GPU.",
    )
