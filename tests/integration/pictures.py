"""Small pictures to send, and what came back."""

from __future__ import annotations

import base64
import io
from typing import Any

import httpx
from PIL import Image, ImageDraw

FORMATS = {"PNG": "PNG", "JPG": "JPEG", "WEBP": "WEBP"}
MEDIA_TYPES = {"PNG": "image/png", "JPG": "image/jpeg", "WEBP": "image/webp"}
FIELDS = {"URL": "imageURL", "base64Data": "imageBase64Data", "dataURI": "imageDataURI"}


def scene(width: int = 96, height: int = 72) -> Image.Image:
    """A dark blob on white."""
    picture = Image.new("RGB", (width, height), "white")
    box = (width * 0.25, height * 0.2, width * 0.75, height * 0.85)
    ImageDraw.Draw(picture).ellipse(box, fill=(40, 60, 120))
    return picture


def encoded(picture: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    """A file."""
    out = io.BytesIO()
    picture.save(out, FORMATS.get(kind, kind), **options)
    return out.getvalue()


def base64_of(data: bytes) -> str:
    return base64.b64encode(data).decode()


def data_uri(data: bytes, kind: str = "PNG") -> str:
    return f"data:{MEDIA_TYPES[kind]};base64,{base64_of(data)}"


def scene_uri(width: int = 96, height: int = 72) -> str:
    """The blob, ready to be sent."""
    return data_uri(encoded(scene(width, height)))


def opened(data: bytes) -> Image.Image:
    """Decode a file."""
    picture = Image.open(io.BytesIO(data))
    picture.load()
    return picture


async def file_of(element: dict[str, Any]) -> bytes:
    """The file that a result points to or holds."""
    (field,) = [name for name in FIELDS.values() if name in element]
    value = element[field]
    if field == "imageURL":
        return await download(value)
    return base64.b64decode(value.rpartition(",")[2], validate=True)


async def picture_of(element: dict[str, Any]) -> Image.Image:
    """The picture that a result points to or holds."""
    return opened(await file_of(element))


async def download(url: str) -> bytes:
    """What a URL serves to somebody without a key."""
    async with httpx.AsyncClient(trust_env=False, timeout=30) as http:
        answer = await http.get(url)
    assert answer.status_code == 200, answer.text
    return answer.content
