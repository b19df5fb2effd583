"""The command line, with one picture that ends the process whenever a task works on it."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

from inference.picture import Picture
from inference.pipelines import PIPELINES, Rendered
from protocol.tasks import RemoveBackground
from server.cli import main

POISON = (13, 7)
"""Its width and height."""

_remove_background = PIPELINES[RemoveBackground]


async def remove_background(task: RemoveBackground, picture: Picture, tools: Any) -> Rendered:
    """End as a decoder or a model would that runs into a wall."""
    if (picture.width, picture.height) == POISON:
        os.kill(os.getpid(), signal.SIGKILL)
    rendered: Rendered = await _remove_background(task, picture, tools)
    return rendered


if __name__ == "__main__":
    PIPELINES[RemoveBackground] = remove_background
    sys.exit(main())
