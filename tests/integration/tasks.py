"""Task objects as clients write them."""

from __future__ import annotations

import uuid
from typing import Any

from integration.pictures import scene_uri

REMOVAL = "removeBackground"
OLD_REMOVAL = "imageBackgroundRemoval"


def new_uuid() -> str:
    return str(uuid.uuid4())


def removal(image: str = "", **fields: Any) -> dict[str, Any]:
    """A background removal; without an image it brings the small blob."""
    task = {"taskType": REMOVAL, "taskUUID": new_uuid(), "inputImage": image or scene_uri()}
    return task | fields


def upload(image: str = "", **fields: Any) -> dict[str, Any]:
    """An imageUpload."""
    return {
        "taskType": "imageUpload",
        "taskUUID": new_uuid(),
        "image": image or scene_uri(),
    } | fields


def poll(task_uuid: str) -> dict[str, Any]:
    """A getResponse."""
    return {"taskType": "getResponse", "taskUUID": task_uuid}


def without(task: dict[str, Any], *fields: str) -> dict[str, Any]:
    """The task with fields left out."""
    return {name: value for name, value in task.items() if name not in fields}
