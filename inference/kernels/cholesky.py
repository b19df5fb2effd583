"""Which triangular matrix times its transpose is nearly a sparse symmetric one.

Incomplete Cholesky by columns, each drawing on the earlier ones that reach its row, which hang in a
list of that row (Jones and Plassmann 1995). Small entries are dropped, by the size that they have.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from inference.kernels.kernel import byte, double, integer, place, reads, writes
from inference.kernels.kernel import exact_kernel as kernel
from inference.kernels.kernel import exact_part as part

Places = NDArray[np.int32]
Doubles = NDArray[np.float64]

INDEFINITE, FULL = -1, -2


@part
def _sort(rows: Places, count: int) -> None:
    """Sort the first entries; what is drawn from one column is in order already."""
    for last in range(1, count):
        row, slot = rows[np.uintp(last)], last
        while slot > 0 and rows[np.uintp(slot - 1)] > row:
            rows[np.uintp(slot)] = rows[np.uintp(slot - 1)]
            slot -= 1
        rows[np.uintp(slot)] = row


def factorise(
    data: Doubles,
    indices: Places,
    starts: Places,
    least: float,
    shift: float,
    values: Doubles,
    rows: Places,
    ends: Places,
) -> int:
    """Write the columns of the triangle, the diagonal first; return how many entries it has.

    The symmetric matrix is given by columns, n+1 starts; `ends` is n+1 too, all 0 at first. Entries
    below `least` are dropped; `shift` is added to the diagonal. Returns INDEFINITE where a pivot is
    not positive, FULL where `values` and `rows` are too small. Products, sums and their order are
    those of pymatting's `ichol`, so that all digits are the same.
    """
    count = starts.size - 1
    reals = np.full(count, shift), np.zeros(count)
    is_there, found = np.zeros(count, np.uint8), np.empty(count, np.int32)
    lists = np.full(count, -1, np.int32), np.full(count, -1, np.int32), np.zeros(count, np.int32)
    columns = data, indices, starts, least
    return _factorise(*columns, *reals, is_there, found, *lists, values, rows, ends)


@kernel(
    *(reads(double, 1), reads(place, 1), reads(place, 1), double),
    *(writes(double, 1), writes(double, 1), writes(byte, 1), *[writes(place, 1)] * 4),
    *(writes(double, 1), writes(place, 1), writes(place, 1)),
    returns=integer,
)
def _factorise(
    data: Doubles,
    indices: Places,
    starts: Places,
    least: float,
    diagonal: Doubles,
    column: Doubles,
    is_there: NDArray[np.uint8],
    found: Places,
    heads: Places,
    links: Places,
    nexts: Places,
    values: Doubles,
    rows: Places,
    ends: Places,
) -> int:
    """`heads` and `links` list the columns that reach a row next, `nexts` by which entry."""
    count, size = starts.size - 1, 0
    for j in range(count):
        for entry in range(starts[j], starts[j + 1]):
            if indices[entry] == j:
                diagonal[j] += data[entry]
    for j in range(count):
        members = 0
        for entry in range(starts[j], starts[j + 1]):
            i = np.uintp(indices[entry])
            if indices[entry] > j and data[entry] != 0:
                column[i] += data[entry]
                is_there[i] = 1
                found[np.uintp(members)] = indices[entry]
                members += 1
        earlier = heads[j]
        while earlier != -1:
            following = links[earlier]
            entry, stop = nexts[earlier], ends[earlier + 1]
            factor = values[entry]
            entry += 1
            if entry < stop:
                nexts[earlier] = entry
                links[earlier], heads[rows[entry]] = heads[rows[entry]], earlier
            for other in range(entry, stop):
                i = np.uintp(rows[np.uintp(other)])
                column[i] -= values[np.uintp(other)] * factor
                if not is_there[i]:
                    is_there[i] = 1
                    found[np.uintp(members)] = rows[np.uintp(other)]
                    members += 1
            earlier = following
        if diagonal[j] <= 0:
            return INDEFINITE
        if size + 1 + members > values.size:
            return FULL
        pivot = np.sqrt(diagonal[j])
        values[size], rows[size] = pivot, j
        size += 1
        first = size
        _sort(found, members)
        for member in range(members):
            i = np.uintp(found[np.uintp(member)])
            value = column[i] / pivot
            diagonal[i] -= value * value
            if abs(value) > least:
                values[np.uintp(size)], rows[np.uintp(size)] = value, found[np.uintp(member)]
                size += 1
            column[i] = 0
            is_there[i] = 0
        ends[j + 1] = size
        if first < size:
            nexts[j] = first
            links[j], heads[rows[first]] = heads[rows[first]], j
    return size


@kernel(reads(double, 1), reads(place, 1), reads(place, 1), writes(double, 1))
def substitute(values: Doubles, rows: Places, ends: Places, vector: Doubles) -> None:
    """Divide a vector by the triangle and by its transpose, in place."""
    count = vector.size
    for j in range(count):
        vector[j] /= values[ends[j]]
        known = vector[j]
        for entry in range(ends[j] + 1, ends[j + 1]):
            vector[np.uintp(rows[np.uintp(entry)])] -= values[np.uintp(entry)] * known
    for j in range(count - 1, -1, -1):
        total = vector[j]
        for entry in range(ends[j] + 1, ends[j + 1]):
            total -= values[np.uintp(entry)] * vector[np.uintp(rows[np.uintp(entry)])]
        vector[j] = total / values[ends[j]]
