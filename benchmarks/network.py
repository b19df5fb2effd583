"""A network for all contenders: u2netp's topology, random weights, and a mask that looks like one.

It costs what u2netp costs (Qin et al. 2020, arXiv 2005.09007: 1.1 M parameters, 320×320, batch
norm folded), and answers every picture with the same mask, given when it is made: what follows the
network works on a subject's outline and not on noise. Weights of others are not needed.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper

SIDE = 320
INPUT = "input.1"
OPSET, IR_VERSION = 18, 10
SHARE = 1e-6
"""Of the mask that random weights make: it must be computed, and not be seen."""
Floats = NDArray[np.float32]


class Graph:
    """Nodes and weights while they are put together; each method returns its output's name."""

    def __init__(self, seed: int = 0) -> None:
        self.nodes: list[NodeProto] = []
        self.weights: list[TensorProto] = []
        self._rng = np.random.default_rng(seed)
        self._count = 0

    def add(self, kind: str, *inputs: str, **attributes: object) -> str:
        """Add a node with one output."""
        self._count += 1
        name = f"{kind.lower()}{self._count}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], name=name, **attributes))
        return name

    def constant(self, value: NDArray[np.generic]) -> str:
        """Add a weight."""
        name = f"weight{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def convolve(self, x: str, inside: int, outside: int, dilation: int = 1, size: int = 3) -> str:
        """Add a convolution of unchanged height and width."""
        spread = 0.7 * np.sqrt(2 / (inside * size * size))
        weight = self._rng.standard_normal((outside, inside, size, size)) * spread
        bias = self._rng.standard_normal(outside) * 0.05
        return self.add(
            "Conv",
            x,
            self.constant(weight.astype(np.float32)),
            self.constant(bias.astype(np.float32)),
            kernel_shape=[size, size],
            dilations=[dilation] * 2,
            pads=[dilation * (size // 2)] * 4,
        )

    def block(self, x: str, inside: int, outside: int, dilation: int = 1) -> str:
        """Add a convolution and its ReLU."""
        return self.add("Relu", self.convolve(x, inside, outside, dilation))

    def halve(self, x: str) -> str:
        """Halve height and width."""
        return self.add("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1)

    def enlarge(self, x: str, times: int = 2) -> str:
        """Enlarge height and width."""
        scales = self.constant(np.array([1, 1, times, times], np.float32))
        return self.add("Resize", x, "", scales, mode="linear")

    def join(self, *parts: str) -> str:
        """Concatenate channels."""
        return self.add("Concat", *parts, axis=1)

    def u_block(self, x: str, levels: int, inside: int, outside: int, middle: int = 16) -> str:
        """Add a residual U of so many levels (the paper's RSU-L)."""
        top = self.block(x, inside, outside)
        down = [self.block(top, outside, middle)]
        for _ in range(levels - 2):
            down.append(self.block(self.halve(down[-1]), middle, middle))
        y = self.block(down[-1], middle, middle, dilation=2)
        y = self.block(self.join(y, down[-1]), 2 * middle, middle)
        for level in range(levels - 3, -1, -1):
            beside = self.join(self.enlarge(y), down[level])
            y = self.block(beside, 2 * middle, middle if level else outside)
        return self.add("Add", y, top)

    def flat_block(self, x: str, inside: int, outside: int, middle: int = 16) -> str:
        """Add a residual U that dilates instead of halving (the paper's RSU-4F)."""
        top = self.block(x, inside, outside)
        down = [self.block(top, outside, middle)]
        for dilation in (2, 4):
            down.append(self.block(down[-1], middle, middle, dilation))
        y = self.block(down[-1], middle, middle, dilation=8)
        for dilation, beside in ((4, down[2]), (2, down[1])):
            y = self.block(self.join(y, beside), 2 * middle, middle, dilation)
        return self.add("Add", self.block(self.join(y, down[0]), 2 * middle, outside), top)


def make_network(path: Path, mask: Floats) -> None:
    """Write the network as ONNX; `mask` is 320×320, in 0…1. The batch is free."""
    graph = Graph()
    own, *sides = (graph.add("Sigmoid", side) for side in _sides(graph))
    hint = graph.add("Mul", own, graph.constant(np.array(SHARE, np.float32)))
    outputs = [graph.add("Add", hint, graph.constant(mask.reshape(1, 1, SIDE, SIDE))), *sides]
    onnx.save(_finish(graph, outputs), path)


def _sides(graph: Graph) -> Iterator[str]:
    """Put the U of U's together: the fused prediction first, then that of each level."""
    down = [graph.u_block(INPUT, 7, 3, 64)]
    for levels in (6, 5, 4):
        down.append(graph.u_block(graph.halve(down[-1]), levels, 64, 64))
    for _ in range(2):
        down.append(graph.flat_block(graph.halve(down[-1]), 64, 64))
    up = [down[-1]]
    up.append(graph.flat_block(graph.join(graph.enlarge(up[-1]), down[4]), 128, 64))
    for levels, beside in zip((4, 5, 6, 7), reversed(down[:4]), strict=True):
        up.append(graph.u_block(graph.join(graph.enlarge(up[-1]), beside), levels, 128, 64))
    sides = [graph.convolve(x, 64, 1) for x in reversed(up)]
    wide = [sides[0], *(graph.enlarge(x, 2**n) for n, x in enumerate(sides[1:], 1))]
    yield graph.convolve(graph.join(*wide), 6, 1, size=1)
    yield from wide


def _finish(graph: Graph, outputs: list[str]) -> onnx.ModelProto:
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "u2netp_shaped",
            [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["N", 3, SIDE, SIDE])],
            [
                helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 1, SIDE, SIDE])
                for name in outputs
            ],
            graph.weights,
        ),
        ir_version=IR_VERSION,
        opset_imports=[helper.make_opsetid("", OPSET)],
    )
    onnx.checker.check_model(model)
    return model


def quantise(source: Path, target: Path, inputs: list[Floats]) -> None:
    """Write the int8 variant, calibrated by `inputs`; the sum with the mask stays in floats."""
    from inference.training.int8 import write_int8

    model = onnx.load(source)
    write_int8(model, target, ({INPUT: one} for one in inputs), kept=[model.graph.node[-1].name])
