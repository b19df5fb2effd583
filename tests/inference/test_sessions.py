import hashlib
import threading
import types
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from msgspec.structs import replace

from inference.models import Catalogue, ModelSettings, Row
from inference.models.public import PUBLIC_ROWS
from inference.models.tensors import to_fill, to_fill_input, to_input, to_mask, to_scores
from inference.sessions import SessionSettings
from inference.sessions.opening import open_session
from inference.sessions.providers import choose_providers
from inference.sessions.session import Session
from protocol.errors import InferenceFailed, ModelUnavailable, OutOfMemory
from tests.models import embedded_like, graph_like, greedy, poisonable, write_packaged

CPU = SessionSettings(providers=("cpu",))
EMBEDDED = next(row for row in PUBLIC_ROWS if row.name == "embedded")
BOTH_BUILT_IN = types.SimpleNamespace(
    InferenceSession=object,
    get_available_providers=lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"],
)
CPU_BUILT_IN = types.SimpleNamespace(
    InferenceSession=object, get_available_providers=lambda: ["CPUExecutionProvider"]
)


def own(row: Row, content: bytes) -> Row:
    return replace(row, sha256=hashlib.sha256(content).hexdigest(), md5="")


def opened(folder: Path, row: Row, content: bytes | None = None) -> Session:
    content = content or graph_like(row)
    path = folder / row.file
    path.write_bytes(content)
    return open_session(path, CPU, own(row, content))


def test_embedded_model_says_its_own_size(tmp_path: Path) -> None:
    session = open_session(write_packaged(tmp_path, embedded_like(24)), CPU, EMBEDDED)

    assert session.row.size == (24, 24)
    assert not session.row.is_fixed_batch
    assert session.provider == "cpu"


def test_batch_equals_its_singles(tmp_path: Path) -> None:
    session = open_session(write_packaged(tmp_path, embedded_like(8)), CPU, EMBEDDED)
    batch = np.random.default_rng(1).integers(0, 256, (5, 8, 8, 3), np.uint8)

    together = session.run(batch)

    assert together.shape == (5, 1, 8, 8)
    for number in range(5):
        np.testing.assert_array_equal(together[number], session.run(batch[number : number + 1])[0])


def test_one_session_serves_many_threads(tmp_path: Path) -> None:
    session = open_session(write_packaged(tmp_path, embedded_like(8)), CPU, EMBEDDED)
    levels: dict[int, float] = {}

    def work(value: int) -> None:
        output = session.run(np.full((1, 8, 8, 3), value, np.uint8))
        levels[value] = float(output.mean())

    threads = [threading.Thread(target=work, args=(value,)) for value in range(0, 255, 10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert levels == {value: pytest.approx(value / 255, abs=1e-6) for value in range(0, 255, 10)}


@pytest.mark.parametrize("row", PUBLIC_ROWS[1:], ids=lambda row: row.name)
def test_picture_goes_through_every_public_row(tmp_path: Path, row: Row) -> None:
    session = opened(tmp_path, row)
    row = session.row
    rgb = np.random.default_rng(2).integers(0, 256, (40, 30, 3), np.uint8)
    assert row.size is not None

    if row.task == "inpaint":
        hole = np.zeros((40, 30), np.bool_)
        hole[10:20, 10:20] = True
        painted = to_fill(session.run(to_fill_input(rgb, hole, row)[None])[0], row)
        assert painted.shape == (row.size[1], row.size[0], 3)
        assert (painted[painted.shape[0] * 3 // 8, painted.shape[1] // 2] == 0).all()
        assert painted[0, 0].any()
    elif row.task == "classify":
        scores = to_scores(session.run(to_input(rgb, row)[None])[0], row)
        assert sum(scores.values()) == pytest.approx(1)
    else:
        mask = to_mask(session.run(to_input(rgb, row)[None])[0], row)
        assert mask.shape == (row.size[1], row.size[0])


def test_file_of_fixed_batch_is_noticed(tmp_path: Path) -> None:
    row = Row(name="net", task="segment", file="net.onnx", size=(16, 16))

    assert opened(tmp_path, row, graph_like(row, batch=1)).row.is_fixed_batch
    assert not opened(tmp_path, row, graph_like(row, batch="N")).row.is_fixed_batch


def test_flipped_byte_does_not_load(tmp_path: Path) -> None:
    content = bytearray(embedded_like())
    path = write_packaged(tmp_path, bytes(content))
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))

    with pytest.raises(ModelUnavailable, match="does not match its checksum"):
        open_session(path, CPU, EMBEDDED)


def test_file_that_is_no_model_does_not_load(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="does not load") as caught:
        open_session(write_packaged(tmp_path, b"<html>"), CPU, EMBEDDED)

    assert str(tmp_path) not in caught.value.message
    assert str(tmp_path) in caught.value.detail


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"dtype": "uint8"}, "the row says uint8"),
        ({"layout": "NHWC"}, "no NHWC picture"),
        ({"size": (32, 16)}, "does not suit"),
        ({"output": 4}, "no output 4"),
    ],
)
def test_file_that_does_not_fit_its_row_does_not_load(
    tmp_path: Path, fields: dict[str, object], reason: str
) -> None:
    row = Row(name="net", task="segment", file="net.onnx", size=(16, 16))
    content = graph_like(row)

    with pytest.raises(ModelUnavailable, match="does not fit its row") as caught:
        opened(tmp_path, replace(row, **fields), content)

    assert reason in caught.value.detail


def test_file_for_batches_of_four_alone_does_not_load(tmp_path: Path) -> None:
    row = Row(name="net", task="segment", file="net.onnx", size=(16, 16))

    with pytest.raises(ModelUnavailable) as caught:
        opened(tmp_path, row, graph_like(row, batch=4))

    assert "4 pictures at a time" in caught.value.detail


def test_failing_run_is_told_with_its_reason(tmp_path: Path) -> None:
    session = open_session(write_packaged(tmp_path, poisonable(4)), CPU, EMBEDDED)

    with pytest.raises(InferenceFailed) as caught:
        session.run(np.full((1, 4, 4, 3), 255, np.uint8))

    assert "bounds" in caught.value.detail


def test_input_of_another_form_is_a_failed_run(tmp_path: Path) -> None:
    session = open_session(write_packaged(tmp_path, embedded_like(8)), CPU, EMBEDDED)

    with pytest.raises(InferenceFailed):
        session.run(np.zeros((1, 9, 9, 3), np.uint8))


def test_memory_that_is_not_there_is_told_apart(tmp_path: Path) -> None:
    session = open_session(write_packaged(tmp_path, greedy(4)), CPU, EMBEDDED)

    with pytest.raises(OutOfMemory):
        session.run(np.full((1, 4, 4, 3), 1, np.uint8))
    assert session.run(np.zeros((1, 4, 4, 3), np.uint8)).max() == 0


def test_failing_run_writes_nothing_to_stderr(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    session = open_session(write_packaged(tmp_path, poisonable(4)), CPU, EMBEDDED)
    with pytest.raises(InferenceFailed):
        session.run(np.full((1, 4, 4, 3), 255, np.uint8))

    assert capfd.readouterr() == ("", "")


def test_auto_takes_a_gpu_where_there_is_one() -> None:
    auto = SessionSettings(providers=("auto",))

    assert choose_providers(auto, BOTH_BUILT_IN, gpus=1) == ("cuda",)
    assert choose_providers(auto, BOTH_BUILT_IN, gpus=0) == ("cpu",)
    assert choose_providers(auto, CPU_BUILT_IN, gpus=1) == ("cpu",)


def test_gpu_that_this_build_cannot_use_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(ModelUnavailable, match="cannot run on 'cuda'") as caught:
        choose_providers(SessionSettings(providers=("cuda",)), CPU_BUILT_IN)

    assert "cutwire[cuda]" in caught.value.detail
    assert "sessions.providers" in caught.value.detail


@pytest.mark.skipif(
    "CUDAExecutionProvider" not in onnxruntime.get_available_providers(),
    reason="this build knows no CUDA",
)
def test_gpu_that_is_asked_for_and_not_there_never_becomes_a_cpu(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = write_packaged(tmp_path, embedded_like())
    # No machine has that many GPUs: the provider fails where there is a GPU, too.
    settings = SessionSettings(providers=("cuda",), device=99)

    with pytest.raises(ModelUnavailable):
        open_session(path, settings, EMBEDDED)

    assert capfd.readouterr().out == ""


def test_two_wheels_in_one_folder_are_named() -> None:
    with pytest.raises(ModelUnavailable) as caught:
        choose_providers(CPU, types.SimpleNamespace())

    assert "onnxruntime-gpu" in caught.value.detail


def test_unknown_memory_is_three_times_the_file(tmp_path: Path) -> None:
    row = Row(name="net", task="segment", file="net.onnx", size=(16, 16))
    content = graph_like(row)

    assert opened(tmp_path, row, content).memory_bytes == 3 * len(content)


SHARED_MODELS = Path(__file__).parents[3] / "shared" / "models"


@pytest.mark.skipif(not SHARED_MODELS.is_dir(), reason="the public weights are not here")
def test_selfie_runs_through_its_row_with_its_public_weights() -> None:
    catalogue = Catalogue(ModelSettings(directory="/nowhere", read_only=(str(SHARED_MODELS),)))
    row = catalogue.find("selfie")
    session = open_session(catalogue.path(row), CPU, row)
    rgb = np.random.default_rng(3).integers(0, 256, (90, 60, 3), np.uint8)

    mask = to_mask(session.run(to_input(rgb, session.row)[None])[0], session.row)

    assert mask.shape == (256, 256)
    assert session.row.is_fixed_batch


@pytest.mark.skipif(not SHARED_MODELS.is_dir(), reason="the public weights are not here")
def test_nsfwjs_runs_through_its_row_with_its_public_weights() -> None:
    catalogue = Catalogue(ModelSettings(directory="/nowhere", read_only=(str(SHARED_MODELS),)))
    row = catalogue.find("nsfwjs", "classify")
    session = open_session(catalogue.path(row), CPU, row)
    rgb = np.full((90, 60, 3), 128, np.uint8)

    scores = to_scores(session.run(to_input(rgb, session.row)[None])[0], session.row)

    assert sum(scores.values()) == pytest.approx(1, abs=1e-4)
