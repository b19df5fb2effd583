"""Any bytes as a message or as a body of the edit endpoints: tasks, or errors that can be told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import msgspec

from protocol.decoding import Element, Failed, decode_message
from protocol.edits import AllMasks, BlurBackground, CropForeground, Edit, Erase, ProductCutout
from protocol.errors import CutwireError, MessageError
from protocol.json_text import read_object
from protocol.replies import error_reply

MAX_TASKS = 20
REQUEST_ID = "0b6cb0f2-5a5c-4bd4-8a40-3c5f1f5c4e11"
EDITS: tuple[type[Edit], ...] = (AllMasks, BlurBackground, CropForeground, Erase, ProductCutout)


def run(data: bytes) -> None:
    """Decode in both dialects."""
    _run_message(data)
    for kind in EDITS:
        try:
            kind.of(read_object(data)).to_task(REQUEST_ID)
        except CutwireError as error:
            json.loads(error_reply(error).body)


def _run_message(data: bytes) -> None:
    try:
        elements = decode_message(data, max_tasks=MAX_TASKS)
    except MessageError as error:
        json.loads(error_reply(error).body)
        return
    assert 0 < len(elements) <= MAX_TASKS
    for element in elements:
        if isinstance(element, Failed):
            told = error_reply(
                element.error, task_type=element.task_type, task_uuid=element.task_uuid
            )
            json.loads(told.frame)
        else:
            assert _again(element) == [element]
    _check_layout(data, elements)


def _again(element: Any) -> list[Element]:
    """Write an element as a client might, and read it again."""
    return decode_message(b"[" + msgspec.json.encode(element) + b"]", max_tasks=1)


def _check_layout(data: bytes, elements: list[Element]) -> None:
    """Spaces between the signs change nothing: there is a quick way in, for the usual layout."""
    if any(isinstance(element, Failed) for element in elements):
        return
    spaced = json.dumps(json.loads(data), indent=1).encode()
    assert decode_message(spaced, max_tasks=MAX_TASKS) == elements


def seeds() -> Iterator[bytes]:
    """Messages of every kind."""
    task = {"taskType": "removeBackground", "taskUUID": REQUEST_ID, "inputImage": "aGk="}
    settings = {"rgba": [1, 2, 3, 0.5], "alphaMatting": True, "postProcessMask": True}
    for elements in (
        [task],
        [{"taskType": "authentication", "apiKey": "k"}, {"taskType": "ping", "ping": True}],
        [task | {"settings": settings, "outputType": "URL", "ttl": 60, "includeCost": True}],
        [{"taskType": "getResponse", "taskUUID": REQUEST_ID}],
        [{"taskType": "imageUpload", "taskUUID": REQUEST_ID, "image": "aGk="}],
        [task | {"taskType": "imageErase", "maskImage": "aGk=", "safety": {"checkInputs": True}}],
        [task | {"taskType": "imageMasking"}, task | {"taskType": "imageForegroundCrop"}],
        [task | {"taskType": "imageBackgroundBlur", "webhookURL": "https://a.example/"}],
        [task, task],
        [task | {"inputs": {"image": "aGk="}}, 5, None, [[]], {"taskType": 1e400}],
    ):
        yield json.dumps(elements).encode()
        yield json.dumps(elements, separators=(",", ":")).encode()
    yield b'{"image": "https://a.example/a.png", "sync": true}'
    yield b'{"file": "aGk=", "scale": 5, "padding": "10px", "image_url": null, "a": 1, "a": 2}'
