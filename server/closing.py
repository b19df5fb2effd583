"""With which code does a connection end, and how does its reading loop say so?"""

from __future__ import annotations

SERVICE_RESTART = 1012
POLICY_VIOLATION = 1008
UNSUPPORTED_DATA = 1003
INTERNAL_ERROR = 1011
NORMAL = 1000
ABNORMAL_CLOSURE = 1006
TOO_BIG = 1009
TRY_AGAIN_LATER = 1013


class Closing(Exception):  # noqa: N818 - not an error: the way out of the reading loop
    """The connection is to be closed with this code."""

    def __init__(self, code: int, reason: str = "") -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
