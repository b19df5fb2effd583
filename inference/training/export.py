"""How does a checkpoint become the ONNX file that the service loads.

Contract: input `picture`, uint8 [N, S, S, 3] RGB; output `alpha`, float32 [N, 1, S, S] in [0, 1].
N is free, S is fixed. Opset 18, IR version 10.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import onnx
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from inference.training.checkpoint import Weights, load
from inference.training.network import SHAPES, Network

OPSET, IR_VERSION = 18, 10


@dataclass(frozen=True, slots=True)
class Views:
    """How a deployed network looks at a picture: at which sizes, and mirrored too or not.

    Each size is a multiple of 32; the first one is also the size of the file's input and output.
    The logits of all views are averaged, then multiplied by `sharpness`: above 1, what is nearly
    decided becomes decided, and the outline at one half stays where it is.
    """

    sides: tuple[int, ...] = (256,)
    flip: bool = False
    sharpness: float = 1.0


class Deployed(nn.Module):
    """The network behind the contract: bytes in, alpha out."""

    def __init__(self, network: Network, views: Views) -> None:
        super().__init__()
        self.network, self.views = network, views

    def forward(self, picture: Tensor) -> Tensor:
        """Alpha for a batch of pictures."""
        x = picture.permute(0, 3, 1, 2).float()
        found = [self._look(x, side) for side in self.views.sides]
        if self.views.flip:
            found += [self._look(x.flip(3), side).flip(3) for side in self.views.sides]
        total = found[0]
        for logits in found[1:]:
            total = total + logits
        return torch.sigmoid(total * (self.views.sharpness / len(found)))

    def _look(self, x: Tensor, side: int) -> Tensor:
        whole = self.views.sides[0]
        if side == whole:
            return self.network(x)[0]
        small = F.interpolate(x, size=(side, side), mode="bilinear", align_corners=False)
        logits = self.network(small)[0]
        return F.interpolate(logits, size=(whole, whole), mode="bilinear", align_corners=False)


def export(network: Network, target: Path, views: Views) -> None:
    """Write the network as ONNX, and its sha256 beside it."""
    write_model(to_onnx(Deployed(network, views).eval(), views.sides[0]), target)


def write_model(model: onnx.ModelProto, target: Path) -> None:
    """Write aside, then rename: a reader never sees half a file."""
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = target.with_suffix(".part")
    onnx.save(model, str(aside))
    checksum = target.with_suffix(".sha256")
    digest = hashlib.sha256(aside.read_bytes()).hexdigest()
    draft = target.with_suffix(".sum")
    draft.write_text(f"{digest}  {target.name}\n", encoding="utf-8")
    aside.replace(target)
    draft.replace(checksum)


def to_onnx(deployed: nn.Module, side: int) -> onnx.ModelProto:
    """Trace a network in evaluation mode for pictures of `side` square.

    The exporter folds each normalisation into the convolution before it.
    """
    memory = io.BytesIO()
    with warnings.catch_warnings():
        # The newer exporter needs onnxscript and gives the same graph.
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.onnx.export(
            deployed,
            (torch.zeros(2, side, side, 3, dtype=torch.uint8),),
            memory,
            dynamo=False,
            opset_version=OPSET,
            input_names=["picture"],
            output_names=["alpha"],
            dynamic_axes={"picture": {0: "n"}, "alpha": {0: "n"}},
        )
    model = onnx.load_model_from_string(memory.getvalue())
    model.ir_version = IR_VERSION
    onnx.checker.check_model(model)
    return model


def load_network(*paths: Path) -> Network:
    """Build the network of a checkpoint; of several of one run, with the mean of their weights.

    Checkpoints of one run lie in one valley, and their mean is often better than each of them.
    """
    states = [load(path, torch.device("cpu")) for path in paths]
    weights: Weights = {}
    for name, first in states[0]["average"].items():
        found = [state["average"][name] for state in states]
        weights[name] = torch.stack(found).mean(0) if first.is_floating_point() else first
    network = Network(SHAPES[states[0]["preset"]])
    network.load_state_dict(weights)
    return network.eval()


def main(arguments: Sequence[str] | None = None) -> None:
    """Export from the command line: one checkpoint, or the mean of several."""
    parser = argparse.ArgumentParser(prog="python -m inference.training.export")
    parser.add_argument("checkpoints", type=Path, nargs="+")
    parser.add_argument("target", type=Path)
    parser.add_argument(
        "--side", type=int, action="append", help="repeatable; the first is the input's"
    )
    parser.add_argument("--flip", action="store_true", help="judge the mirrored picture too")
    parser.add_argument("--sharpness", type=float, default=1.0, help="factor on the logits")
    given = parser.parse_args(arguments)
    views = Views(tuple(given.side or (256,)), given.flip, given.sharpness)
    export(load_network(*given.checkpoints), given.target, views)


if __name__ == "__main__":
    main()
