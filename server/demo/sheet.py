"""The contact sheet: the photo and what every task makes of it, one row a picture."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, ImageOps

CELL = 280
GAP = 14
TITLE = 30
CHECK = 16
LIGHT, DARK, PAPER = (250, 250, 250), (221, 224, 229), (255, 255, 255)
INK = (40, 44, 52)


def draw_sheet(titles: Sequence[str], rows: Sequence[Sequence[bytes]], target: Path) -> None:
    """Draw the pictures of each row under their titles, cut-outs on a chequerboard; RGB PNG."""
    width = len(titles) * (CELL + GAP) + GAP
    height = len(rows) * (CELL + GAP) + GAP + TITLE
    sheet = Image.new("RGB", (width, height), PAPER)
    draw = ImageDraw.Draw(sheet)
    for column, title in enumerate(titles):
        middle = GAP + column * (CELL + GAP) + CELL // 2
        draw.text((middle, GAP + TITLE // 2), title, INK, ImageFont.load_default(18), anchor="mm")
    for row, images in enumerate(rows):
        for column, data in enumerate(images):
            place = (GAP + column * (CELL + GAP), GAP + TITLE + row * (CELL + GAP))
            sheet.paste(_cell(data), place)
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
