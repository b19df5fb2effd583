"""What does the network look like: plain 3x3 convolutions down to 1/32, context, and back up."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F


@dataclass(frozen=True, slots=True)
class Shape:
    """Widths and depths.

    Encoder channels at 1/2..1/32 and residual blocks there, decoder channels at 1/4..1/16, and
    channels of the last step at 1/2, where every channel costs most.
    """

    widths: tuple[int, ...] = (16, 32, 64, 128, 192)
    blocks: tuple[int, ...] = (0, 1, 1, 2, 0)
    decoder: tuple[int, ...] = (32, 48, 64)
    fine: int = 16


#: `cpu` trains on two cores in hours; `gpu` is for one large card.
SHAPES: dict[str, Shape] = {
    "tiny": Shape((4, 4, 8, 8, 8), (0, 0, 0, 0, 0), (4, 4, 4), 4),
    "cpu": Shape(),
    "gpu": Shape((24, 48, 96, 160, 208), (1, 2, 2, 3, 1), (48, 64, 96), 24),
}


def conv_unit(inputs: int, outputs: int, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    """3x3 convolution, normalisation, ReLU."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, dilation, dilation, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


def enlarge(x: Tensor) -> Tensor:
    """Twice the size. A 1x1 convolution before it gives what one after it would, for a quarter."""
    return F.interpolate(x, scale_factor=2.0, mode="bilinear")


class Residual(nn.Module):
    """Two convolutions beside a short cut; the second may look further (dilation)."""

    def __init__(self, channels: int, dilation: int = 1) -> None:
        super().__init__()
        self.first = conv_unit(channels, channels)
        self.second = nn.Sequential(
            nn.Conv2d(channels, channels, 3, 1, dilation, dilation, bias=False),
            nn.BatchNorm2d(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Add what the two convolutions find."""
        return F.relu(x + self.second(self.first(x)))


class Context(nn.Module):
    """What the whole picture says to each of its places: dilated blocks and a global mean."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.blocks = nn.Sequential(Residual(channels, 2), Residual(channels, 4))
        self.whole = nn.Sequential(
            nn.Linear(channels, channels // 2), nn.ReLU(), nn.Linear(channels // 2, channels)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Mix near, far and everything."""
        x = self.blocks(x)
        return F.relu(x + self.whole(x.mean((2, 3)))[:, :, None, None])


class Finish(nn.Module):
    """Edges: what the decoder knows at 1/4, the first features and the picture itself, at 1/2.

    The four logits of each place become its 2x2 pixels. No normalisation here: at this size it
    costs more than the convolutions.
    """

    def __init__(self, above: int, beside: int, channels: int) -> None:
        super().__init__()
        self.lower = nn.Conv2d(above, channels, 1)
        self.reduce = nn.Conv2d(beside, channels, 1)
        self.mix = nn.Conv2d(channels + 12, channels, 3, 1, 1)
        self.last = nn.Conv2d(channels, 4, 3, 1, 1)

    def forward(self, y: Tensor, beside: Tensor, picture: Tensor) -> Tensor:
        """Logits at the picture's size."""
        y = F.relu(enlarge(self.lower(y)) + self.reduce(beside))
        y = F.relu(self.mix(torch.cat([y, F.pixel_unshuffle(picture, 2)], 1)))
        return F.pixel_shuffle(self.last(y), 2)


class Network(nn.Module):
    """Picture (N, 3, S, S in [0, 255]) to logits: full size first, then the side outputs.

    S must be a multiple of 32.
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        widths, decoder = shape.widths, shape.decoder
        self.stages = nn.ModuleList(
            nn.Sequential(
                conv_unit(before, width, stride=2), *(Residual(width) for _ in range(blocks))
            )
            for before, width, blocks in zip((3, *widths), widths, shape.blocks, strict=False)
        )
        self.context = Context(widths[-1])
        middle = widths[1:-1]
        above = (*decoder[1:], widths[-1])
        self.reduce = nn.ModuleList(
            nn.Conv2d(w, d, 1) for w, d in zip(middle, decoder, strict=True)
        )
        self.lower = nn.ModuleList(nn.Conv2d(a, d, 1) for a, d in zip(above, decoder, strict=True))
        self.fuse = nn.ModuleList(conv_unit(d, d) for d in decoder)
        self.sides = nn.ModuleList(nn.Conv2d(d, 1, 1) for d in decoder)
        self.finish = Finish(decoder[0], widths[0], shape.fine)

    def forward(self, picture: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return logits at full size, and side logits at 1/4, 1/8 and 1/16."""
        x = picture / 58.0 - 2.0
        levels: list[Tensor] = []
        y = x
        for stage in self.stages:
            y = stage(y)
            levels.append(y)
        y = self.context(y)
        sides: list[Tensor] = []
        for index in reversed(range(len(self.fuse))):
            up = enlarge(self.lower[index](y))
            y = self.fuse[index](up + self.reduce[index](levels[index + 1]))
            sides.insert(0, self.sides[index](y))
        return self.finish(y, levels[0], x), sides


def build(preset: str) -> Network:
    """Build a network of a named shape."""
    return Network(SHAPES[preset])


def count_parameters(network: nn.Module) -> int:
    """How many numbers are trained."""
    return sum(p.numel() for p in network.parameters())
