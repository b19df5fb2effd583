"""What the pages do not say themselves: tables made from the code, pictures made by it.

A page writes `{{ name argument }}` on a line of its own; `TABLES` says who answers.
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from generate.gallery import draw_galleries, gallery
from generate.tables import (
    ROOT,
    catalogue,
    command_line,
    costs,
    errors,
    model_card,
    newcomer,
    parameters,
    prices,
    results,
    settings,
)
from mkdocs.structure.files import File, Files

TABLES: dict[str, Callable[..., str]] = {
    "catalogue": catalogue,
    "command-line": command_line,
    "costs": costs,
    "errors": errors,
    "model-card": model_card,
    "newcomer": newcomer,
    "parameters": parameters,
    "prices": prices,
    "results": results,
    "settings": settings,
}
_CALL = re.compile(r"^\{\{ ([a-z-]+)(?: ([\w./-]+))? \}\}$", re.MULTILINE)
_drawn: list[tempfile.TemporaryDirectory[str]] = []


def on_files(files: Files, config: Any) -> Files:
    """Draw the galleries, and add their pictures and the benchmarks' to the site."""
    folder = tempfile.TemporaryDirectory(prefix="cutwire-docs-")
    _drawn.append(folder)
    draw_galleries(Path(folder.name))
    for path in sorted(Path(folder.name).iterdir()):
        files.append(File.generated(config, f"pictures/{path.name}", abs_src_path=str(path)))
    for path in sorted((ROOT / "benchmarks" / "results").glob("*.png")):
        files.append(File.generated(config, f"figures/{path.name}", abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Put tables and galleries in place of their names."""

    def answer(found: re.Match[str]) -> str:
        name, argument = found.groups()
        if name == "gallery":
            return gallery(argument, root="../" * page.url.count("/"))
        if name not in TABLES:
            raise KeyError(f"{page.file.src_path}: there is no table {name!r}")
        return TABLES[name](argument) if argument else TABLES[name]()

    return _CALL.sub(answer, markdown)


def on_post_build(**_: Any) -> None:
    """Take the pictures' folders away."""
    while _drawn:
        _drawn.pop().cleanup()
