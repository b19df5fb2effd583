"""The contact sheet: photo, mask and cut-out side by side, one row a picture."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image, ImageDraw, ImageOps

CELL = 320
GAP = 16
CHECK = 16
LIGHT, DARK, PAPER = (250, 250, 250), (221, 224, 229), (255, 255, 255)


def draw_sheet(rows: list[tuple[bytes, bytes, bytes]], target: Path) -> None:
    """Draw (photo, mask, cut-out) of each picture, the cut-out on a chequerboard; RGB PNG."""
    width, height = 3 * CELL + 4 * GAP, len(rows) * (CELL + GAP) + GAP
    sheet = Image.new("RGB", (width, height), PAPER)
    for row, images in enumerate(rows):
        for column, data in enumerate(images):
            cell = _cell(data)
            sheet.paste(cell, (GAP + column * (CELL + GAP), GAP + row * (CELL + GAP)))
    sheet.save(target)


def _cell(data: bytes) -> Image.Image:
    picture = ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGBA")
    picture = ImageOps.contain(picture, (CELL, CELL), Image.Resampling.LANCZOS)
    is_opaque = picture.getchannel("A").getextrema()[0] == 255
    ground = Image.new("RGB", (CELL, CELL), PAPER) if is_opaque else _chequerboard()
    place = ((CELL - picture.width) // 2, (CELL - picture.height) // 2)
    ground.paste(picture, place, picture)
    return ground


def _chequerboard() -> Image.Image:
    board = Image.new("RGB", (CELL, CELL), LIGHT)
    draw = ImageDraw.Draw(board)
    for top in range(0, CELL, CHECK):
        for left in range((top // CHECK % 2) * CHECK, CELL, 2 * CHECK):
            draw.rectangle((left, top, left + CHECK - 1, top + CHECK - 1), DARK)
    return board
