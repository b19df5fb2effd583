"""Tables made from the code: parameters, settings, errors, prices, models, commands, figures."""

from __future__ import annotations

import argparse
import ast
import inspect
import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, get_args

import msgspec
from msgspec import NODEFAULT, UNSET, UnsetType

from inference.config import Secret
from inference.models import Catalogue, ModelSettings
from protocol import edits
from protocol.constraints import constraint_of
from protocol.edit_errors import ROWS
from protocol.task_errors import CODES
from protocol.tasks import Message, PictureTask
from server.cli import make_parser
from server.commands.check_config import price_table
from server.pricing import PriceSettings
from server.settings import Settings

ROOT = Path(__file__).parents[2]
_RESULTS = ROOT / "benchmarks" / "results"
_STRUCTS = {str(kind.__struct_config__.tag): kind for kind in get_args(Message)} | {
    kind.__name__: kind for kind in vars(edits).values() if inspect.isclass(kind)
}


def parameters(name: str) -> str:
    """List the parameters of an edit endpoint, or those that a task type has of its own."""
    kind = PictureTask if name == "common" else _STRUCTS[name]
    shared = PictureTask.__struct_fields__ if issubclass(kind, PictureTask) else ()
    rows = []
    for field in msgspec.structs.fields(kind):
        if kind is not PictureTask and field.name in shared:
            continue
        allowed = constraint_of(field)
        if allowed.allowed_values:
            range_ = ", ".join(f"`{value}`" for value in allowed.allowed_values)
        elif allowed.min is not None or allowed.max is not None:
            range_ = f"{allowed.min} to {allowed.max:,}"
        else:
            range_ = ""
        rows.append((f"`{field.encode_name}`", allowed.type or "", range_, _default(field)))
    return _table(("parameter", "type", "allowed", "default"), rows)


def settings() -> str:
    """List every setting with its default and what its declaration says of it."""
    parts = []
    for section, kind in _sections():
        rows = [
            (f"`{name}`", f"`{shown}`", told.replace("\n", " ").replace("|", "\\|"))
            for name, shown, told in _fields(kind, "")
        ]
        title = f"### `{section}`" if section else "### At the top"
        told = inspect.getdoc(kind) or ""
        parts.append(f"{title}\n\n{told}\n\n" + _table(("setting", "default", ""), rows))
    return "\n\n".join(parts)


def errors() -> str:
    """List every error with its code in the task array and its status at the edit endpoints."""
    rows = [
        (f"`{code}`", str(status), str(ROWS[kind][0]), (kind.__doc__ or "").strip())
        for kind, (code, status) in CODES.items()
    ]
    return _table(("code", "HTTP, task array", "HTTP, edit endpoints", "meaning"), rows)


def prices() -> str:
    """Show the default price table and its formula."""
    return f"```text\n{price_table(PriceSettings())}```"


def catalogue() -> str:
    """List the models that the catalogue knows."""
    rows = [
        (
            f"`{row.name}`",
            row.task,
            "comes with the service" if row.is_packaged else "`cutwire models pull`",
            row.licence or "",
            " x ".join(map(str, row.size)) if row.size else "from the file",
        )
        for row in Catalogue(ModelSettings()).rows()
    ]
    return _table(("model", "for", "how it comes", "licence", "input"), rows)


def model_card() -> str:
    """Show the card that lies beside the weights."""
    card = (ROOT / "inference" / "weights" / "embedded.md").read_text()
    return re.sub(r"\[([^]]+)\]\(\.\./[^)]+\)", r"\1", card)  # its neighbours are no pages


def command_line() -> str:
    """Show the help of every command."""
    parts = []
    for name, parser in _commands(make_parser()):
        parts.append(f"## `cutwire {name}`\n\n```text\n{parser.format_help()}```")
    return "\n\n".join(parts)


def results(name: str) -> str:
    """Show the tables of a benchmark that are committed."""
    return (_RESULTS / name).read_text()


def costs() -> str:
    """Tell what a cut-out takes, as it was measured: stage by stage, under load, at the start."""
    figures = json.loads((_RESULTS / "service.json").read_text())
    alone, many, start = figures["one_client"], figures["many_clients"], figures["start"]
    rows = [
        ("one client, p50", f"{alone['client_p50_ms']:g} ms"),
        *((f"· {stage}", f"{took_ms:g} ms") for stage, took_ms in alone["stages_p50_ms"].items()),
        (
            f"{many['clients']} clients, 1.5 megapixels, p50 and p95",
            f"{many['p50_s']:g} s, {many['p95_s']:g} s",
        ),
        ("· CPU time a task", f"{1000 * many['cpu_s_per_task']:.0f} ms"),
        ("· memory before, and at most", f"{many['idle_mb']} MB, {many['peak_mb']} MB"),
        ("start, until it takes tasks", f"{start['ready_s']:g} s"),
        ("start, until the first result", f"{start['first_result_s']:g} s"),
        ("`cutwire run` for one picture", f"{start['run_one_picture_s']:g} s"),
    ]
    return (
        "A JPEG of one megapixel becomes a PNG cut-out, by the embedded network "
        f"({figures['machine']}; `python -m benchmarks service`):\n\n" + _table(("", ""), rows)
    )


def newcomer() -> str:
    """Tell how long the way from the clone to the first cut-out takes, where that was measured."""
    path = _RESULTS / "newcomer.json"
    if not path.exists():
        return ""
    figures = json.loads(path.read_text())
    rows = [(step, f"{took_s:g} s") for step, took_s in figures["seconds"].items()]
    return (
        f"From `git clone` to the first cut-out in the browser: {figures['in_all_s']:g} s "
        f"({figures['machine']}; packages {figures['packages']}; `python -m benchmarks newcomer`). "
        "Nearly all of it is done once: `again` is a second start.\n\n" + _table(("step", ""), rows)
    )


def _commands(parser: argparse.ArgumentParser, depth: int = 1) -> Iterator[tuple[str, Any]]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, command in action.choices.items():
                yield name, command
                if depth and name not in ("run", "models", "keys", "engine"):
                    continue
                for below, one in _commands(command, 0):
                    yield f"{name} {below}", one


def _sections() -> Iterator[tuple[str, type[msgspec.Struct]]]:
    yield "", Settings
    for field in msgspec.structs.fields(Settings):
        if inspect.isclass(field.type) and issubclass(field.type, msgspec.Struct):
            yield field.name, field.type


def _fields(kind: type[msgspec.Struct], prefix: str) -> Iterator[tuple[str, str, str]]:
    told = _told(kind)
    for field in msgspec.structs.fields(kind):
        is_section = inspect.isclass(field.type) and issubclass(field.type, msgspec.Struct)
        if is_section and kind is Settings:
            continue
        if is_section:
            yield from _fields(field.type, f"{prefix}{field.name}.")
            continue
        yield f"{prefix}{field.name}", _default(field).strip("`"), told.get(field.name, "")


@cache
def _told(kind: type[msgspec.Struct]) -> dict[str, str]:
    """Read the strings that stand below the fields of a struct."""
    (node,) = ast.parse(inspect.getsource(kind)).body
    assert isinstance(node, ast.ClassDef)
    told = {}
    for field, after in zip(node.body, node.body[1:], strict=False):
        is_string = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
        if isinstance(field, ast.AnnAssign) and is_string:
            assert isinstance(field.target, ast.Name)
            told[field.target.id] = inspect.cleandoc(str(after.value.value))
    return told


def _default(field: msgspec.structs.FieldInfo) -> str:
    value = field.default
    if value is NODEFAULT and field.default_factory is not NODEFAULT:
        value = field.default_factory()
    if value is NODEFAULT:
        return "required"
    if value is UNSET or isinstance(value, UnsetType):
        return "–"
    return f"`{msgspec.json.encode(value, enc_hook=_hidden).decode()}`"


def _hidden(value: object) -> str:
    return "" if isinstance(value, Secret) else str(value)


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
