"""What is kept of a run so that it can go on: weights, their average, optimiser, place."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from inference.training.network import Network

Weights = dict[str, Tensor]
_EVERY = 4


@dataclass(slots=True)
class Progress:
    """How far a run is."""

    step: int = 0
    samples: int = 0
    elapsed_s: float = 0.0
    best_iou: float = 0.0


class Average:
    """An exponential mean of the weights (EMA); young runs forget faster."""

    def __init__(self, network: Network, decay: float) -> None:
        self.decay = decay
        self.weights: Weights = {k: v.detach().clone() for k, v in network.state_dict().items()}

    @torch.no_grad()
    def update(self, network: Network, step: int) -> None:
        """Move the mean a little towards the network, every fourth step."""
        if step % _EVERY:
            return
        decay = min(self.decay, (1 + step) / (10 + step)) ** _EVERY
        for name, value in network.state_dict().items():
            if value.dtype.is_floating_point:
                self.weights[name].lerp_(value, 1 - decay)
            else:
                self.weights[name].copy_(value)


def save(path: Path, state: dict[str, Any]) -> None:
    """Write aside, then rename: a reader never sees half a file."""
    aside = path.with_suffix(".part")
    torch.save(state, aside)
    aside.replace(path)


def load(path: Path, device: torch.device) -> dict[str, Any]:
    """Read what `save` wrote; nothing in it is executed."""
    state: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
    return state


def load_matching(network: Network, weights: Weights) -> int:
    """Take over what fits by name and size; return how many tensors did not."""
    own = network.state_dict()
    fitting = {k: v for k, v in weights.items() if k in own and own[k].shape == v.shape}
    network.load_state_dict(own | fitting)
    return len(own) - len(fitting)
