"""Pictures of what each parameter does, made by the pipelines themselves at each build."""

from __future__ import annotations

import asyncio
import io
import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from generate.bag import bag
from PIL import Image, ImageDraw

from server.filework.local import LocalWork
from server.filework.parameters import MASK, TASKS
from server.filework.plan import Piece
from server.settings import Settings

WIDTH = 320
SQUARE = 10


@dataclass(frozen=True)
class Shot:
    """One picture of a gallery: what is asked of which sample, and what it shows."""

    caption: str
    task: str = ""
    members: dict[str, Any] = field(default_factory=dict)
    sample: str = "chelsea.png"
    hole: tuple[float, float, float, float] | None = None


CUT, CROP, BLUR, ERASE = (
    "removeBackground",
    "imageForegroundCrop",
    "imageBackgroundBlur",
    "imageErase",
)
SPOON = (0.52, 0.58, 0.72, 0.88)
BAG = "bag.png"

GALLERIES: dict[str, list[Shot]] = {
    "remove-background": [
        Shot("the picture"),
        Shot("the defaults", CUT),
        Shot("returnOnlyMask: white is the subject", CUT, {"returnOnlyMask": True}),
    ],
    "rgba": [
        Shot("[255, 255, 255, 255]", CUT, {"rgba": [255, 255, 255, 255]}),
        Shot("[0, 128, 128, 0.5]", CUT, {"rgba": [0, 128, 128, 0.5]}),
        Shot("JPG, which has no alpha: white", CUT, {"outputFormat": "JPG"}),
    ],
    "matting": [
        Shot("alphaMatting false", CUT),
        Shot("alphaMatting true", CUT, {"alphaMatting": True}),
        Shot(
            "alphaMattingErodeSize 40: a wider band is solved",
            CUT,
            {"alphaMatting": True, "alphaMattingErodeSize": 40},
        ),
    ],
    "post-process": [
        Shot("postProcessMask false", CUT, {"returnOnlyMask": True}, "coffee.png"),
        Shot(
            "postProcessMask true",
            CUT,
            {"returnOnlyMask": True, "postProcessMask": True},
            "coffee.png",
        ),
    ],
    "crop": [
        Shot("the picture", sample="coffee.png"),
        Shot("padding 0", CROP, {}, "coffee.png"),
        Shot("padding 60", CROP, {"padding": 60}, "coffee.png"),
    ],
    "product-cutout": [
        Shot("the picture", sample=BAG),
        Shot("imageForegroundCrop: the cord and the strap's ends are faint", CROP, {}, BAG),
        Shot("imageProductCutout", "imageProductCutout", {}, BAG),
    ],
    "blur": [
        Shot("the picture", sample="astronaut.png"),
        *(Shot(f"scale {scale}", BLUR, {"scale": scale}, "astronaut.png") for scale in range(1, 6)),
    ],
    "erase": [
        Shot("the picture", sample="coffee.png"),
        Shot("the mask", sample="coffee.png", hole=SPOON),
        Shot("imageErase", ERASE, {}, "coffee.png", SPOON),
    ],
    "masking": [
        Shot("the picture", sample="coffee.png"),
        Shot("all regions", "imageMasking", {}, "coffee.png"),
        Shot("maskPadding 30", "imageMasking", {"maskPadding": 30}, "coffee.png"),
    ],
}


def gallery(name: str, root: str) -> str:
    """Write a gallery as figures; `root` leads from the page to the top of the site."""
    figures = "".join(
        f'<figure markdown="0"><img src="{root}pictures/{name}-{number}.webp" alt="{shot.caption}" '
        f'loading="lazy"><figcaption>{shot.caption}</figcaption></figure>'
        for number, shot in enumerate(GALLERIES[name])
    )
    return f'<div class="gallery" markdown="0">{figures}</div>'


def draw_galleries(folder: Path) -> None:
    """Run every shot's task and write its picture."""
    # The samples come with scikit-image; its own import is slow and is not needed.
    import importlib.util

    found = importlib.util.find_spec("skimage")
    assert found is not None
    assert found.origin is not None
    asyncio.run(_draw(folder, Path(found.origin).parent / "data"))


async def _draw(folder: Path, samples: Path) -> None:
    os.environ.setdefault("NUMBA_NUM_THREADS", "1")
    with tempfile.TemporaryDirectory() as own:
        drawn = Path(own)
        bag().save(drawn / BAG)
        async with LocalWork.running(Settings()) as work:
            for name, shots in GALLERIES.items():
                for number, shot in enumerate(shots):
                    source = (drawn if shot.sample == BAG else samples) / shot.sample
                    mask = _mask(shot, source, drawn / f"{name}-{number}.png")
                    picture = await _shoot(work, shot, source, mask)
                    _shown(picture).save(folder / f"{name}-{number}.webp", quality=85)


def _mask(shot: Shot, source: Path, path: Path) -> Path | None:
    if shot.hole is None:
        return None
    with Image.open(source) as picture:
        width, height = picture.size
    mask = Image.new("L", (width, height))
    left, top, right, bottom = shot.hole
    box = (left * width, top * height, right * width, bottom * height)
    ImageDraw.Draw(mask).ellipse(box, fill=255)
    mask.save(path)
    return path


async def _shoot(work: LocalWork, shot: Shot, source: Path, mask: Path | None) -> Image.Image:
    if not shot.task:
        return Image.open(mask or source)
    kind = TASKS[shot.task]
    files = {"inputImage": "file"} | ({MASK: "file"} if mask is not None else {})
    told = (
        shot.members
        | files
        | {
            "taskType": shot.task,
            "taskUUID": "00000000-0000-4000-8000-000000000000",
        }
    )
    made = await work.do(Piece(source, source, mask), msgspec.convert(told, kind))
    return Image.open(io.BytesIO(made.data))


def _shown(picture: Image.Image) -> Image.Image:
    """Shrink, and lay transparency over a chequerboard."""
    height = round(picture.height * WIDTH / picture.width)
    small = picture.resize((WIDTH, height), Image.Resampling.LANCZOS)
    if small.mode != "RGBA":
        return small.convert("RGB")
    ground = Image.new("RGB", small.size, (255, 255, 255))
    draw = ImageDraw.Draw(ground)
    for top in range(0, height, SQUARE):
        for left in range((top // SQUARE % 2) * SQUARE, WIDTH, 2 * SQUARE):
            draw.rectangle((left, top, left + SQUARE - 1, top + SQUARE - 1), fill=(220, 220, 220))
    ground.paste(small, mask=small.getchannel("A"))
    return ground
