"""The README's picture: a scene made by code, and what the service makes of it.

python docs/generate/picture.py docs/pages/images/cut-out.png
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

sys.path.insert(0, str(Path(__file__).parents[1]))

from server.demo.client import run_tasks
from server.demo.pictures import own_photos
from server.demo.running import running_service
from server.demo.sheet import draw_sheet

WIDTH, HEIGHT = 960, 720
STEPS, FAR, NEAR = 90, 12.0, 0.002
LIGHT = np.array([-0.55, 0.75, 0.6]) / np.linalg.norm([-0.55, 0.75, 0.6])
GLAZE, CLAY = np.array([0.10, 0.42, 0.46]), np.array([0.86, 0.80, 0.70])

Points = NDArray[np.float64]


def teapot(p: Points) -> Points:
    """Signed distance to a teapot: body, lid, knob, spout and handle (after Quilez' primitives)."""
    x, y, z = p[..., 0], p[..., 1], p[..., 2]
    body = (np.sqrt(x**2 + (y * 1.25) ** 2 + z**2) - 1.0) * 0.8
    lid = np.maximum(np.sqrt(x**2 + (y - 0.72) ** 2 * 9 + z**2) - 0.5, 0.0) * 0.4
    knob = np.sqrt(x**2 + (y - 0.95) ** 2 + z**2) - 0.12
    ring = np.sqrt((np.sqrt((x + 1.1) ** 2 + (y - 0.05) ** 2) - 0.48) ** 2 + z**2) - 0.09
    along = np.clip(((x - 0.8) * 0.75 + (y + 0.15) * 0.7) / (0.75**2 + 0.7**2), 0, 1)
    spout = np.sqrt((x - 0.8 - 0.75 * along) ** 2 + (y + 0.15 - 0.7 * along) ** 2 + z**2) - (
        0.2 - 0.1 * along
    )
    foot = np.maximum(np.sqrt(x**2 + z**2) - 0.55, np.abs(y + 0.78) - 0.07)
    return smooth_union(
        smooth_union(smooth_union(body, spout, 0.15), ring, 0.06),
        np.minimum(np.minimum(lid, knob), foot),
        0.04,
    )


def smooth_union(a: Points, b: Points, softness: float) -> Points:
    """Join two distances with a rounded seam."""
    share = np.clip(0.5 + 0.5 * (b - a) / softness, 0, 1)
    return b * (1 - share) + a * share - softness * share * (1 - share)


def rays() -> tuple[Points, Points]:
    """Return the camera's place and the direction through every pixel."""
    v, u = np.mgrid[0:HEIGHT, 0:WIDTH]
    u, v = (u - WIDTH / 2) / HEIGHT, (HEIGHT / 2 - v) / HEIGHT
    directions = np.stack([u, v - 0.12, np.full(u.shape, -1.35)], axis=-1)
    return np.array([0.12, 0.55, 4.1]), directions / np.linalg.norm(
        directions, axis=-1, keepdims=True
    )


def march(origin: Points, directions: Points) -> Points:
    """Sphere-trace every ray; infinite where nothing is hit (Hart 1996)."""
    travelled = np.zeros(directions.shape[:2])
    for _ in range(STEPS):
        travelled += teapot(origin + directions * travelled[..., None]) * 0.9
        np.minimum(travelled, FAR, out=travelled)
    hit = teapot(origin + directions * travelled[..., None]) < NEAR * 4
    return np.where(hit & (travelled < FAR), travelled, np.inf)


def normals(p: Points) -> Points:
    """Surface normals by central differences."""
    step = 1e-3 * np.eye(3)
    gradient = np.stack([teapot(p + d) - teapot(p - d) for d in step], axis=-1)
    return gradient / np.maximum(np.linalg.norm(gradient, axis=-1, keepdims=True), 1e-9)


def shade(p: Points, directions: Points) -> Points:
    """Two-coloured glaze with diffuse light, a highlight and a rim."""
    normal = normals(p)
    wave = p[..., 1] + 0.06 * np.sin(7 * np.arctan2(p[..., 2], p[..., 0]))
    colour = np.where((wave > 0.12)[..., None], GLAZE, CLAY)
    diffuse = np.clip(normal @ LIGHT, 0, 1)[..., None]
    half = LIGHT - directions
    half /= np.linalg.norm(half, axis=-1, keepdims=True)
    gloss = np.clip((normal * half).sum(-1), 0, 1)[..., None] ** 60
    rim = (1 - np.clip(-(normal * directions).sum(-1), 0, 1))[..., None] ** 3
    return colour * (0.28 + 0.8 * diffuse) + 0.55 * gloss + 0.15 * rim


def ground(origin: Points, directions: Points) -> Points:
    """A wooden table, out of focus behind, before a wall with warm lights."""
    rng = np.random.default_rng(7)
    reach = (-0.85 - origin[1]) / np.minimum(directions[..., 1], -1e-6)
    spot = origin + directions * reach[..., None]
    grain = np.sin(
        spot[..., 2] * 9 + 1.5 * np.sin(spot[..., 0] * 1.3) + 0.6 * np.sin(spot[..., 0] * 4)
    )
    planks = np.where(np.abs(spot[..., 2] * 0.9 % 1 - 0.5) > 0.48, 0.6, 1.0)
    wood = np.array([0.50, 0.31, 0.18]) * (0.85 + 0.15 * grain * 0.5)[..., None] * planks[..., None]
    fade = np.clip(np.hypot(spot[..., 0], spot[..., 2] * 0.9), 0.2, 1.3)[..., None] / 1.3
    wood *= 0.45 + 0.55 * fade
    wall = (
        np.full((HEIGHT, WIDTH, 3), [0.23, 0.25, 0.30])
        * np.linspace(1.25, 0.7, HEIGHT)[:, None, None]
    )
    v, u = np.mgrid[0:HEIGHT, 0:WIDTH]
    for _ in range(14):
        cx, cy, radius = rng.uniform(0, WIDTH), rng.uniform(0, HEIGHT * 0.55), rng.uniform(14, 46)
        disc = np.clip((radius - np.hypot(u - cx, v - cy)) / 6, 0, 1)[..., None]
        wall += disc * np.array([0.5, 0.36, 0.18]) * rng.uniform(0.1, 0.35)
    is_table = (directions[..., 1] < 0) & (reach < 9)
    return np.where(is_table[..., None], wood, wall)


def scene(*, pots: bool = True) -> Image.Image:
    """Draw the scene as a camera would see it, or its empty table."""
    origin, directions = rays()
    behind = np.clip(ground(origin, directions), 0, 1)
    blurred = Image.fromarray((behind * 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(5))
    distance = march(origin, directions) if pots else np.full((HEIGHT, WIDTH), np.inf)
    hit = np.isfinite(distance)
    points = origin + directions * np.where(hit, distance, 0.0)[..., None]
    pot = Image.fromarray((np.clip(shade(points, directions), 0, 1) * 255).astype(np.uint8))
    mask = Image.fromarray((hit * 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(0.7))
    picture = np.asarray(Image.composite(pot, blurred, mask)).astype(np.float32)
    picture += np.random.default_rng(3).normal(0, 2.5, picture.shape)
    return Image.fromarray(picture.clip(0, 255).astype(np.uint8))


def main(target: Path) -> None:
    """Draw the scene, have it worked on, and write the sheet."""
    with tempfile.TemporaryDirectory() as name:
        scene().save(Path(name) / "teapot.jpg", quality=92)
        (photo,) = own_photos([Path(name) / "teapot.jpg"])

    async def ask(base_url: str, key: str) -> dict[str, bytes]:
        return {answer.wish: answer.data async for answer in run_tasks(base_url, key, [photo])}

    with running_service() as (base_url, key):
        answers = asyncio.run(ask(base_url, key))
    wishes = ("mask", "cut-out", "blur")
    row = [photo.data, *(answers[wish] for wish in wishes)]
    draw_sheet(["picture", *wishes], [row], target)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
