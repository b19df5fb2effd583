"""The network, its losses, its loop and its ONNX form."""

# ruff: noqa: E402 (what the extra `train` brings is asked for first)

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs PyTorch (extra `train`)")
pytest.importorskip("cv2", reason="data making needs OpenCV (extra `train`)")
onnx = pytest.importorskip("onnx", reason="export needs onnx (extra `train`)")
ort = pytest.importorskip("onnxruntime", reason="export is checked with ONNX Runtime")

from inference.training.checkpoint import Average, save
from inference.training.evaluation import evaluate, load_labelled
from inference.training.export import Deployed, Views, export, load_network
from inference.training.loader import make_batch
from inference.training.losses import boundary, mask_loss, soft_iou_loss
from inference.training.network import build
from inference.training.quantise import quantise, store_half
from inference.training.schedule import Budget, learning_rate, picture_size
from inference.training.sources import load_stock
from inference.training.train import Plan, Recipe, Trainer

CPU = torch.device("cpu")
ONE_VIEW = Views((64,))


def shaken() -> torch.nn.Module:
    """A tiny network whose normalisation is not the identity."""
    torch.manual_seed(3)
    network = build("tiny")
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.3)
            module.running_var.uniform_(0.5, 2)
    return network.eval()


def bytes_of(count: int, side: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (count, side, side, 3), np.uint8)


def test_logits_have_the_size_of_the_picture() -> None:
    logits, sides = build("tiny").eval()(torch.zeros(2, 3, 64, 96))
    assert logits.shape == (2, 1, 64, 96)
    assert [tuple(side.shape[2:]) for side in sides] == [(16, 24), (8, 12), (4, 6)]


def test_a_perfect_mask_loses_almost_nothing() -> None:
    target = torch.zeros(1, 1, 16, 16)
    target[..., 4:12, 4:12] = 1
    assert mask_loss(target * 40 - 20, target).item() < 1e-3
    assert mask_loss(20 - target * 40, target).item() > 10


def test_soft_iou_of_half_the_area() -> None:
    target = torch.ones(1, 1, 10, 10)
    alpha = torch.zeros(1, 1, 10, 10)
    alpha[..., :5] = 1
    assert soft_iou_loss(alpha, target).item() == pytest.approx(1 - 51 / 101)


def test_the_boundary_lies_where_the_mask_changes() -> None:
    target = torch.zeros(1, 1, 8, 8)
    target[..., 4:] = 1
    found = boundary(target, reach=1)[0, 0, 0]
    assert found.tolist() == [0, 0, 0, 1, 1, 0, 0, 0]


@pytest.mark.parametrize("views", [ONE_VIEW, Views((64,), True), Views((64, 32, 96), True, 2.0)])
def test_onnx_equals_torch(tmp_path: Path, views: Views) -> None:
    network, pictures = shaken(), bytes_of(3, 64)
    with torch.no_grad():
        expected = Deployed(network, views)(torch.from_numpy(pictures)).numpy()
    export(network, tmp_path / "net.onnx", views)
    found = ort.InferenceSession(tmp_path / "net.onnx").run(None, {"picture": pictures})[0]
    assert found.shape == (3, 1, 64, 64)
    assert np.abs(found - expected).max() < 1e-4


def test_a_batch_equals_its_singles(tmp_path: Path) -> None:
    pictures = bytes_of(4, 64)
    export(shaken(), tmp_path / "net.onnx", ONE_VIEW)
    session = ort.InferenceSession(tmp_path / "net.onnx")
    together = session.run(None, {"picture": pictures})[0]
    alone = [session.run(None, {"picture": one[None]})[0][0] for one in pictures]
    assert np.abs(together - np.stack(alone)).max() < 1e-5


def test_the_file_keeps_the_contract(tmp_path: Path) -> None:
    export(shaken(), tmp_path / "net.onnx", ONE_VIEW)
    model = onnx.load(tmp_path / "net.onnx")
    assert model.ir_version == 10
    assert model.opset_import[0].version == 18
    assert "BatchNormalization" not in {node.op_type for node in model.graph.node}
    feed = ort.InferenceSession(tmp_path / "net.onnx").get_inputs()[0]
    assert (feed.name, feed.type) == ("picture", "tensor(uint8)")
    assert list(feed.shape)[1:] == [64, 64, 3]


def test_half_precision_halves_the_file_and_keeps_the_masks(tmp_path: Path) -> None:
    whole, half, pictures = tmp_path / "net.onnx", tmp_path / "half.onnx", bytes_of(2, 64)
    export(shaken(), whole, ONE_VIEW)
    store_half(whole, half)
    expected = ort.InferenceSession(whole).run(None, {"picture": pictures})[0]
    found = ort.InferenceSession(half).run(None, {"picture": pictures})[0]
    assert np.abs(found - expected).max() < 0.01
    assert half.stat().st_size < whole.stat().st_size


def test_int8_keeps_the_contract(tmp_path: Path) -> None:
    whole, small, pictures = tmp_path / "net.onnx", tmp_path / "int8.onnx", bytes_of(4, 64)
    export(shaken(), whole, ONE_VIEW)
    quantise(whole, small, pictures)
    expected = ort.InferenceSession(whole).run(None, {"picture": pictures})[0]
    found = ort.InferenceSession(small).run(None, {"picture": pictures})[0]
    assert found.shape == expected.shape
    assert np.abs(found - expected).mean() < 0.1


def test_the_mean_of_still_weights_is_those_weights() -> None:
    network = shaken()
    average = Average(network, 0.99)
    for step in range(5):
        average.update(network, step)
    for name, value in network.state_dict().items():
        assert torch.allclose(average.weights[name].float(), value.float(), atol=1e-6)


def test_the_rate_warms_up_and_falls() -> None:
    assert learning_rate(1.0, 0.0, 0, warm_up=10) == pytest.approx(0.1)
    assert learning_rate(1.0, 0.5, 100, warm_up=10) == pytest.approx(0.5)
    assert learning_rate(1.0, 1.0, 100, warm_up=10) == pytest.approx(0.01)


def test_small_pictures_come_first() -> None:
    sizes = ((0.0, 128), (0.5, 192))
    assert [picture_size(sizes, used) for used in (0.0, 0.49, 0.5, 1.0)] == [128, 128, 192, 192]


def test_whichever_budget_is_given_counts() -> None:
    assert Budget(minutes=1).used(30, 10**6) == 0.5
    assert Budget(samples=100).used(10**6, 25) == 0.25


def plan_of(out: Path, samples: int, labelled: Path | None = None) -> Plan:
    return Plan(
        out=out,
        budget=Budget(samples=samples),
        preset="tiny",
        sizes=((0.0, 32),),
        batch=2,
        workers=0,
        eval_folder=labelled,
        eval_size=32,
    )


def test_a_stopped_run_goes_on_with_its_next_step(data_folder: Path, tmp_path: Path) -> None:
    stock = load_stock([data_folder])
    first = Trainer(plan_of(tmp_path / "run", 6), CPU)
    first.run(stock)
    again = Trainer(plan_of(tmp_path / "run", 10), CPU)
    assert again.progress.step == 3
    assert again.progress.samples == 6
    again.run(stock)
    assert again.progress.step == 5


def test_a_resumed_run_learns_what_an_unbroken_one_does(data_folder: Path, tmp_path: Path) -> None:
    stock, recipe = load_stock([data_folder]), Recipe(1, 2)
    unbroken = Trainer(plan_of(tmp_path / "a", 100), CPU)
    broken = Trainer(plan_of(tmp_path / "b", 100), CPU)
    for index in range(4):
        unbroken.step(make_batch(stock, recipe, index, 32), 0.0)
    for index in range(2):
        broken.step(make_batch(stock, recipe, index, 32), 0.0)
    broken.save(tmp_path / "b" / "last.pt")
    resumed = Trainer(plan_of(tmp_path / "b", 100), CPU)
    for index in range(2, 4):
        resumed.step(make_batch(stock, recipe, index, 32), 0.0)
    for name, value in unbroken.network.state_dict().items():
        assert torch.allclose(resumed.network.state_dict()[name].float(), value.float(), atol=1e-6)


def test_a_run_writes_its_curve_and_its_best(
    data_folder: Path, labelled_folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    Trainer(plan_of(out, 4, labelled_folder), CPU).run(load_stock([data_folder]))
    events = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    assert [event["event"] for event in events] == ["start", "eval"]
    assert 0 <= events[-1]["iou"] <= 1
    assert load_network(out / "last.pt")(torch.zeros(1, 3, 32, 32))[0].shape == (1, 1, 32, 32)


def test_two_checkpoints_give_the_mean_of_their_weights(tmp_path: Path) -> None:
    networks = [build("tiny"), build("tiny")]
    for index, network in enumerate(networks):
        state = {"preset": "tiny", "average": network.state_dict()}
        save(tmp_path / f"{index}.pt", state)
    mean = load_network(tmp_path / "0.pt", tmp_path / "1.pt").state_dict()
    first, second = (network.state_dict() for network in networks)
    for name in ("finish.last.weight", "context.whole.0.bias"):
        assert torch.allclose(mean[name], (first[name] + second[name]) / 2)


def test_evaluation_leaves_out_other_products_masks(labelled_folder: Path) -> None:
    labelled = load_labelled(labelled_folder)
    assert len(labelled) == 5
    assert set(evaluate(shaken(), labelled, CPU, 32).categories) == {"person"}
