"""The page that explains every error code; replies link to it."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import get_args

import msgspec
from starlette.responses import HTMLResponse

from protocol.errors import CutwireError
from protocol.task_errors import CODES, code_of
from protocol.tasks import Message
from protocol.tasks.common import Safety

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "td,th{text-align:left;padding:.3rem 1rem .3rem 0;vertical-align:top}"
    "code{font-family:ui-monospace,monospace}:target,tr:has(:target){background:#fd6}"
    "@media(prefers-color-scheme:dark){body{background:#111;color:#ddd}:target,tr:has(:target){color:#111}}"
)


def error_page() -> HTMLResponse:
    """List every code with its HTTP status and meaning."""
    rows = "".join(_row(kind, *CODES[kind]) for kind in CODES)
    return HTMLResponse(
        "<!doctype html><html lang=en><meta charset=utf-8><title>Errors of Cutwire</title>"
        f"<style>{_STYLE}</style><h1>Errors</h1>"
        "<p>An error names the parameter it is about, what was wrong and what is allowed. "
        "<code>{Parameter}</code> stands for that name: <code>invalidInputImage</code>.</p>"
        "<table><tr><th>code<th>HTTP<th>meaning</tr>" + rows + "</table></html>",
        headers={"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"},
    )


def _row(kind: type[CutwireError], code: str, status: int) -> str:
    meaning = (kind.__doc__ or "").strip()
    anchors = "".join(f"<a id='{name}'></a>" for name in _names(kind, code))
    return (
        f"<tr id='{escape(code)}'><td>{anchors}<code>{escape(code)}</code>"
        f"<td>{status}<td>{escape(meaning)}</tr>"
    )


def _names(kind: type[CutwireError], code: str) -> Iterator[str]:
    """Yield what replies call an error that has a parameter's name in its code."""
    if "{" in code:
        yield from (code_of(kind("", parameter=parameter)) for parameter in _parameters())


def _parameters() -> list[str]:
    """List the wire name of everything that an error can be about."""
    names = {"taskType"}
    for kind in (*get_args(Message), Safety):
        names |= {field.encode_name for field in msgspec.structs.fields(kind)}
        names |= set(getattr(kind, "GROUPS", {}))
    return sorted(names)
