"""Smaller forms of an exported model: weights in half precision, or convolutions in int8.

Both keep the contract of `export.py`. Whether one is worth keeping is for
`benchmarks/quality.py` to say: int8 gains only where the processor multiplies bytes fast.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process

from inference.training.compose import make_sample
from inference.training.export import write_model
from inference.training.sources import load_stock

_SMALLEST = 256  # numbers; smaller tensors stay as they are


class Samples(CalibrationDataReader):  # type: ignore[misc]
    """Calibration pictures: training samples, never evaluation pictures."""

    def __init__(self, pictures: NDArray[np.uint8]) -> None:
        self._rest = list(pictures)

    def get_next(self) -> dict[str, NDArray[np.uint8]] | None:
        """One picture, or None at the end."""
        return {"picture": self._rest.pop()[None]} if self._rest else None


def store_half(source: Path, target: Path) -> None:
    """Keep the kernels in 16 bits and widen them at load: half the file, the same arithmetic."""
    model = onnx.load(str(source))
    graph, casts = model.graph, []
    for tensor in graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.size < _SMALLEST:
            continue
        wide = tensor.name
        small = numpy_helper.from_array(values.astype(np.float16), f"{wide}_half")
        tensor.CopyFrom(small)
        casts.append(helper.make_node("Cast", [small.name], [wide], to=TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    onnx.checker.check_model(model)
    write_model(model, target)


def quantise(source: Path, target: Path, pictures: NDArray[np.uint8]) -> None:
    """Static int8: u8 activations, s8 kernels per channel, QOperator; the last layer stays."""
    prepared = target.with_suffix(".prepared")
    draft = target.with_suffix(".draft")
    quant_pre_process(str(source), str(prepared), skip_symbolic_shape=True)
    convolutions = [n.name for n in onnx.load(str(prepared)).graph.node if n.op_type == "Conv"]
    quantize_static(
        str(prepared),
        str(draft),
        Samples(pictures),
        quant_format=QuantFormat.QOperator,
        per_channel=True,
        reduce_range=True,  # without VNNI, u8 by s8 may overflow 16 bits
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        op_types_to_quantize=["Conv", "Add"],
        nodes_to_exclude=[convolutions[0], convolutions[-1]],
        calibrate_method=CalibrationMethod.MinMax,
    )
    write_model(onnx.load(str(draft)), target)
    prepared.unlink()
    draft.unlink()


def main(arguments: Sequence[str] | None = None) -> None:
    """Write a smaller form of a model."""
    parser = argparse.ArgumentParser(prog="python -m inference.training.quantise")
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--form", choices=("half", "int8"), default="half")
    parser.add_argument("--data", type=Path, action="append", help="int8: pictures to calibrate by")
    parser.add_argument("--count", type=int, default=96)
    given = parser.parse_args(arguments)
    if given.form == "half":
        store_half(given.source, given.target)
        return
    cv2.setNumThreads(0)
    graph = onnx.load(str(given.source)).graph
    side = graph.input[0].type.tensor_type.shape.dim[1].dim_value
    stock = load_stock(given.data or [])
    rows = [make_sample(stock, (77, number), side, 0.5).rgb for number in range(given.count)]
    quantise(given.source, given.target, np.stack(rows))


if __name__ == "__main__":
    main()
