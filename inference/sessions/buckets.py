"""What is run again and again in one batch size? Buffers on the device, bound once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from inference.sessions.pinning import pinned


class Tensor(NamedTuple):
    """An input or output: its name, shape and type."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]


class Buffers(NamedTuple):
    """Which batch sizes have buffers, where they lie, and whether their runs are recorded."""

    sizes: tuple[int, ...] = ()
    place: tuple[str, int] = ("cpu", 0)
    has_graphs: bool = False


class Bucket:
    """One batch size of a session: its inputs and its output have fixed places on the device.

    `graph` numbers the CUDA graph that its first run records and later ones replay; None: none.
    A smaller batch leaves the rest of the input as it was: what that gives is dropped.
    """

    def __init__(
        self,
        ort: Any,
        inputs: Sequence[Tensor],
        output: Tensor,
        place: tuple[str, int],
        graph: int | None,
    ) -> None:
        self._ort = ort
        self._binding = ort.io_binding()
        self._staged = {tensor.name: _stage(tensor, place) for tensor in inputs}
        self._inputs = {name: _allocate(tensor, place) for tensor in inputs for name in tensor[:1]}
        self._output = _allocate(output, place)
        for name, value in self._inputs.items():
            self._binding.bind_ortvalue_input(name, value)
        self._binding.bind_ortvalue_output(output.name, self._output)
        self._options = onnxruntime.RunOptions()
        if graph is not None:
            self._options.add_run_config_entry("gpu_graph_id", str(graph))

    def run(self, feeds: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
        """Copy a batch in, run, and copy the output out, of the bucket's whole size."""
        for name, batch in feeds.items():
            staged = self._staged[name]
            staged[: len(batch)] = batch
            self._inputs[name].update_inplace(staged)
        self._binding.synchronize_inputs()
        self._ort.run_with_iobinding(self._binding, self._options)
        self._binding.synchronize_outputs()
        return np.array(self._output.numpy())


def _stage(tensor: Tensor, place: tuple[str, int]) -> NDArray[Any]:
    _, shape, dtype = tensor
    name, device = place
    return np.zeros(shape, dtype) if name == "cpu" else pinned(shape, dtype, device)


def _allocate(tensor: Tensor, place: tuple[str, int]) -> Any:
    return onnxruntime.OrtValue.ortvalue_from_shape_and_type(tensor.shape, tensor.dtype, *place)
