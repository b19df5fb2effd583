"""How do models run: where, with how many threads, in which precision?"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from inference.quantities import BytesOrNone

Provider = Literal["auto", "cpu", "cuda", "tensorrt"]


Buckets = Annotated[
    tuple[Annotated[int, msgspec.Meta(ge=1)], ...], msgspec.Meta(min_length=1, max_length=32)
]


class SessionSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How models run."""

    providers: tuple[Provider, ...] = ("auto",)
    """In order; "auto" takes the GPU if there is one, and then insists on it."""
    device: Annotated[int, msgspec.Meta(ge=0, le=255)] = 0
    """Which GPU."""
    intra_threads: Annotated[int, msgspec.Meta(ge=0, le=512)] = 1
    """Threads of one run: one, and several runs side by side, is the faster division on a CPU."""
    gpu_memory_bytes: BytesOrNone = 0
    """For ONNX Runtime's arena; 0: no bound."""
    buckets: Buckets = (1, 2, 4, 8, 16)
    """Batch sizes with buffers of their own, ascending; a batch is padded to the next of them."""
    binding: Literal["auto", "on", "off"] = "auto"
    """Whether inputs and outputs lie in buffers on the device; `auto`: on a GPU."""
    cuda_graphs: bool = False
    """Whether each bucket's run is recorded once and replayed (provider "cuda" alone)."""
    precision: Literal["auto", "float32", "float16"] = "auto"
    """`auto`: on a GPU the half-precision file NAME.fp16.onnx, where it lies beside the model's."""
    engine_cache: str = ""
    """Where TensorRT keeps the engines that it builds; empty: beside the model's file."""
