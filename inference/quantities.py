"""How large may a number in the settings be? Kinds that many settings share.

Each ends on both sides: what lies outside is a slip, or the `inf` or `nan` that TOML knows, and
would break the service where it is used.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from msgspec import Meta

MOST = 2**31 - 1
LONGEST_S = 10 * 366 * 24 * 3600

Count = Annotated[int, Meta(ge=1, le=MOST)]
CountOrNone = Annotated[int, Meta(ge=0, le=MOST)]
"""0 is a count too: what it means the setting says, where it is not just none."""
Bytes = Annotated[int, Meta(ge=1, le=2**60)]
BytesOrNone = Annotated[int, Meta(ge=0, le=2**60)]
Seconds = Annotated[float, Meta(gt=0, le=LONGEST_S)]
SecondsOrNone = Annotated[float, Meta(ge=0, le=LONGEST_S)]


def check_amount(name: str, amount: Decimal) -> None:
    """Raise ValueError for a negative amount, an endless one, and one that is no number."""
    if not amount.is_finite() or amount < 0:
        raise ValueError(f"{name} is {amount}; allowed: a decimal number >= 0")
