"""A generated classifier, run as the service runs one: the lighter a picture, the more `bright`."""

import importlib
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from inference.batcher import Batcher, BatchSettings
from inference.crew import Crew
from inference.models import Catalogue, ModelPool, ModelSettings, Row
from inference.moderation import (
    ModerationSettings,
    Moderator,
    NoModerator,
    choose_classifier,
)
from inference.picture import Picture
from inference.sessions import SessionSettings
from inference.sessions.opening import open_session
from inference.tools import JobTools
from protocol.errors import ContentPolicyViolation, ModelUnavailable, ModerationUnavailable
from tests.models import IR_VERSION, OPSET, graph_like

JUDGE = Row(
    name="judge",
    task="classify",
    file="judge.onnx",
    layout="NHWC",
    size=(8, 8),
    labels=("dark", "grey", "bright"),
)
SETTINGS = ModerationSettings(
    provider="onnx-classifier", model="judge", thresholds={"bright": 0.45}
)
BLACK = Picture(np.zeros((4, 4, 3), np.uint8))
WHITE = Picture(np.full((4, 4, 3), 255, np.uint8))


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    (tmp_path / JUDGE.file).write_bytes(graph_like(JUDGE))
    return Catalogue(ModelSettings(directory=str(tmp_path), rows=(JUDGE,)))


@pytest.fixture
async def pool(catalogue: Catalogue) -> AsyncIterator[ModelPool]:
    def open_net(row: Row, path: Path) -> Batcher:
        return Batcher(
            open_session(path, SessionSettings(providers=("cpu",)), row), BatchSettings()
        )

    pool = ModelPool(catalogue, open_net)
    yield pool
    await pool.close()


@pytest.fixture
def moderator(catalogue: Catalogue, pool: ModelPool) -> Moderator:
    classifier = choose_classifier(SETTINGS, catalogue)
    assert classifier is not None
    return Moderator(classifier, pool)


def tools() -> JobTools:
    """What a job judges with: its threads, and its time."""
    networks: Any = None
    hands = Crew(1, first=1).of("acme")
    return JobTools(networks, hands, model="", deadline=time.monotonic() + 60)


async def test_picture_under_every_threshold_passes(moderator: Moderator) -> None:
    await moderator.check(BLACK, "inputImage", tools())


async def test_refused_input_names_its_field(moderator: Moderator) -> None:
    with pytest.raises(ContentPolicyViolation, match=r"inputImage.*bright") as caught:
        await moderator.check(WHITE, "inputImage", tools())

    assert caught.value.parameter == "inputImage"


async def test_refused_result_names_no_field(moderator: Moderator) -> None:
    with pytest.raises(ContentPolicyViolation, match="result") as caught:
        await moderator.check(WHITE, None, tools())

    assert caught.value.parameter is None


async def test_scores_are_told_to_the_log_alone(moderator: Moderator) -> None:
    with pytest.raises(ContentPolicyViolation) as caught:
        await moderator.check(WHITE, None, tools())

    assert "bright 0." in caught.value.detail
    assert "0." not in caught.value.message


async def test_class_without_a_threshold_is_never_refused(
    catalogue: Catalogue, pool: ModelPool
) -> None:
    settings = ModerationSettings(
        provider="onnx-classifier", model="judge", thresholds={"dark": 0.9}
    )
    classifier = choose_classifier(settings, catalogue)
    assert classifier is not None

    await Moderator(classifier, pool).check(WHITE, None, tools())


async def test_what_alpha_hides_is_judged_too(catalogue: Catalogue, pool: ModelPool) -> None:
    settings = ModerationSettings(
        provider="onnx-classifier", model="judge", thresholds={"dark": 0.33}
    )
    classifier = choose_classifier(settings, catalogue)
    assert classifier is not None
    moderator = Moderator(classifier, pool)
    await moderator.check(WHITE, "inputImage", tools())

    with pytest.raises(ContentPolicyViolation):
        await moderator.check(Picture(BLACK.rgb, np.zeros((4, 4), np.uint8)), None, tools())


async def test_picture_is_judged_as_it_lies_on_white(moderator: Moderator) -> None:
    unseen = Picture(BLACK.rgb, np.zeros((4, 4), np.uint8))

    with pytest.raises(ContentPolicyViolation):
        await moderator.check(unseen, "inputImage", tools())


async def test_mask_is_judged_as_a_grey_picture(moderator: Moderator) -> None:
    await moderator.check(np.zeros((4, 4), np.uint8), None, tools())
    with pytest.raises(ContentPolicyViolation):
        await moderator.check(np.full((4, 4), 255, np.uint8), None, tools())


async def test_without_a_moderator_nothing_passes() -> None:
    assert not NoModerator().is_available
    with pytest.raises(ModerationUnavailable) as caught:
        await NoModerator().check(BLACK, "inputImage", tools())

    assert caught.value.parameter == "safety"


def test_no_provider_is_no_classifier(catalogue: Catalogue) -> None:
    assert choose_classifier(ModerationSettings(), catalogue) is None


def test_absent_model_is_told_at_start(catalogue: Catalogue) -> None:
    settings = ModerationSettings(provider="onnx-classifier")

    with pytest.raises(ModelUnavailable, match="nsfwjs"):
        choose_classifier(settings, catalogue)


def test_model_that_is_no_classifier_is_told_at_start(catalogue: Catalogue) -> None:
    settings = ModerationSettings(provider="onnx-classifier", model="u2net")

    with pytest.raises(ModelUnavailable, match="no classifier"):
        choose_classifier(settings, catalogue)


def test_unknown_class_is_told_with_the_known_ones(catalogue: Catalogue) -> None:
    settings = ModerationSettings(
        provider="onnx-classifier", model="judge", thresholds={"brigth": 0.5}
    )

    with pytest.raises(ModelUnavailable, match=r"brigth.*dark, grey, bright"):
        choose_classifier(settings, catalogue)


def test_model_of_ones_own_needs_thresholds(catalogue: Catalogue) -> None:
    settings = ModerationSettings(provider="onnx-classifier", model="judge")

    with pytest.raises(ModelUnavailable, match="thresholds is empty"):
        choose_classifier(settings, catalogue)


def test_nudenet_that_is_not_installed_is_told_at_start(catalogue: Catalogue) -> None:
    with pytest.raises(ModelUnavailable, match="pip install --no-deps"):
        choose_classifier(ModerationSettings(provider="nudenet"), catalogue)


async def test_nudenet_refuses_by_its_best_box(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, catalogue: Catalogue, pool: ModelPool
) -> None:
    package = tmp_path / "nudenet"
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('imported')\n")
    (package / "320n.onnx").write_bytes(detector_graph(3, score=0.9))
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    classifier = choose_classifier(ModerationSettings(provider="nudenet"), catalogue)
    assert classifier is not None
    moderator = Moderator(classifier, pool)

    await moderator.check(Picture(np.zeros((4, 9, 3), np.uint8)), None, tools())
    with pytest.raises(ContentPolicyViolation, match="FEMALE_BREAST_EXPOSED"):
        await moderator.check(Picture(np.full((4, 9, 3), 255, np.uint8)), None, tools())


def detector_graph(label: int, *, score: float) -> bytes:
    """A detector of nudenet's shape: one of two boxes scores by the picture's top left pixel."""
    column = np.zeros((1, 22, 2), np.float32)
    column[0, 4 + label, 1] = score
    nodes = [
        helper.make_node("Slice", ["images", "starts", "ends"], ["corner"]),
        helper.make_node("ReduceMax", ["corner"], ["light"], keepdims=0),
        helper.make_node("Mul", ["column", "light"], ["scores"]),
        helper.make_node("Shape", ["images"], ["count"], start=0, end=1),
        helper.make_node("Concat", ["count", "rest"], ["shape"], axis=0),
        helper.make_node("Expand", ["scores", "shape"], ["output0"]),
    ]
    constants = [
        numpy_helper.from_array(np.array([0, 0, 0, 0], np.int64), "starts"),
        numpy_helper.from_array(np.array([1, 3, 1, 1], np.int64), "ends"),
        numpy_helper.from_array(column, "column"),
        numpy_helper.from_array(np.array([22, 2], np.int64), "rest"),
    ]
    picture = helper.make_tensor_value_info("images", TensorProto.FLOAT, ["N", 3, "h", "w"])
    boxes = helper.make_tensor_value_info("output0", TensorProto.FLOAT, ["N", 22, 2])
    graph = helper.make_graph(nodes, "detector", [picture], [boxes], constants)
    model = helper.make_model(
        graph, ir_version=IR_VERSION, opset_imports=[helper.make_opsetid("", OPSET)]
    )
    return bytes(model.SerializeToString())
