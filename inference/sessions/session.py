"""One loaded model: how is a batch run on it?"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from inference.models.row import Row
from inference.sessions.buckets import Bucket, Buffers, Tensor
from protocol.errors import InferenceFailed, OutOfMemory

_NO_MEMORY = re.compile(
    r"out of memory|failed to allocate|bad[_ ]alloc|alloc(ation)?_failed|MemoryAllocation",
    re.IGNORECASE,
)
_log = logging.getLogger(__name__)


class Session:
    """One loaded model; `run` may be called from many threads.

    With `buffers`, batches are copied into buffers on the device, which are there once for each of
    these sizes: one run at a time. Larger batches are run in parts.
    """

    def __init__(
        self,
        ort: Any,
        row: Row,
        provider: str,
        memory_bytes: int,
        buffers: Buffers = Buffers(),  # noqa: B008 - it is immutable
    ) -> None:
        self.row = row
        self.provider = provider
        self.memory_bytes = memory_bytes
        self._ort = ort
        self._inputs = [(node.name, channels_of(node.shape, row)) for node in ort.get_inputs()]
        self._output = ort.get_outputs()[row.output].name
        self._buffers = buffers
        self._buckets: dict[int, Bucket] = {}
        self._turn = threading.Lock()

    @property
    def is_on_gpu(self) -> bool:
        """Whether a GPU runs it."""
        return self.provider != "cpu"

    @property
    def buckets(self) -> tuple[int, ...]:
        """List the batch sizes that have buffers."""
        return tuple(self._buckets)

    def run(self, batch: NDArray[Any]) -> NDArray[Any]:
        """Run stacked items; raise OutOfMemory or InferenceFailed with the reason in `detail`."""
        try:
            return self._run_bound(batch) if self._buckets else self._run_free(batch)
        # onnxruntime raises a dozen classes of its own, RuntimeError and MemoryError.
        except Exception as exc:
            raise _run_error(exc, self.row) from exc

    def warm_up(self) -> None:
        """Run on zeros in every size, so that the first client does not wait for allocations.

        A size that does not fit into memory is left out, and the larger ones with it.
        """
        output = self.run(self._zeros(1))
        for size in sorted(self._buffers.sizes):
            try:
                bucket = self._bucket(size, output)
                bucket.run(self._feeds(self._zeros(size)))
            except Exception as exc:
                error = _run_error(exc, self.row)
                if not self._buckets or not isinstance(error, OutOfMemory):
                    raise error from exc
                _log.warning(
                    "no batches of this size", extra={"size": size, "detail": error.detail}
                )
                return
            self._buckets[size] = bucket

    def trim(self) -> None:
        """Give back what a burst took and one run does not need; on a CPU alone."""
        if not self.is_on_gpu:
            options = onnxruntime.RunOptions()
            options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
            self._ort.run([self._output], self._feeds(self._zeros(1)), options)

    def _run_free(self, batch: NDArray[Any]) -> NDArray[Any]:
        options = None
        if self._buffers.has_graphs:
            options = onnxruntime.RunOptions()
            options.add_run_config_entry("gpu_graph_id", "-1")  # records nothing
        (output,) = self._ort.run([self._output], self._feeds(batch), options)
        return np.asarray(output)

    def _run_bound(self, batch: NDArray[Any]) -> NDArray[Any]:
        largest = max(self._buckets)
        with self._turn:
            parts = [batch[start : start + largest] for start in range(0, len(batch), largest)]
            outputs = [self._run_part(part) for part in parts]
        return outputs[0] if len(outputs) == 1 else np.concatenate(outputs)

    def _run_part(self, part: NDArray[Any]) -> NDArray[Any]:
        size = next(size for size in self._buckets if size >= len(part))
        return self._buckets[size].run(self._feeds(part))[: len(part)]

    def _bucket(self, size: int, output: NDArray[Any]) -> Bucket:
        feeds = self._feeds(self._zeros(size))
        inputs = [Tensor(name, part.shape, part.dtype) for name, part in feeds.items()]
        result = Tensor(self._output, (size, *output.shape[1:]), output.dtype)
        graph = size if self._buffers.has_graphs else None
        return Bucket(self._ort, inputs, result, self._buffers.place, graph)

    def _zeros(self, count: int) -> NDArray[Any]:
        assert self.row.size is not None
        width, height = self.row.size
        depth = sum(channels for _, channels in self._inputs)
        shape = (depth, height, width) if self.row.layout == "NCHW" else (height, width, depth)
        return np.zeros((count, *shape), self.row.dtype)

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


def channels_of(shape: Sequence[Any], row: Row) -> Any:
    """Tell which of an input's sides are its channels."""
    return shape[1 if row.layout == "NCHW" else -1]


def _run_error(exc: Exception, row: Row) -> InferenceFailed | OutOfMemory:
    detail = f"{row.name}: {type(exc).__name__}: {exc}"
    if isinstance(exc, MemoryError) or _NO_MEMORY.search(str(exc)):
        return OutOfMemory("The model ran out of memory on this picture.", detail=detail)
    return InferenceFailed("The model run failed.", detail=detail)
