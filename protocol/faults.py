"""An error as data, to cross to another process."""

from __future__ import annotations

import msgspec

from protocol.errors import ANYTHING, Constraint, CutwireError, InternalError, RateLimited


class Fault(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An error as data, to cross to another process."""

    kind: str
    message: str
    parameter: str | None = None
    constraint: Constraint = ANYTHING
    detail: str = ""
    retry_after_s: float = 0.0
    """When to come back, of an error that says so."""

    @classmethod
    def of(cls, error: CutwireError) -> Fault:
        """Describe an error."""
        return cls(
            kind=type(error).__name__,
            message=error.message,
            parameter=error.parameter,
            constraint=error.constraint,
            detail=error.detail,
            retry_after_s=error.retry_after_s if isinstance(error, RateLimited) else 0.0,
        )

    def error(self) -> CutwireError:
        """Rebuild the error; an unknown kind becomes an InternalError."""
        kinds = {kind.__name__: kind for kind in CutwireError.family()}
        kind = kinds.get(self.kind, InternalError)
        if kind is RateLimited:
            return RateLimited(self.message, retry_after_s=self.retry_after_s, detail=self.detail)
        return kind(
            self.message,
            parameter=self.parameter,
            constraint=self.constraint,
            detail=self.detail,
        )
