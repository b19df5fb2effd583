"""Which models are there, under which names, and which of them are on this machine?"""

from __future__ import annotations

from pathlib import Path

import msgspec
from msgspec.structs import replace

from inference.config import SettingsError
from inference.models.disk import Folders, check_file, remedy
from inference.models.public import DEFAULT_NAME, PUBLIC_ALIASES, PUBLIC_ROWS
from inference.models.row import Row, Task
from inference.quantities import Bytes, BytesOrNone, Count, Seconds, SecondsOrNone
from protocol.errors import Constraint, ModelUnavailable, Scalar, UnsupportedParameter

EMBEDDED_FILL = "embedded"


class ModelSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Models: folders, defaults per task, names, pulling, memory."""

    directory: str = "~/.cache/cutwire/models"
    """Where `cutwire models pull` puts them."""
    read_only: tuple[str, ...] = ()
    """Further folders to look in."""
    segment: str = "embedded"
    """The model of a task that names none."""
    inpaint: str = ""
    """The same for imageErase; empty: the patch fill, which needs no model."""
    rows: tuple[Row, ...] = ()
    """Models beside the public ones; one of the same name takes its place."""
    aliases: dict[str, str] = msgspec.field(default_factory=dict)
    """Further names of models, as clients send them."""
    rembg_exact: tuple[str, ...] = ()
    """Models that run bit for bit as rembg runs them."""
    memory_bytes: BytesOrNone = 0
    """For all loaded models; the one used longest ago leaves. 0: half of this machine's."""
    retry_load_after_s: SecondsOrNone = 5.0
    """How long a model that did not load is refused before it is tried again."""
    offline: bool = False
    """Whether pulling is forbidden."""
    mirrors: tuple[str, ...] = ()
    """Where models are pulled from before their publishers are asked."""
    pull_limit_bytes: Bytes = 4 * 2**30
    """Of one model file."""
    pull_tries: Count = 5
    """Each goes on where the one before ended."""
    pull_timeout_s: Seconds = 30.0
    """Without a byte, before a pull is tried again."""


class Catalogue:
    """All rows by name; knows aliases, and which files this machine has."""

    def __init__(self, settings: ModelSettings) -> None:
        self.settings = settings
        self.folders = Folders(
            Path(settings.directory).expanduser(),
            tuple(Path(folder).expanduser() for folder in settings.read_only),
        )
        self._rows = {row.name: row for row in (*PUBLIC_ROWS, *settings.rows)}
        self._aliases = {**PUBLIC_ALIASES, **settings.aliases}
        for name in settings.rembg_exact:
            self._rows[name] = _as_rembg(self._named("rembg_exact", name))
        for alias, name in self._aliases.items():
            if name != DEFAULT_NAME:
                self._named(f"aliases.{alias}", name)
        for task in ("segment", "inpaint"):
            if getattr(settings, task):
                self._check_default(task)

    def rows(self, task: Task | None = None) -> list[Row]:
        """Return every row, or those of one task."""
        return [row for row in self._rows.values() if task in {None, row.task}]

    def available(self, task: Task | None = None) -> list[Row]:
        """Return the rows whose files are on this machine."""
        return [row for row in self.rows(task) if self.folders.find(row)]

    def find(self, name: str = "", task: Task = "segment") -> Row:
        """Return the row that a client means by this name; no name means the task's default."""
        target = self._aliases.get(name, name) if name else DEFAULT_NAME
        if target == DEFAULT_NAME:
            target = self._default(task)
        row = self._rows.get(target)
        if row is None or row.task != task:
            raise UnsupportedParameter(
                f"Model '{name}' is not offered for this task.",
                parameter="model",
                constraint=Constraint(type="string", allowed_values=self._allowed(task)),
            )
        return row

    def find_fill(self, name: str = "") -> Row | None:
        """Return the inpainting row that a client means; None: the fill that needs no model.

        That one is called `embedded`, and is the default unless the settings name a model.
        """
        target = self._aliases.get(name, name) if name else DEFAULT_NAME
        is_default = target == DEFAULT_NAME and not self.settings.inpaint
        return None if is_default or target == EMBEDDED_FILL else self.find(name, "inpaint")

    def named(self, name: str) -> Row:
        """Return the row of this name or alias, whatever its task, as the command line asks."""
        target = self._aliases.get(name, name)
        target = self.settings.segment if target == DEFAULT_NAME else target
        if target not in self._rows:
            known = ", ".join(self._rows)
            raise ModelUnavailable(f"There is no model '{name}'. Known: {known}.")
        return self._rows[target]

    def path(self, row: Row) -> Path:
        """Return the row's file; raise ModelUnavailable, saying how to get it, if it is absent."""
        path = self.folders.find(row)
        if path is None:
            raise ModelUnavailable(
                f"Model '{row.name}' is not on this machine; {remedy(row)}",
                detail=f"no {self.folders.target(row)}",
            )
        return path

    def check(self, row: Row) -> str:
        """Return the sha256 of the row's file; raise ModelUnavailable if absent or altered."""
        return check_file(self.path(row), row)

    def _default(self, task: Task) -> str:
        name: str = getattr(self.settings, task, "")
        if not name:
            raise ModelUnavailable(
                "No model is configured for this task.",
                detail=f"the setting models.{task} is empty",
            )
        return name

    def _allowed(self, task: Task) -> list[Scalar]:
        here = [row.name for row in self.available(task)]
        if task == "inpaint":
            here = [EMBEDDED_FILL, *here]
        return [*here, *(row.name for row in self.rows(task) if row.name not in here)]

    def _check_default(self, task: Task) -> None:
        row = self._named(task, getattr(self.settings, task))
        if row.task != task:
            fit = ", ".join(each.name for each in self.rows(task))
            raise SettingsError(
                f"models.{task} names '{row.name}', which does {row.task}; allowed: {fit}"
            )

    def _named(self, setting: str, name: str) -> Row:
        if name not in self._rows:
            known = ", ".join(self._rows)
            raise SettingsError(
                f"models.{setting} names '{name}', which is no model; allowed: {known}"
            )
        return self._rows[name]


def _as_rembg(row: Row) -> Row:
    if row.task != "segment" or row.layout != "NCHW" or row.dtype != "float32":
        raise SettingsError(f"models.rembg_exact: rembg cannot run '{row.name}'")
    return replace(row, is_rembg_exact=True)
