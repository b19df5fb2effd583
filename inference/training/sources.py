"""Which pictures train the network, how often each kind is drawn, and how are they read."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]

#: (kind, part of source_repo, part of note) -> group; the first match wins.
_RULES: tuple[tuple[str, str, str, str], ...] = (
    ("foreground-alpha", "emoji", "", "emoji"),
    ("foreground-alpha", "", "AI-generated", "cutout"),
    ("foreground-alpha", "", "demo cut-out", "cutout"),
    ("foreground-alpha", "", "untextured", "lowpoly"),
    ("foreground-alpha", "", "; textured", "render"),
    ("foreground-alpha", "", "", "cutout"),
    ("photo-mask", "clothing-co-parsing", "", "person"),
    ("photo-mask", "clothing-dataset", "", "clothes"),
    ("photo-mask", "flower", "", "flower"),
    ("photo-mask", "dreambooth", "", "pet"),
    ("photo-mask", "COCO", "", "scene"),
    ("photo-mask", "", "", "other"),
    ("background", "", "", "ground"),
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of a manifest, with its paths resolved and its group named."""

    path: Path
    mask_path: Path | None
    kind: str
    group: str


@dataclass(frozen=True, slots=True)
class Photo:
    """A photograph (RGB) and its mask (255 = subject), of one size."""

    rgb: Bytes
    mask: Bytes


@dataclass(frozen=True, slots=True)
class Stock:
    """Everything in memory: cut-outs (premultiplied RGBA, trimmed) and photographs by group."""

    cutouts: dict[str, list[Bytes]]
    photos: dict[str, list[Photo]]
    grounds: list[Bytes]

    def describe(self) -> str:
        """Count each group in one line."""
        parts = [f"{name}={len(rows)}" for name, rows in (self.cutouts | self.photos).items()]
        return " ".join([*parts, f"ground={len(self.grounds)}"])


def read_manifest(folder: Path) -> list[Entry]:
    """Read `folder/manifest.csv`; rows whose files are absent are left out."""
    with (folder / "manifest.csv").open(newline="", encoding="utf-8") as lines:
        rows = [_entry(folder, row) for row in csv.DictReader(lines)]
    return [row for row in rows if row.path.exists() and _has_mask(row)]


def name_group(kind: str, source: str, note: str) -> str:
    """Name the group that a manifest row belongs to."""
    for rule_kind, in_source, in_note, group in _RULES:
        if kind == rule_kind and in_source in source and in_note in note:
            return group
    return "other"


def load_stock(folders: Iterable[Path], max_side: int = 384, threads: int = 4) -> Stock:
    """Read every picture of the folders, none larger than `max_side` (grounds: 1.6 times that)."""
    cv2.setNumThreads(0)  # OpenCV's own threads do not survive the fork to the loader's workers
    entries = [row for folder in folders for row in read_manifest(folder)]
    stock = Stock({}, {}, [])
    with ThreadPoolExecutor(threads) as pool:
        loaded = pool.map(lambda row: _load(row, max_side), entries)
        for row, picture in zip(entries, loaded, strict=True):
            _put(stock, row, picture)
    _add_photo_cutouts(stock)
    return stock


def cut_out(photo: Photo) -> Bytes | None:
    """Cut the subject out by its mask, premultiplied; None if it is too small to be of use."""
    # The masks are drawn by hand or by a classical method: one pixel less keeps the old ground out.
    mask = cv2.GaussianBlur(cv2.erode(photo.mask, np.ones((3, 3), np.uint8)), (3, 3), 0)
    trimmed = trim(np.dstack([photo.rgb, np.asarray(mask, np.uint8)]))
    if trimmed is None or min(trimmed.shape[:2]) < 24:
        return None
    return premultiply(trimmed)


def premultiply(rgba: Bytes) -> Bytes:
    """Multiply the colours by alpha, so that resampling brings no hidden colours in."""
    colours = rgba[..., :3].astype(np.uint16) * rgba[..., 3:].astype(np.uint16)
    return np.dstack([((colours + 127) // 255).astype(np.uint8), rgba[..., 3]])


def trim(rgba: Bytes, threshold: int = 12) -> Bytes | None:
    """Crop to where alpha is visible; None if nothing is."""
    rows, columns = find_used(rgba[..., 3], threshold, 1), find_used(rgba[..., 3], threshold, 0)
    if not len(rows):
        return None
    return np.ascontiguousarray(rgba[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])


def find_used(mask: NDArray[Any], threshold: int, axis: int) -> NDArray[np.intp]:
    """Which columns (axis 0) or rows (axis 1) hold a value above the threshold?"""
    most = cv2.reduce(np.ascontiguousarray(mask), axis, cv2.REDUCE_MAX)
    return np.flatnonzero(most.ravel() > threshold)


def shrink(picture: Bytes, max_side: int) -> Bytes:
    """Scale down (never up) until the longer side is `max_side`."""
    height, width = picture.shape[:2]
    scale = max_side / max(height, width)
    if scale >= 1:
        return picture
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


def _entry(folder: Path, row: dict[str, str]) -> Entry:
    mask = folder / row["mask"] if row["mask"] else None
    group = name_group(row["kind"], row["source_repo"], row["note"])
    return Entry(folder / row["file"], mask, row["kind"], group)


def _has_mask(row: Entry) -> bool:
    return row.kind != "photo-mask" or (row.mask_path is not None and row.mask_path.exists())


def _load(row: Entry, max_side: int) -> Bytes | Photo | None:
    if row.kind == "background":
        return shrink(_read(row.path, 3), round(max_side * 1.6))
    if row.kind == "photo-mask":
        assert row.mask_path is not None
        return _pair(shrink(_read(row.path, 3), max_side), _read(row.mask_path, 1))
    trimmed = trim(shrink(_read(row.path, 4), max_side))
    return None if trimmed is None else premultiply(trimmed)


def _pair(rgb: Bytes, mask: Bytes) -> Photo:
    size = (rgb.shape[1], rgb.shape[0])
    return Photo(rgb, np.asarray(cv2.resize(mask, size, interpolation=cv2.INTER_AREA), np.uint8))


def _put(stock: Stock, row: Entry, picture: Bytes | Photo | None) -> None:
    if isinstance(picture, Photo):
        stock.photos.setdefault(row.group, []).append(picture)
    elif picture is not None and row.kind == "background":
        stock.grounds.append(picture)
    elif picture is not None:
        stock.cutouts.setdefault(row.group, []).append(picture)


def _add_photo_cutouts(stock: Stock) -> None:
    for group, photos in stock.photos.items():
        found: Sequence[Bytes | None] = [cut_out(photo) for photo in photos]
        stock.cutouts[f"{group}-cut"] = [cut for cut in found if cut is not None]


def _read(path: Path, channels: int) -> Bytes:
    """Read a picture as RGB, RGBA or grey; OpenCV lets go of the GIL, so threads help."""
    flag = {1: cv2.IMREAD_GRAYSCALE, 3: cv2.IMREAD_COLOR, 4: cv2.IMREAD_UNCHANGED}[channels]
    picture = cv2.imdecode(np.fromfile(path, np.uint8), flag)
    if picture is None:
        raise ValueError(f"cannot decode {path.name}")
    if channels == 1:
        return np.asarray(picture, np.uint8)
    if channels == 3:
        return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)
    if picture.ndim == 2 or picture.shape[2] != 4:
        raise ValueError(f"{path.name} has no alpha")
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGRA2RGBA), np.uint8)
