"""Into which pieces does a picture fall by its colours: a segmentation, and a hierarchy of it.

The pieces are those of Felzenszwalb and Huttenlocher (2004); the hierarchy joins the two adjacent
pieces that differ least, again and again, so that an object of several colours is some node of it.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from inference.steps.morphology import Flags

Planes = NDArray[np.float32]
Labels = NDArray[np.int32]

_SIZE_POWER = 0.3  # how much sooner small pieces are joined than large ones


def segment_graph(colours: Planes, *, scale: float, smallest: int) -> Labels:
    """Label h×w×3 colours 0…n-1: pieces that differ from their neighbours more than within.

    `scale` makes pieces larger; pieces below `smallest` pixels are joined to a neighbour.
    """
    height, width = colours.shape[:2]
    first, second, apart = _edges(colours)
    order = np.argsort(apart, kind="stable")
    edges = list(
        zip(first[order].tolist(), second[order].tolist(), apart[order].tolist(), strict=True)
    )
    forest = _Forest(height * width, scale)
    for one, other, weight in edges:
        forest.join_if_alike(one, other, weight)
    for one, other, _ in edges:
        forest.join_if_small(one, other, smallest)
    roots = np.array([forest.root(pixel) for pixel in range(height * width)])
    _, labels = np.unique(roots, return_inverse=True)
    return labels.reshape(height, width).astype(np.int32)


class _Forest:
    """Disjoint sets of pixels, and for each the largest difference that may still join it."""

    def __init__(self, count: int, scale: float) -> None:
        self._parent = list(range(count))
        self._size = [1] * count
        self._limit = [scale] * count
        self._scale = scale

    def root(self, item: int) -> int:
        """Return the set's representative, shortening the way there."""
        parent = self._parent
        while parent[item] != item:
            parent[item] = parent[parent[item]]
            item = parent[item]
        return item

    def join_if_alike(self, one: int, other: int, weight: float) -> None:
        """Join two sets if the edge between them is no steeper than what they hold already."""
        one, other = self.root(one), self.root(other)
        if one != other and weight <= self._limit[one] and weight <= self._limit[other]:
            self._join(one, other)
            self._limit[one] = weight + self._scale / self._size[one]

    def join_if_small(self, one: int, other: int, smallest: int) -> None:
        """Join two sets if either is too small to stand alone."""
        one, other = self.root(one), self.root(other)
        if one != other and min(self._size[one], self._size[other]) < smallest:
            self._join(one, other)

    def _join(self, one: int, other: int) -> None:
        self._parent[other] = one
        self._size[one] += self._size[other]


def _edges(colours: Planes) -> tuple[Labels, Labels, Planes]:
    """Return both ends and the difference of each pair of neighbours, right and below."""
    height, width = colours.shape[:2]
    places = np.arange(height * width, dtype=np.int32).reshape(height, width)
    right = np.linalg.norm(colours[:, 1:] - colours[:, :-1], axis=2)
    below = np.linalg.norm(colours[1:] - colours[:-1], axis=2)
    return (
        np.concatenate([places[:, :-1].ravel(), places[:-1].ravel()]),
        np.concatenate([places[:, 1:].ravel(), places[1:].ravel()]),
        np.concatenate([right.ravel(), below.ravel()]).astype(np.float32),
    )


def hierarchy(colours: Planes, labels: Labels) -> Iterator[Flags]:
    """Yield the h×w masks of all pieces, and of all that arise as they are joined."""
    count = int(labels.max()) + 1
    flat = labels.ravel()
    sizes = np.bincount(flat, minlength=count).astype(np.float64)
    weighted = [np.bincount(flat, colours[..., band].ravel(), count) for band in range(3)]
    sums = np.stack(weighted, axis=1).astype(np.float64)
    touches = _adjacency(labels, count)
    members = [labels == label for label in range(count)]
    yield from members
    for _ in range(count - 2):
        one, other = _closest(sums, sizes, touches)
        if one == other:
            return
        sums[one] += sums[other]
        sizes[one] += sizes[other]
        touches[one] |= touches[other]
        touches[:, one] |= touches[:, other]
        touches[other] = touches[:, other] = touches[one, one] = False
        members[one] = members[one] | members[other]
        yield members[one]


def _adjacency(labels: Labels, count: int) -> Flags:
    touches = np.zeros((count, count), np.bool_)
    for one, other in ((labels[:, 1:], labels[:, :-1]), (labels[1:], labels[:-1])):
        touches[one, other] = touches[other, one] = True
    np.fill_diagonal(touches, False)
    return touches


def _closest(
    sums: NDArray[np.float64], sizes: NDArray[np.float64], touches: Flags
) -> tuple[int, int]:
    one, other = np.nonzero(touches)
    if one.size == 0:
        return 0, 0
    means = sums / np.maximum(sizes, 1)[:, np.newaxis]
    apart = np.linalg.norm(means[one] - means[other], axis=1)
    cost = apart * np.minimum(sizes[one], sizes[other]) ** _SIZE_POWER
    best = int(cost.argmin())
    return int(one[best]), int(other[best])
