"""Sessions with buffers on the device: padded batches, parts, memory. The CPU stands for a GPU."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from models import embedded_like, graph_like, greedy, write_packaged
from msgspec.structs import replace

from inference.models import Row
from inference.models.public import PUBLIC_ROWS
from inference.sessions import SessionSettings
from inference.sessions.opening import open_session
from inference.sessions.session import Session
from protocol.errors import ModelUnavailable, OutOfMemory

EMBEDDED = next(row for row in PUBLIC_ROWS if row.name == "embedded")
BOUND = SessionSettings(providers=("cpu",), binding="on", buckets=(1, 2, 4))


def bound(folder: Path, content: bytes | None = None, **settings: Any) -> Session:
    path = write_packaged(folder, content or embedded_like(8))
    return open_session(path, replace(BOUND, **settings), EMBEDDED)


def pictures(count: int) -> np.ndarray:
    return np.random.default_rng(count).integers(0, 256, (count, 8, 8, 3), np.uint8)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 9])
def test_bound_batch_of_any_size_equals_the_plain_one(tmp_path: Path, count: int) -> None:
    batch = pictures(count)
    plain = bound(tmp_path, binding="off").run(batch)

    np.testing.assert_array_equal(bound(tmp_path).run(batch), plain)


def test_output_is_not_overwritten_by_the_next_run(tmp_path: Path) -> None:
    session = bound(tmp_path)
    first = session.run(pictures(2))
    kept = first.copy()

    session.run(pictures(2) + 1)

    np.testing.assert_array_equal(first, kept)


def test_every_bucket_is_ready_before_the_first_client(tmp_path: Path) -> None:
    assert bound(tmp_path).buckets == (1, 2, 4)


def test_cpu_binds_nothing_unless_told_to(tmp_path: Path) -> None:
    assert bound(tmp_path, binding="auto").buckets == ()


def test_model_of_fixed_batch_has_one_bucket(tmp_path: Path) -> None:
    row = Row(name="net", task="segment", file="net.onnx", size=(16, 16))
    content = graph_like(row, batch=1)
    (tmp_path / row.file).write_bytes(content)
    row = replace(row, sha256=hashlib.sha256(content).hexdigest())

    assert open_session(tmp_path / row.file, BOUND, row).buckets == (1,)


def test_size_that_does_not_fit_into_memory_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from inference.sessions import buckets

    class Small(buckets.Bucket):
        def run(self, feeds: Any) -> Any:
            if any(len(batch) > 2 for batch in feeds.values()):
                raise MemoryError
            return super().run(feeds)

    monkeypatch.setattr("inference.sessions.session.Bucket", Small)
    session = bound(tmp_path)

    assert session.buckets == (1, 2)
    assert len(session.run(pictures(5))) == 5


def test_run_without_memory_is_told_apart_with_buffers_too(tmp_path: Path) -> None:
    session = bound(tmp_path, greedy(4))

    with pytest.raises(OutOfMemory):
        session.run(np.full((1, 4, 4, 3), 1, np.uint8))
    assert session.run(np.zeros((1, 4, 4, 3), np.uint8)).max() == 0


def test_half_precision_file_is_taken_where_it_is_asked_for(tmp_path: Path) -> None:
    path = write_packaged(tmp_path, embedded_like(8))
    half = path.with_suffix(".fp16.onnx")
    half.write_bytes(embedded_like(16))  # told from the other by its size
    note = half.with_name(f"{half.name}.sha256")
    note.write_text(hashlib.sha256(half.read_bytes()).hexdigest())

    assert open_session(path, replace(BOUND, precision="float16"), EMBEDDED).row.size == (16, 16)
    assert open_session(path, replace(BOUND, precision="auto"), EMBEDDED).row.size == (8, 8)


def test_half_precision_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable) as caught:
        bound(tmp_path, precision="float16")

    assert "embedded.fp16.onnx" in caught.value.detail


def test_half_precision_file_is_checked_too(tmp_path: Path) -> None:
    path = write_packaged(tmp_path, embedded_like(8))
    half = path.with_suffix(".fp16.onnx")
    half.write_bytes(embedded_like(16))
    half.with_name(f"{half.name}.sha256").write_text("0" * 64)

    with pytest.raises(ModelUnavailable, match="does not match its checksum"):
        open_session(path, replace(BOUND, precision="float16"), EMBEDDED)


@pytest.mark.parametrize("binding", ["on", "off"])
def test_trimmed_model_runs_as_before(tmp_path: Path, binding: str) -> None:
    session = bound(tmp_path, binding=binding)
    before = session.run(pictures(3))

    session.trim()

    np.testing.assert_array_equal(session.run(pictures(3)), before)
