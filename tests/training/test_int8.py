"""The int8 form: the same sums in kernels that suit bytes, and masks near those of floats."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper
from onnxruntime import InferenceSession

from inference.training.int8 import rearrange, write_int8


def network(side: int) -> ModelProto:
    """Three colours → 16 channels, halved, enlarged, joined → one channel by 3x3, one by 1x1."""
    random = np.random.default_rng(3)
    shapes = {"first": (16, 3, 3, 3), "side": (1, 32, 3, 3), "last": (1, 1, 1, 1)}
    weights = [np.array([1, 1, 2, 2], np.float32)]
    weights += [(random.normal(0, 0.2, shape)).astype(np.float32) for shape in shapes.values()]
    bias = np.array([0.3], np.float32)
    nodes = [
        helper.make_node("Conv", ["x", "first_w"], ["a"], "first", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("MaxPool", ["b"], ["c"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Resize", ["c", "", "scales"], ["d"], mode="linear"),
        helper.make_node("Concat", ["b", "d"], ["e"], axis=1),
        helper.make_node("Conv", ["e", "side_w", "side_b"], ["f"], "side", pads=[1, 1, 1, 1]),
        helper.make_node("Conv", ["f", "last_w"], ["y"], "last"),
    ]
    names = ("scales", *(f"{name}_w" for name in shapes), "side_b")
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, side, side])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 1, side, side])],
        [
            numpy_helper.from_array(one, name)
            for one, name in zip((*weights, bias), names, strict=True)
        ],
    )
    return helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 18)])


def pictures(side: int) -> np.ndarray:
    return np.random.default_rng(5).random((4, 3, side, side), np.float32)


def run(model: ModelProto, x: np.ndarray) -> np.ndarray:
    return InferenceSession(model.SerializeToString()).run(None, {"x": x})[0]


def kernels(model: ModelProto) -> Iterator[tuple[int, ...]]:
    shapes = {one.name: tuple(one.dims) for one in model.graph.initializer}
    return (shapes[node.input[1]] for node in model.graph.node if node.op_type == "Conv")


@pytest.mark.parametrize("side", [16, 18])
def test_rearranged_convolutions_make_the_same_sums(side: int) -> None:
    x = pictures(side)
    assert np.abs(run(rearrange(network(side)), x) - run(network(side), x)).max() < 1e-5


def test_few_channels_become_as_many_as_the_fast_kernels_take() -> None:
    assert list(kernels(rearrange(network(16)))) == [(16, 4, 3, 3), (16, 32, 6, 6), (16, 4, 4, 4)]


def test_one_channel_that_has_no_whole_tiles_stays() -> None:
    assert list(kernels(rearrange(network(18))))[1:] == [(1, 32, 3, 3), (1, 4, 1, 1)]


def test_kept_convolutions_stay() -> None:
    found = list(kernels(rearrange(network(16), kept={"first", "last"})))
    assert found == [(16, 3, 3, 3), (16, 32, 6, 6), (1, 1, 1, 1)]


def test_int8_is_near_the_floats_and_enlarges_in_them(tmp_path: Path) -> None:
    x = pictures(16)
    write_int8(network(16), tmp_path / "int8.onnx", ({"x": one[None]} for one in x), kept={"last"})
    small = onnx.load(tmp_path / "int8.onnx")
    expected = run(network(16), x)
    assert np.abs(run(small, x) - expected).mean() < 0.01 * np.ptp(expected)
    kinds = [node.op_type for node in small.graph.node]
    assert kinds.count("QLinearConv") == 2
    assert kinds[kinds.index("Resize") - 1] == "DequantizeLinear"
