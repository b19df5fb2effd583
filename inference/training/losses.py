"""What is a bad mask: cross-entropy, missing overlap, absolute error, with more care at edges."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F


def mask_loss(logits: Tensor, target: Tensor, sides: Sequence[Tensor] = ()) -> Tensor:
    """Full loss for logits (N, 1, S, S) against alpha in [0, 1]; sides add a share each."""
    # Found at half size: the widest pooling is a large part of a step otherwise.
    edges = boundary(F.avg_pool2d(target, 2), reach=1)
    weight = 1 + 3 * F.interpolate(edges, scale_factor=2.0)
    alpha = torch.sigmoid(logits)
    cross = F.binary_cross_entropy_with_logits(logits, target, weight=weight)
    loss = cross + soft_iou_loss(alpha, target) + F.l1_loss(alpha, target)
    for side in sides:
        small = F.interpolate(target, size=side.shape[2:], mode="area")
        part = F.binary_cross_entropy_with_logits(side, small)
        loss = loss + 0.25 * (part + soft_iou_loss(torch.sigmoid(side), small))
    return loss


def soft_iou_loss(alpha: Tensor, target: Tensor) -> Tensor:
    """One minus the overlap of two soft masks; the one keeps empty masks finite."""
    shared = (alpha * target).sum((1, 2, 3))
    union = (alpha + target - alpha * target).sum((1, 2, 3))
    return (1 - (shared + 1) / (union + 1)).mean()


def boundary(target: Tensor, reach: int = 2) -> Tensor:
    """1 where the mask changes within `reach` pixels, else 0 (soft masks: in between)."""
    return _spread(target, reach) + _spread(-target, reach)


def _spread(x: Tensor, reach: int) -> Tensor:
    """Largest value nearby; rows and columns in turn cost less than a square."""
    x = F.max_pool2d(x, (2 * reach + 1, 1), 1, (reach, 0))
    return F.max_pool2d(x, (1, 2 * reach + 1), 1, (0, reach))
