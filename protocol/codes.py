"""Which codes can errors have? Those of every class, and of every parameter that they can name."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import get_args

import msgspec

from protocol.edits import Edit
from protocol.task_errors import CODES, code_of
from protocol.tasks import Message
from protocol.tasks.common import Safety


@functools.cache
def parameter_names() -> tuple[str, ...]:
    """List the wire name of everything that an error of a task can be about."""
    names = {"taskType"}
    for kind in (*get_args(Message), Safety):
        names |= {field.encode_name for field in msgspec.structs.fields(kind)}
        names |= set(getattr(kind, "GROUPS", {}))
    return tuple(sorted(names))


@functools.cache
def known_codes() -> frozenset[str]:
    """List every code but those that name what only a client knows, such as a key given twice."""
    codes = {code for code, _ in CODES.values() if "{" not in code}
    names = {*parameter_names(), "api_token", *_members_of_edits(Edit)}
    for kind, (code, _) in CODES.items():
        if "{" in code:
            codes |= {code_of(kind("", parameter=name)) for name in names}
    return frozenset(codes)


def _members_of_edits(kind: type[Edit]) -> Iterator[str]:
    yield from (field.encode_name for field in msgspec.structs.fields(kind))
    for below in kind.__subclasses__():
        yield from _members_of_edits(below)
