"""One job to one outcome: several pictures, the pixel budget, regions, and models that paint."""

from __future__ import annotations

import io
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from fakes import TENANT, uuid_of
from models import graph_like
from msgspec.structs import replace
from PIL import Image

from inference.batcher import Batcher, BatchSettings
from inference.coding import PictureLimits, encode_mask
from inference.crew import Crew
from inference.job_runner import Bounds, JobRunner
from inference.models import Catalogue, ModelPool, ModelSettings
from inference.moderation import Moderates, NoModerator
from inference.picture import Picture
from inference.sessions import SessionSettings
from inference.sessions.opening import open_session
from inference.tools import JobTools
from inference.turns import Turns
from protocol.errors import ContentPolicyViolation, ImageNotFound
from protocol.jobs import ImageSource, Job, Outcome, StoredImage
from protocol.tasks import ImageErase, ImageForegroundCrop, ImageMasking
from protocol.tasks.common import Safety

WIDTH, HEIGHT = 48, 32
COMMON: dict[str, Any] = {"task_uuid": uuid_of(1), "input_image": ""}
HOLE = np.zeros((HEIGHT, WIDTH), np.uint8)
HOLE[8:20, 10:30] = 255


class Cupboard:
    """A store and a reader of inputs in one: bytes by key."""

    def __init__(self, **files: bytes) -> None:
        self.files = dict(files)
        self.asked: list[str] = []

    async def read(self, tenant: str, source: ImageSource, parameter: str) -> bytes:
        self.asked.append(parameter)
        assert isinstance(source, StoredImage)
        if source.key not in self.files:
            raise ImageNotFound(f"{parameter} is gone", parameter=parameter)
        return self.files[source.key]

    async def put(self, key: str, data: bytes, media_type: str) -> None:
        self.files[key] = data


class Censor:
    """Refuses everything, and remembers whether it was shown what alpha hides."""

    is_available = True

    def __init__(self) -> None:
        self.saw_alpha: list[bool] = []

    async def check(
        self, picture: Picture | np.ndarray, parameter: str | None, tools: JobTools
    ) -> None:
        self.saw_alpha.append(isinstance(picture, Picture) and picture.alpha is not None)
        raise ContentPolicyViolation("refused", parameter=parameter)


class CountedBudget(Turns):
    """Remembers how many pixels were asked for."""

    def __init__(self) -> None:
        super().__init__(10**9)
        self.held: list[int] = []

    @asynccontextmanager
    async def hold(self, tenant: str, need: int = 1) -> AsyncIterator[None]:
        self.held.append(need)
        async with super().hold(tenant, need):
            yield


def photo(alpha: bool = False) -> np.ndarray:
    return np.random.default_rng(3).integers(1, 256, (HEIGHT, WIDTH, 4 if alpha else 3), np.uint8)


def png(pixels: np.ndarray) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def pixels_of(blob: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(blob)))


@asynccontextmanager
async def bench(
    folder: Path, cupboard: Cupboard, *models: str, moderator: Moderates | None = None
) -> AsyncIterator[tuple[JobRunner, CountedBudget]]:
    """A runner whose catalogue has generated files for these models."""
    known = {row.name: row for row in Catalogue(ModelSettings()).rows()}
    rows = tuple(replace(known[name], sha256="", md5="", url="") for name in models)
    for row in rows:
        (folder / row.file).write_bytes(graph_like(row))
    catalogue = Catalogue(ModelSettings(directory=str(folder), rows=rows))
    pool = ModelPool(
        catalogue, lambda row, path: Batcher(open_session(path, SessionSettings(), row), BATCHES)
    )
    budget = CountedBudget()
    crew = Crew(1, first=1)
    bounds = Bounds(PictureLimits(), budget)
    yield JobRunner(cupboard, cupboard, pool, crew, bounds, moderator or NoModerator()), budget
    await pool.close()
    crew.close()


BATCHES = BatchSettings()


def job(task: Any, **images: str) -> Job:
    return Job(
        tenant=TENANT,
        task=task,
        images={name: StoredImage(key=key) for name, key in images.items()},
        reply_to="",
        model=task.model or "",
        submitted_at=time.time(),
        deadline_at=time.time() + 60,
    )


def erase(**fields: Any) -> Job:
    task = ImageErase(**COMMON, mask_image="", **({"model": ""} | fields))
    return job(task, inputImage="a", maskImage="b")


async def ended(runner: JobRunner, work: Job) -> Outcome:
    return await runner.run(work, nullcontext())


async def test_erase_reads_both_pictures_and_keeps_all_pixels_outside(tmp_path: Path) -> None:
    cupboard = Cupboard(a=png(photo()), b=encode_mask(HOLE))
    async with bench(tmp_path, cupboard) as (runner, _):
        outcome = await ended(runner, erase())
    assert outcome.product is not None
    result = pixels_of(cupboard.files[outcome.product.key])
    assert (result[HOLE == 0] == photo()[HOLE == 0]).all()
    assert cupboard.asked == ["inputImage", "maskImage"]


async def test_budget_counts_the_pixels_of_all_pictures(tmp_path: Path) -> None:
    cupboard = Cupboard(a=png(photo()), b=encode_mask(HOLE))
    async with bench(tmp_path, cupboard) as (runner, budget):
        await ended(runner, erase())
    assert budget.held == [2 * WIDTH * HEIGHT]


async def test_budget_counts_the_padded_canvas(tmp_path: Path) -> None:
    cupboard = Cupboard(a=png(photo(alpha=True)))
    task = ImageForegroundCrop(**COMMON, model="", padding=100)
    async with bench(tmp_path, cupboard) as (runner, budget):
        outcome = await ended(runner, job(task, inputImage="a"))
    assert outcome.product is not None
    assert budget.held == [(WIDTH + 200) * (HEIGHT + 200)]


@pytest.mark.parametrize(("missing", "parameter"), [("a", "inputImage"), ("b", "maskImage")])
async def test_an_image_that_is_not_there_is_named(
    tmp_path: Path, missing: str, parameter: str
) -> None:
    cupboard = Cupboard(a=png(photo()), b=encode_mask(HOLE))
    del cupboard.files[missing]
    async with bench(tmp_path, cupboard) as (runner, _):
        outcome = await ended(runner, erase())
    assert outcome.fault is not None
    assert outcome.fault.parameter == parameter


async def test_a_mask_that_does_not_decode_is_named(tmp_path: Path) -> None:
    cupboard = Cupboard(a=png(photo()), b=b"no picture")
    async with bench(tmp_path, cupboard) as (runner, _):
        outcome = await ended(runner, erase())
    assert outcome.fault is not None
    assert outcome.fault.parameter == "maskImage"


async def test_erased_webp_is_lossless(tmp_path: Path) -> None:
    cupboard = Cupboard(a=png(photo()), b=encode_mask(HOLE))
    async with bench(tmp_path, cupboard) as (runner, _):
        outcome = await ended(runner, erase(output_format="WEBP"))
    assert outcome.product is not None
    result = pixels_of(cupboard.files[outcome.product.key])
    assert (result[HOLE == 0] == photo()[HOLE == 0]).all()


@pytest.mark.parametrize("name", ["lama", "migan"])
async def test_a_model_of_the_catalogue_paints_the_hole_alone(tmp_path: Path, name: str) -> None:
    cupboard = Cupboard(a=png(photo()), b=encode_mask(HOLE))
    async with bench(tmp_path, cupboard, name) as (runner, _):
        outcome = await ended(runner, erase(model=name))
    assert outcome.product is not None, outcome.fault
    result = pixels_of(cupboard.files[outcome.product.key])
    assert (result[HOLE == 0] == photo()[HOLE == 0]).all()
    # The generated graphs paint black; resizing mixes the rim.
    assert result[11:17, 13:27].max() == 0


async def test_each_region_is_stored_as_a_mask_of_its_own(tmp_path: Path) -> None:
    scene = np.full((HEIGHT, WIDTH, 3), 60, np.uint8)
    scene[8:24, 12:32] = 255
    cupboard = Cupboard(a=png(scene))
    task = ImageMasking(**COMMON, model="u2netp", mask_padding=0, mask_blur=0)
    async with bench(tmp_path, cupboard, "u2netp") as (runner, _):
        outcome = await ended(runner, job(task, inputImage="a"))
    assert outcome.product is not None, outcome.fault
    assert outcome.product.detections
    drawn = [pixels_of(cupboard.files[mask.key]) for mask in outcome.product.masks]
    union = pixels_of(cupboard.files[outcome.product.key])
    assert (np.max(drawn, axis=0) == union).all()
    for mask, found in zip(drawn, outcome.product.detections, strict=True):
        box = found.bounding_box
        rows, columns = np.nonzero(mask)
        assert (columns.min(), rows.min()) == (box.x_min, box.y_min)
        assert (columns.max() + 1, rows.max() + 1) == (box.x_max, box.y_max)
        assert found.area == int((mask >= 128).sum())


@pytest.mark.parametrize(("mode", "looks"), [("fast", False), ("full", True)])
async def test_only_a_full_look_sees_what_alpha_hides(
    tmp_path: Path, mode: Literal["fast", "full"], looks: bool
) -> None:
    cupboard, censor = Cupboard(a=png(photo(alpha=True)), b=encode_mask(HOLE)), Censor()
    safety = Safety(check_inputs=True, check_content=True, tolerance=True, mode=mode)

    async with bench(tmp_path, cupboard, moderator=censor) as (runner, _):
        outcome = await runner.run(erase(safety=safety), nullcontext())

    assert censor.saw_alpha == [looks, looks]
    assert outcome.product is not None
    assert outcome.product.is_flagged


async def test_refused_input_ends_the_job_unless_it_is_tolerated(tmp_path: Path) -> None:
    cupboard, censor = Cupboard(a=png(photo()), b=encode_mask(HOLE)), Censor()

    async with bench(tmp_path, cupboard, moderator=censor) as (runner, _):
        outcome = await runner.run(erase(safety=Safety(check_inputs=True)), nullcontext())

    assert outcome.fault is not None
    assert outcome.fault.parameter == "inputImage"
