"""Tiny generated ONNX graphs: the signatures of real models, arithmetic that tests can foretell."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, checker, helper, numpy_helper

from inference.models.row import Row

# What onnxruntime 1.31 reads; onnx itself would write newer ones.
IR_VERSION = 10
OPSET = 18

_TYPES = {"float32": TensorProto.FLOAT, "uint8": TensorProto.UINT8}
Side = int | str


def graph_like(row: Row, *, batch: Side | None = None, size: int | None = None) -> bytes:
    """Return an ONNX file of this row's signature: names aside, what the public file looks like.

    Segmentation: each output is the mean of the input's channels. Inpainting: the input picture
    with the hole set to 0. Classification: a softmax over the labels.
    """
    first: Side = batch if batch is not None else (1 if row.is_fixed_batch else "N")
    width, height = (size, size) if size else (row.size or (32, 32))
    build = {"segment": _segment, "inpaint": _inpaint, "classify": _classify}[row.task]
    return _finish(build(row, first, width, height)).SerializeToString()


def embedded_like(size: int = 32) -> bytes:
    """Return the embedded signature: `picture` uint8 [N,S,S,3] → `alpha` [N,1,S,S] in 0…1."""
    nodes = [
        helper.make_node("Cast", ["picture"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["floats"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("ReduceMean", ["planes", "axes"], ["grey"], keepdims=1),
        helper.make_node("Mul", ["grey", "scale"], ["alpha"]),
    ]
    scale = numpy_helper.from_array(np.array(1 / 255, np.float32), "scale")
    return _from_picture_to_alpha(nodes, [scale], size)


def _from_picture_to_alpha(
    nodes: list[NodeProto], constants: list[TensorProto], size: int
) -> bytes:
    """Finish a graph whose nodes make `alpha` of `picture`; all take the mean over its `axes`."""
    axes = numpy_helper.from_array(np.array([1], np.int64), "axes")
    graph = helper.make_graph(
        nodes,
        "embedded",
        [_value("picture", TensorProto.UINT8, ["N", size, size, 3])],
        [_value("alpha", TensorProto.FLOAT, ["N", 1, size, size])],
        [axes, *constants],
    )
    return _finish(graph).SerializeToString()


def u2netp_like(seed: int = 1, side: int = 320) -> bytes:
    """Return a small network of u2netp's shape: [1,3,320,320] → seven sigmoids [1,1,320,320]."""
    random = np.random.default_rng(seed)
    nodes: list[NodeProto] = []
    constants: list[TensorProto] = []
    for number in range(7):
        weights = random.normal(0, 0.4, (1, 3, 3, 3)).astype(np.float32)
        constants.append(numpy_helper.from_array(weights, f"w{number}"))
        conv = helper.make_node(
            "Conv", ["input.1", f"w{number}"], [f"c{number}"], pads=[1, 1, 1, 1]
        )
        nodes += [conv, helper.make_node("Sigmoid", [f"c{number}"], [f"d{number}"])]
    graph = helper.make_graph(
        nodes,
        "u2netp",
        [_value("input.1", TensorProto.FLOAT, [1, 3, side, side])],
        [_value(f"d{number}", TensorProto.FLOAT, [1, 1, side, side]) for number in range(7)],
        constants,
    )
    return _finish(graph).SerializeToString()


def poisonable(size: int = 4) -> bytes:
    """Return an embedded-like graph whose run fails if any picture has a pixel of value 255."""
    nodes = [
        helper.make_node("Cast", ["picture"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMax", ["floats"], ["brightest"], keepdims=0),
        helper.make_node("Div", ["brightest", "whole"], ["share"]),
        helper.make_node("Cast", ["share"], ["index"], to=TensorProto.INT64),
        # Index 1 of a list of one is out of bounds.
        helper.make_node("Gather", ["zero", "index"], ["nothing"]),
        helper.make_node("Transpose", ["floats"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("ReduceMean", ["planes", "axes"], ["grey"], keepdims=1),
        helper.make_node("Add", ["grey", "nothing"], ["alpha"]),
    ]
    constants = [
        numpy_helper.from_array(np.array(255, np.float32), "whole"),
        numpy_helper.from_array(np.array([0], np.float32), "zero"),
    ]
    return _from_picture_to_alpha(nodes, constants, size)


def greedy(size: int = 4) -> bytes:
    """Return an embedded-like graph that asks for 4 TiB as soon as a picture is not black."""
    nodes = [
        helper.make_node("Cast", ["picture"], ["counts"], to=TensorProto.INT64),
        helper.make_node("ReduceMax", ["counts"], ["brightest"], keepdims=0),
        helper.make_node("Mul", ["brightest", "many"], ["extra"]),
        helper.make_node("Add", ["extra", "one"], ["length"]),
        helper.make_node("Reshape", ["length", "vector"], ["lengths"]),
        helper.make_node("ConstantOfShape", ["lengths"], ["zeros"]),
        helper.make_node("ReduceMax", ["zeros"], ["zero"], keepdims=0),
        helper.make_node("Cast", ["picture"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["floats"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("ReduceMean", ["planes", "axes"], ["grey"], keepdims=1),
        helper.make_node("Add", ["grey", "zero"], ["alpha"]),
    ]
    constants = [
        numpy_helper.from_array(np.array(2**40, np.int64), "many"),
        numpy_helper.from_array(np.array(1, np.int64), "one"),
        numpy_helper.from_array(np.array([1], np.int64), "vector"),
    ]
    return _from_picture_to_alpha(nodes, constants, size)


def recurring(shapes: Sequence[Sequence[int]], size: int = 4) -> bytes:
    """Return an embedded-like graph with a tensor of each shape, all of them twice, never two."""
    nodes = [
        helper.make_node("Cast", ["picture"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMax", ["floats"], ["level0"], keepdims=0),
    ]
    constants = [numpy_helper.from_array(np.array(1 / 255, np.float32), "scale")]
    last = 2 * len(shapes)
    for number, shape in enumerate([*shapes, *shapes]):
        constants.append(numpy_helper.from_array(np.array(shape, np.int64), f"shape{number}"))
        nodes += [
            helper.make_node("Expand", [f"level{number}", f"shape{number}"], [f"wide{number}"]),
            helper.make_node("ReduceMax", [f"wide{number}"], [f"level{number + 1}"], keepdims=0),
        ]
    nodes += [
        helper.make_node("Max", ["floats", f"level{last}"], ["lit"]),
        helper.make_node("Transpose", ["lit"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("ReduceMean", ["planes", "axes"], ["grey"], keepdims=1),
        helper.make_node("Mul", ["grey", "scale"], ["alpha"]),
    ]
    return _from_picture_to_alpha(nodes, constants, size)


def write_packaged(folder: Path, content: bytes, name: str = "embedded") -> Path:
    """Write a model and its checksum as the package carries them; return the model's path."""
    path = folder / f"{name}.onnx"
    path.write_bytes(content)
    (folder / f"{name}.sha256").write_text(f"{hashlib.sha256(content).hexdigest()}  {path.name}\n")
    return path


def _segment(row: Row, first: Side, width: int, height: int) -> GraphProto:
    axis, shape, plane = (
        (1, [first, 3, height, width], [first, 1, height, width])
        if row.layout == "NCHW"
        else (3, [first, height, width, 3], [first, height, width, 1])
    )
    nodes = [helper.make_node("Cast", ["input"], ["floats"], to=TensorProto.FLOAT)]
    outputs = [f"output{number}" for number in range(row.output + 1)]
    nodes += [
        helper.make_node("ReduceMean", ["floats", "axes"], [name], keepdims=1) for name in outputs
    ]
    return helper.make_graph(
        nodes,
        row.name,
        [_value("input", _TYPES[row.dtype], shape)],
        [_value(name, TensorProto.FLOAT, plane) for name in outputs],
        [numpy_helper.from_array(np.array([axis], np.int64), "axes")],
    )


def _inpaint(row: Row, first: Side, width: int, height: int) -> GraphProto:
    kind = _TYPES[row.dtype]
    full = 255 if row.dtype == "uint8" else 1
    kept = "inside" if row.hole == "black" else "rest"
    nodes = [
        helper.make_node("Cast", ["image"], ["colours"], to=TensorProto.FLOAT),
        helper.make_node("Cast", ["mask"], ["marks"], to=TensorProto.FLOAT),
        helper.make_node("Div", ["marks", "full"], ["inside"]),
        helper.make_node("Sub", ["one", "inside"], ["rest"]),
        helper.make_node("Mul", ["colours", kept], ["kept"]),
        helper.make_node("Mul", ["kept", "gain"], ["painted"]),
        helper.make_node("Cast", ["painted"], ["result"], to=kind),
    ]
    gain = row.output_maximum / full
    constants = [
        numpy_helper.from_array(np.array(value, np.float32), name)
        for name, value in (("full", full), ("one", 1), ("gain", gain))
    ]
    return helper.make_graph(
        nodes,
        row.name,
        [
            _value("image", kind, [first, 3, height, width]),
            _value("mask", kind, [first, 1, height, width]),
        ],
        [_value("result", kind, [first, 3, height, width])],
        constants,
    )


def _classify(row: Row, first: Side, width: int, height: int) -> GraphProto:
    space, shape = (
        ([2, 3], [first, 3, height, width])
        if row.layout == "NCHW"
        else ([1, 2], [first, height, width, 3])
    )
    weights = np.linspace(-1, 1, 3 * len(row.labels)).reshape(3, -1).astype(np.float32)
    nodes = [
        helper.make_node("ReduceMean", ["input", "space"], ["colour"], keepdims=0),
        helper.make_node("MatMul", ["colour", "weights"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probs"], axis=1),
    ]
    return helper.make_graph(
        nodes,
        row.name,
        [_value("input", _TYPES[row.dtype], shape)],
        [_value("probs", TensorProto.FLOAT, [first, len(row.labels)])],
        [
            numpy_helper.from_array(np.array(space, np.int64), "space"),
            numpy_helper.from_array(weights, "weights"),
        ],
    )


def _value(name: str, kind: int, shape: Sequence[Side]):
    return helper.make_tensor_value_info(name, kind, list(shape))


def _finish(graph: GraphProto) -> ModelProto:
    model = helper.make_model(
        graph, ir_version=IR_VERSION, opset_imports=[helper.make_opsetid("", OPSET)]
    )
    checker.check_model(model)
    return model
