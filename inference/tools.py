"""What a pipeline may use: the models, and threads for pure steps."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Literal, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from inference.crew import Hands
from inference.models import LoadedNet, Net, Row
from inference.models.tensors import enlarge_as_rembg, to_fill, to_fill_input
from inference.picture import Picture
from inference.steps.erase import fill_hole
from inference.steps.holes import Hole, Window, find_window
from inference.steps.matting import Method, estimate_alpha
from inference.steps.resize import resize_rgb
from inference.steps.upsample import upsample_alpha
from protocol.errors import TaskTimedOut
from protocol.jobs import Stage

Alpha = NDArray[np.uint8]
Pixels = NDArray[np.uint8]
Step = TypeVar("Step")


class Networks(Protocol):
    """Where loaded models come from."""

    async def network(self, name: str = "", task: Literal["segment", "inpaint"] = "segment") -> Net:
        """Return a model by name, loading it when it is not loaded.

        Raises:
            UnsupportedParameter, ModelUnavailable: there is none, or it does not load.
        """


class Tools(Protocol):
    """What a pipeline sees of the machine."""

    async def segment(self, picture: Picture) -> Alpha:
        """Find the subject: a mask H×W, 255 is subject; its edges follow the picture's."""

    async def inpaint(self, rgb: Pixels, hole: Hole) -> Pixels:
        """Paint the hole of an H×W×3 picture; what is returned counts only inside the hole."""

    async def matte(self, rgb: Pixels, trimap: Alpha, mask: Alpha) -> Alpha:
        """Solve the alpha where the H×W trimap is 128; the mask is the network's."""

    async def cpu(self, step: Callable[..., Step], *args: object) -> Step:
        """Run a pure step on a thread; the task's deadline is checked after it."""

    def check_deadline(self) -> None:
        """Raise TaskTimedOut once the task's deadline has passed; for use inside long steps."""


class JobTools:
    """The Tools of one job: its model, its deadline, and the time that each stage took."""

    def __init__(
        self,
        networks: Networks,
        hands: Hands,
        *,
        model: str,
        deadline: float,
        matting: Method = "fast",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._networks = networks
        self._hands = hands
        self._model = model
        self.deadline = deadline
        self._matting = matting
        self._clock = clock
        self._begun = clock()
        self._stages: list[tuple[str, float, float]] = []

    async def segment(self, picture: Picture) -> Alpha:
        """Find the subject with the job's model."""
        net = await self.timed("load", self._networks.network(self._model))
        item = await self.timed_cpu("prepare", net.prepare, picture.rgb)
        output = await self.timed("model", self.run_net(net, item))
        return await self.timed_cpu("mask", _to_alpha, net, output, picture.rgb)

    async def inpaint(self, rgb: Pixels, hole: Hole) -> Pixels:
        """Paint with the job's model, or where it names none, from the picture's own patches."""
        if not self._model:
            return await self.timed_cpu("fill", fill_hole, rgb, hole, self.check_deadline)
        net = await self.timed("load", self._networks.network(self._model, "inpaint"))
        window = find_window(hole.inside)
        item = await self.timed_cpu("prepare", _to_fill_item, rgb, hole, window, net.row)
        output = await self.timed("model", self.run_net(net, item))
        return await self.timed_cpu("fill", _paste_fill, rgb, window, to_fill(output, net.row))

    async def matte(self, rgb: Pixels, trimap: Alpha, mask: Alpha) -> Alpha:
        """Solve by the method of the settings."""
        solve = partial(estimate_alpha, method=self._matting, check_deadline=self.check_deadline)
        return await self.timed_cpu("matting", solve, rgb, trimap, mask)

    async def cpu(self, step: Callable[..., Step], *args: object) -> Step:
        """Run a pure step on a thread; its time counts under `steps`."""
        return await self.timed_cpu("steps", step, *args)

    async def timed_cpu(self, stage: str, step: Callable[..., Step], *args: object) -> Step:
        """Run a pure step on a thread and record its time under a stage."""
        with self._stage(stage):
            result = await self.on_thread(step, *args)
        self.check_deadline()
        return result

    async def on_thread(self, step: Callable[..., Step], *args: object) -> Step:
        """Run a pure step on a thread."""
        return await self._hands.run(step, *args)

    async def run_net(self, net: Net | LoadedNet, item: NDArray[Any]) -> NDArray[Any]:
        """Run a model on one item before the task's deadline."""
        with self._hands.step() as is_behind:
            return await net.run(item, deadline=self.deadline, is_behind=is_behind)

    def check_deadline(self) -> None:
        """Raise TaskTimedOut once the deadline has passed."""
        if self._clock() >= self.deadline:
            raise TaskTimedOut("The task took longer than the service allows.")

    @contextmanager
    def _stage(self, name: str) -> Iterator[None]:
        begun = self._clock()
        try:
            yield
        finally:
            self._stages.append((name, begun, self._clock()))

    def stages(self, waited_s: float) -> list[Stage]:
        """List what was done, after `waited_s` in the queue."""
        waited_us = round(waited_s * 1e6)
        done = [
            Stage(name, waited_us + round((begun - self._begun) * 1e6), round((end - begun) * 1e6))
            for name, begun, end in self._stages
        ]
        return [Stage("queue", 0, waited_us), *done]

    async def timed(self, stage: str, work: Awaitable[Step]) -> Step:
        """Await something and record its time under a stage."""
        with self._stage(stage):
            result = await work
        self.check_deadline()
        return result


def _to_fill_item(rgb: Pixels, hole: Hole, window: Window, row: Row) -> NDArray[Any]:
    return to_fill_input(rgb[window], hole.inside[window], row)


def _paste_fill(rgb: Pixels, window: Window, fill: Pixels) -> Pixels:
    painted = rgb.copy()
    height, width = rgb[window].shape[:2]
    painted[window] = resize_rgb(fill, width, height)
    return painted


def _to_alpha(net: Net, output: NDArray[Any], rgb: NDArray[np.uint8]) -> Alpha:
    mask = net.finish(output)
    if net.row.is_rembg_exact:
        return enlarge_as_rembg(mask, (rgb.shape[1], rgb.shape[0]))
    return upsample_alpha(mask, rgb)
