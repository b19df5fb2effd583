"""What is the value of an image field? UUID, data URI, bare base64 or URL; no I/O here."""

from __future__ import annotations

import binascii
import re
from typing import Final

import msgspec
import pybase64

from inference.inputs.failures import malformed_url, too_large
from protocol.errors import Constraint, MalformedImage

FORMS: Final = "a UUID of an upload or a result, a data URI, base64 data, or an http(s) URL"

_UUID: Final = re.compile(  # spelt out, it matches in half the time: every task has one
    r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
)
_HTTP: Final = re.compile(r"https?://", re.IGNORECASE)
_DATA: Final = re.compile(r"data:", re.IGNORECASE)
_HEAD_CHARS: Final = 256
_MEDIA_TYPE: Final = re.compile(r"(image/[\w.+-]+|application/octet-stream)?", re.ASCII)
# JPEG in base64 begins with "/9j/"; no other accepted format begins with "/": the rest are paths.
_FILE: Final = re.compile(r"\s*([a-z]:|/(?!9j/)|\.{1,2}[/\\]|~|\\)", re.IGNORECASE)
_SCHEME: Final = re.compile(r"\s*[a-z][a-z0-9+.-]+:", re.IGNORECASE)
_SPACES: Final = " \t\r\n"
_NO_SPACES: Final = str.maketrans("", "", _SPACES)


class InlineImage(msgspec.Struct, frozen=True):
    """The image itself, as base64 text."""

    text: str


class ImageId(msgspec.Struct, frozen=True):
    """An upload or a result, by its UUID in lower case."""

    image_uuid: str


class RemoteImage(msgspec.Struct, frozen=True):
    """An image to download; the URL is not judged yet."""

    url: str


def classify(value: str, parameter: str) -> InlineImage | ImageId | RemoteImage:
    """Tell which form a value has.

    Raises MalformedImage, or ForbiddenAddress for a URL that is not http(s).
    """
    if _UUID.fullmatch(value):
        return ImageId(value.lower())
    if _HTTP.match(value):
        return RemoteImage(value)
    if _DATA.match(value):
        return InlineImage(_data_payload(value, parameter))
    head = value[:_HEAD_CHARS]  # of what may be megabytes of base64, which hold no colon
    if _SCHEME.match(head) or "://" in head:
        raise malformed_url(parameter, "it names a scheme other than http and https")
    if _FILE.match(head):
        raise _malformed(parameter, "it names a file")
    if not value or value.isspace():
        raise _malformed(parameter, "it is empty")
    return InlineImage(value)


def decode_inline(text: str, parameter: str, limit_bytes: int) -> bytes:
    """Decode base64; the size is judged before anything is decoded.

    Spaces and line breaks are skipped. Standard or URL-safe alphabet, not both. Padding is all
    there or all missing; a length that no bytes encode to (4n + 1) is refused.
    """
    if any(space in text for space in _SPACES):  # rare, and a search costs next to nothing
        text = text.translate(_NO_SPACES)
    size = len(text)
    if size * 3 // 4 - text.endswith("=") - text.endswith("==") > limit_bytes:
        raise too_large(parameter, limit_bytes)
    try:
        return pybase64.b64decode(_standard_base64(text), validate=True)
    except (binascii.Error, ValueError) as exc:
        raise _malformed(parameter, "its base64 is broken or cut short") from exc


def _standard_base64(text: str) -> str:
    """Bring base64 to the standard alphabet and full padding; raises ValueError if it cannot be."""
    if "-" in text or "_" in text:
        if "+" in text or "/" in text:
            raise ValueError("two alphabets")
        text = text.replace("-", "+").replace("_", "/")
    if len(text) % 4 and not text.endswith("="):
        text += "=" * (-len(text) % 4)  # "===" for 4n + 1, which the decoder refuses
    return text


def _data_payload(value: str, parameter: str) -> str:
    head, comma, _ = value[:_HEAD_CHARS].partition(",")
    media_type, *attributes = head.lower().removeprefix("data:").split(";")
    if not comma or attributes[-1:] != ["base64"]:
        raise _malformed(parameter, "its data URI does not say base64")
    if not _MEDIA_TYPE.fullmatch(media_type.strip()):
        raise _malformed(parameter, "its data URI does not hold an image")
    payload = value[len(head) + 1 :]
    if not payload or payload.isspace():
        raise _malformed(parameter, "its data URI is empty")
    return payload


def _malformed(parameter: str, reason: str) -> MalformedImage:
    return MalformedImage(
        f"{parameter} is not a usable image: {reason}; allowed: {FORMS}",
        parameter=parameter,
        constraint=Constraint(type="string"),
    )
