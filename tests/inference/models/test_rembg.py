"""Rows in rembg-compatible mode against rembg itself, where it is installed."""

import importlib.util
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from msgspec.structs import replace
from PIL import Image

from inference.models import Catalogue, ModelSettings
from inference.models.tensors import enlarge_as_rembg, to_input, to_mask
from inference.sessions import SessionSettings
from inference.sessions.opening import open_session
from tests.models import graph_like, u2netp_like

SPEC = importlib.util.find_spec("rembg")
pytestmark = pytest.mark.skipif(SPEC is None, reason="rembg is not installed")

PICTURES = {
    "noise": lambda r: r.integers(0, 256, (200, 310, 3), np.uint8),
    "dark": lambda r: r.integers(0, 40, (77, 50, 3), np.uint8),
    "large": lambda r: np.kron(r.integers(0, 256, (9, 11, 3)), np.ones((90, 70, 1))).astype("u1"),
    "tiny": lambda r: r.integers(0, 256, (3, 2, 3), np.uint8),
    "one spark": lambda r: np.pad(r.integers(1, 9, (1, 1, 3), np.uint8), [(9, 9), (9, 9), (0, 0)]),
}


@pytest.fixture(autouse=True)
def light_rembg() -> Iterator[None]:
    """Offer rembg's sessions without its `__init__`, whose matting takes a minute to compile."""
    assert SPEC is not None
    before = dict(sys.modules)
    package = types.ModuleType("rembg")
    package.__path__ = list(SPEC.submodule_search_locations or [])
    sys.modules["rembg"] = package
    yield
    for name in set(sys.modules) - set(before):
        if name.partition(".")[0] == "rembg":
            del sys.modules[name]


def find_session(module: str, kind: str) -> Any:
    return getattr(importlib.import_module(f"rembg.sessions.{module}"), kind)


def rembg_mask(kind: Any, path: Path, rgb: np.ndarray) -> np.ndarray:
    """Run rembg's own preprocessing and postprocessing over a file of ours."""
    session = kind.__new__(kind)
    session.inner_session = onnxruntime.InferenceSession(
        str(path), providers=["CPUExecutionProvider"]
    )
    return np.asarray(session.predict(Image.fromarray(rgb))[0])


def our_mask(name: str, path: Path, rgb: np.ndarray) -> np.ndarray:
    """Run our row in compatible mode over the same file."""
    row = Catalogue(ModelSettings(rembg_exact=(name,))).find(name)
    row = replace(row, md5="", sha256="")
    session = open_session(path, SessionSettings(providers=("cpu",)), row)
    output = session.run(to_input(rgb, session.row)[None])[0]
    return enlarge_as_rembg(to_mask(output, session.row), (rgb.shape[1], rgb.shape[0]))


@pytest.mark.parametrize("picture", PICTURES)
def test_u2netp_gives_rembgs_mask(tmp_path: Path, picture: str) -> None:
    session = find_session("u2netp", "U2netpSession")
    path = tmp_path / "u2netp.onnx"
    path.write_bytes(u2netp_like())
    rgb = PICTURES[picture](np.random.default_rng(2))

    np.testing.assert_array_equal(our_mask("u2netp", path, rgb), rembg_mask(session, path, rgb))


@pytest.mark.parametrize(
    ("name", "module", "kind"),
    [
        ("isnet-general-use", "dis_general_use", "DisSession"),
        ("isnet-anime", "dis_anime", "DisSession"),
        ("birefnet-general", "birefnet_general", "BiRefNetSessionGeneral"),
        ("rmbg-2.0", "bria_rmbg", "BriaRmBgSession"),
        ("silueta", "silueta", "SiluetaSession"),
        ("u2net_human_seg", "u2net_human_seg", "U2netHumanSegSession"),
    ],
)
def test_every_kind_of_row_gives_rembgs_mask(
    tmp_path: Path, name: str, module: str, kind: str
) -> None:
    path = tmp_path / "net.onnx"
    row = Catalogue(ModelSettings()).find(name)
    path.write_bytes(graph_like(row, batch=1))
    rgb = PICTURES["noise"](np.random.default_rng(3))

    session = find_session(module, kind)

    np.testing.assert_array_equal(our_mask(name, path, rgb), rembg_mask(session, path, rgb))
