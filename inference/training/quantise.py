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
from onnxruntime.quantization.shape_inference import quant_pre_process

from inference.training.compose import make_sample
from inference.training.export import write_model
from inference.training.int8 import write_int8
from inference.training.sources import load_stock

_SMALLEST = 256  # numbers; smaller tensors stay as they are


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
    """Write the static int8 form; the first and the last convolution stay in floats."""
    prepared = target.with_suffix(".prepared")
    draft = target.with_suffix(".draft")
    quant_pre_process(str(source), str(prepared), skip_symbolic_shape=True)
    model = onnx.load(str(prepared))
    convolutions = [node.name for node in model.graph.node if node.op_type == "Conv"]
    feeds = ({"picture": one[None]} for one in pictures)
    write_int8(model, draft, feeds, kept=[convolutions[0], convolutions[-1]])
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
