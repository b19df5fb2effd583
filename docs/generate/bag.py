"""A bag on white, as shops photograph it, drawn by code: a strap, a tag on a cord, a shadow."""

from __future__ import annotations

from PIL import Image, ImageDraw, ImageFilter

WIDTH, HEIGHT = 720, 720
FINER = 2  # is drawn so much larger, for smooth edges
GROUND, SHADOW = (250, 250, 249), (120, 120, 125)
LEATHER, FLAP, STRAP = (150, 60, 40), (170, 75, 50), (110, 45, 30)
BRASS, PAPER, INK = (210, 180, 90), (235, 225, 200), (150, 140, 120)


def bag() -> Image.Image:
    """Draw it."""
    picture = Image.new("RGB", (WIDTH * FINER, HEIGHT * FINER), GROUND)
    shade = Image.new("L", picture.size)
    ImageDraw.Draw(shade).ellipse(_place(110, 590, 510, 640), fill=90)
    picture.paste(SHADOW, mask=shade.filter(ImageFilter.GaussianBlur(12 * FINER)))
    draw = ImageDraw.Draw(picture)
    draw.arc(_place(185, 85, 435, 575), 180, 360, fill=STRAP, width=6 * FINER)
    draw.rounded_rectangle(_place(130, 330, 490, 610), 28 * FINER, fill=LEATHER)
    draw.rounded_rectangle(_place(145, 345, 475, 420), 22 * FINER, fill=FLAP)
    draw.rectangle(_place(295, 390, 325, 450), fill=BRASS)
    draw.line(_place(490, 390, 580, 495), fill=STRAP, width=3 * FINER)
    draw.rectangle(_place(568, 495, 610, 550), fill=PAPER, outline=INK, width=2 * FINER)
    return picture.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)


def _place(*pixels: int) -> tuple[int, ...]:
    return tuple(FINER * pixel for pixel in pixels)
