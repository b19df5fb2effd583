"""The page that explains every error code; replies link to it."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from starlette.responses import HTMLResponse

from protocol.codes import parameter_names
from protocol.errors import CutwireError
from protocol.task_errors import CODES, code_of

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "td,th{text-align:left;padding:.3rem 1rem .3rem 0;vertical-align:top}"
    "code{font-family:ui-monospace,monospace}tbody:is(:target,:has(:target)){background:#fd6}"
    "@media(prefers-color-scheme:dark){body{background:#111;color:#ddd}"
    "tbody:is(:target,:has(:target)){color:#111}}"
)


def error_page() -> HTMLResponse:
    """List every code with its HTTP status and meaning."""
    meanings: dict[str, list[type[CutwireError]]] = {}
    for kind, (code, _) in CODES.items():
        meanings.setdefault(code, []).append(kind)
    rows = "".join(_rows(code, kinds) for code, kinds in meanings.items())
    return HTMLResponse(
        "<!doctype html><html lang=en><meta charset=utf-8><title>Errors of Cutwire</title>"
        f"<style>{_STYLE}</style><h1>Errors</h1>"
        "<p>An error names the parameter it is about, what was wrong and what is allowed. "
        "<code>{Parameter}</code> stands for that name: <code>invalidInputImage</code>.</p>"
        "<table><tr><th>code<th>HTTP<th>meaning</tr>" + rows + "</table></html>",
        headers={"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"},
    )


def _rows(code: str, kinds: list[type[CutwireError]]) -> str:
    """Show a code once, with all that it can mean: a link names no more than the code."""
    anchors = "".join(f"<a id='{name}'></a>" for name in _names(kinds[0], code))
    head = f"<td rowspan={len(kinds)}>{anchors}<code>{escape(code)}</code>"
    cells = [f"<td>{CODES[kind][1]}<td>{escape((kind.__doc__ or '').strip())}" for kind in kinds]
    return f"<tbody id='{escape(code)}'><tr>{head}{'</tr><tr>'.join(cells)}</tr></tbody>"


def _names(kind: type[CutwireError], code: str) -> Iterator[str]:
    """Yield what replies call an error that has a parameter's name in its code."""
    if "{" not in code:
        return
    has_own_row = {own for own, _ in CODES.values()}
    for parameter in parameter_names():
        name = code_of(kind("", parameter=parameter))
        if name not in has_own_row:
            yield name
