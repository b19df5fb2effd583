"""The network that all servers run has u2netp's form and the mask that it was given."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from benchmarks.network import INPUT, SIDE, make_network


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("network") / "net.onnx"
    mask = np.zeros((SIDE, SIDE), np.float32)
    mask[100:200, 50:250] = 1
    make_network(path, mask)
    return path


def test_network_has_the_weights_of_u2netp(network: Path) -> None:
    weights = onnx.load(network).graph.initializer
    kernels = sum(int(np.prod(one.dims)) for one in weights if list(one.dims[2:]) == [3, 3])
    # Of the original's 1,131,181 parameters all but biases, batch norm and the 1x1 fusion.
    assert kernels == 1_122_624


def test_network_answers_with_the_mask_it_was_given(network: Path) -> None:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(network, options, providers=["CPUExecutionProvider"])
    picture = np.random.default_rng(1).standard_normal((1, 3, SIDE, SIDE)).astype(np.float32)
    mask, *sides = session.run(None, {INPUT: picture})
    assert mask.shape == (1, 1, SIDE, SIDE)
    assert len(sides) == 6
    assert set(mask.round(4).ravel()) == {0, 1}
