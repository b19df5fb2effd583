"""Convolutions on bytes: how does a float graph become one that integer kernels run fast and well?

Of ONNX Runtime's integer convolutions the fast ones (MLAS, `convsym.cpp`) take input channels by
fours and sixteen output channels or more; what has fewer is rearranged first, with the same sums.
Enlarging stays in floats: on bytes it cuts fractions off, and takes three times as long.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import GraphProto, ModelProto, NodeProto, helper, numpy_helper, shape_inference
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

ON_BYTES = ("Add", "Concat", "Conv", "MaxPool", "Relu")
FEWEST_INPUTS = 4
TILE = 4
Feed = Mapping[str, NDArray[Any]]


class Feeds(CalibrationDataReader):  # type: ignore[misc]
    """What the ranges of activations are measured on."""

    def __init__(self, feeds: Iterable[Feed]) -> None:
        self._feeds = iter(feeds)

    def get_next(self) -> Feed | None:
        """Return the next one, or None at the end."""
        return next(self._feeds, None)


def write_int8(
    model: ModelProto, target: Path, feeds: Iterable[Feed], kept: Collection[str] = ()
) -> None:
    """Write the static int8 form: u8 activations, s8 kernels per channel; `kept` nodes in floats.

    Height and width of the input must be fixed.
    """
    logging.disable(logging.WARNING)  # it advises a pre-processing that not all graphs need
    try:
        quantize_static(
            rearrange(model, kept),
            target,
            Feeds(feeds),
            quant_format=QuantFormat.QOperator,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            per_channel=True,
            reduce_range=True,  # without VNNI, two products of u8 by s8 may overflow their 16 bits
            op_types_to_quantize=ON_BYTES,
            nodes_to_exclude=list(kept),
        )
    finally:
        logging.disable(logging.NOTSET)


def rearrange(model: ModelProto, kept: Collection[str] = ()) -> ModelProto:
    """Return the model with convolutions of few channels, but for `kept`, in their fast form."""
    model = shape_inference.infer_shapes(model)
    graph = model.graph
    sizes = {
        one.name: [side.dim_value for side in one.type.tensor_type.shape.dim[2:]]
        for one in (*graph.value_info, *graph.output)
    }
    nodes: list[NodeProto] = []
    for node in graph.node:
        before, after = [], []
        if node.name not in kept and _sees_all(node):
            outputs, inputs, *_ = _weight(graph, node.input[1]).shape
            if inputs < FEWEST_INPUTS:
                before = [_pad_channels(graph, node, FEWEST_INPUTS - inputs)]
            if outputs == 1 and not any(side % TILE for side in sizes[node.output[0]]):
                after = [_tile(graph, node)]
        nodes += [*before, node, *after]
    used = {name for node in nodes for name in node.input}
    _replace(graph.initializer, [one for one in graph.initializer if one.name in used])
    _replace(graph.node, nodes)
    return model


def _sees_all(node: NodeProto) -> bool:
    """Tell whether it is a convolution that leaves out neither pixels nor channels."""
    given = {one.name: helper.get_attribute_value(one) for one in node.attribute}
    steps = {*given.get("strides", ()), *given.get("dilations", ()), given.get("group", 1)}
    return node.op_type == "Conv" and steps == {1} and "auto_pad" not in given


def _pad_channels(graph: GraphProto, node: NodeProto, lacking: int) -> NodeProto:
    """Give a convolution further input channels, of zeros; return the node that adds them."""
    kernels = np.pad(_weight(graph, node.input[1]), ((0, 0), (0, lacking), (0, 0), (0, 0)))
    ends = _add(graph, f"{node.name}_ends", np.array([0, 0, 0, 0, 0, lacking, 0, 0], np.int64))
    narrow, node.input[0] = node.input[0], f"{node.name}_padded"
    node.input[1] = _add(graph, f"{node.name}_padded_kernels", kernels)
    return helper.make_node("Pad", [narrow, ends], [node.input[0]], f"{node.name}_pad")


def _tile(graph: GraphProto, node: NodeProto) -> NodeProto:
    """Let the channels of a convolution be a tile's pixels; return the node that lays them out.

    Of sixteen output channels that are computed one alone would be used. A tile's 4x4 pixels are
    sixteen, each of the same sum within the field that all of them see: 6x6 instead of 3x3, at one
    sixteenth of the places.
    """
    kernel = _weight(graph, node.input[1])[0]
    channels, height, width = kernel.shape
    field = height + TILE - 1, width + TILE - 1
    tiled = np.zeros((TILE, TILE, channels, *field), kernel.dtype)
    for row, column in np.ndindex(TILE, TILE):
        tiled[row, column, :, row : row + height, column : column + width] = kernel
    node.input[1] = _add(graph, f"{node.name}_tiled_kernels", tiled.reshape(-1, channels, *field))
    for place in range(2, len(node.input)):
        bias = np.tile(_weight(graph, node.input[place]), TILE * TILE)
        node.input[place] = _add(graph, f"{node.name}_tiled_bias", bias)
    rest = [one for one in node.attribute if one.name not in {"kernel_shape", "strides"}]
    changed = {"kernel_shape": field, "strides": (TILE, TILE)}
    _replace(node.attribute, [*rest, *(helper.make_attribute(*one) for one in changed.items())])
    whole, node.output[0] = node.output[0], f"{node.name}_tiles"
    name = f"{node.name}_lay_out"
    return helper.make_node("DepthToSpace", [node.output[0]], [whole], name, blocksize=TILE)


def _weight(graph: GraphProto, name: str) -> NDArray[Any]:
    return np.asarray(
        numpy_helper.to_array(next(one for one in graph.initializer if one.name == name))
    )


def _add(graph: GraphProto, name: str, values: NDArray[Any]) -> str:
    graph.initializer.append(numpy_helper.from_array(values, name))
    return name


def _replace(field: Any, values: list[Any]) -> None:
    del field[:]
    field.extend(values)
