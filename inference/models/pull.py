"""How does a model come onto this machine: pulled, checked, and only then moved into place."""

from __future__ import annotations

import contextlib
import errno
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx

from inference.models.catalogue import Catalogue
from inference.models.disk import check_file, exclusive, part_trouble, place, record_sha256, remedy
from inference.models.download import (
    BrokenOffError,
    Download,
    OpenFile,
    Progress,
    RefusedError,
    fetch,
    open_file,
)
from inference.models.row import Row
from protocol.errors import ModelUnavailable

_FIRST_WAIT_S = 1.0
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_UNWRITABLE = {errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR}


def ignore_progress(have: int, total: int | None) -> None:
    """Show nothing: `have` bytes are here of `total`, where that is known."""


@dataclass(frozen=True, slots=True)
class Puller:
    """Pulls models; blocks its thread, so it belongs to the command line, not to the event loop."""

    catalogue: Catalogue
    client: httpx.Client
    wait: Callable[[float], None] = time.sleep
    opened: OpenFile = open_file

    def pull(self, name: str, progress: Progress = ignore_progress) -> Path:
        """Return the model's checked file, downloaded if need be; raises ModelUnavailable."""
        row = self.catalogue.named(name)
        target = self.catalogue.folders.target(row)
        good = self._good_file(row)
        if good is not None:
            return good
        self._check_allowed(row)
        with _disk_troubles(row, target):
            target.parent.mkdir(parents=True, exist_ok=True)
            with exclusive(target):
                # Another puller may have finished while we waited for the lock.
                return self._good_file(row) or self._download(row, target, progress)

    def _good_file(self, row: Row) -> Path | None:
        path = self.catalogue.folders.find(row)
        if path is None:
            return None
        try:
            check_file(path, row)
        except ModelUnavailable:
            if row.is_packaged:
                raise
            return None
        return path

    def _check_allowed(self, row: Row) -> None:
        if not row.can_be_pulled:
            raise ModelUnavailable(f"Model '{row.name}' cannot be pulled; {remedy(row)}")
        if self.catalogue.settings.offline:
            raise ModelUnavailable(
                f"Model '{row.name}' is not pulled: the setting models.offline is on. "
                f"Bring its file '{Path(row.file).name}' into the models directory by hand.",
                detail=row.url,
            )

    def _download(self, row: Row, target: Path, progress: Progress) -> Path:
        settings = self.catalogue.settings
        part = target.with_name(f"{target.name}.part")
        mirrors = [f"{mirror.rstrip('/')}/{Path(row.file).name}" for mirror in settings.mirrors]
        troubles: list[str] = []
        for url in (*mirrors, row.url):
            if not (row.sha256 or row.md5):
                # Nothing could tell two halves of different files apart.
                part.unlink(missing_ok=True)
            wanted = Download(
                url=url,
                part=part,
                file_bytes=row.file_bytes,
                limit_bytes=row.file_bytes or settings.pull_limit_bytes,
            )
            try:
                self._bring(row, wanted, progress)
            except RefusedError as exc:
                part.unlink(missing_ok=True)
                troubles.append(f"{url}: {exc}")
            except BrokenOffError as exc:
                troubles.append(f"{url}: {exc}")
            else:
                record_sha256(part, target)
                place(part, target)
                return target
        raise ModelUnavailable(
            f"Model '{row.name}' could not be pulled: {_last_reason(troubles)}.",
            detail="; ".join(troubles),
        )

    def _bring(self, row: Row, wanted: Download, progress: Progress) -> None:
        for left in reversed(range(self.catalogue.settings.pull_tries)):
            is_resumed = False
            try:
                _check_room(wanted)
                is_resumed = fetch(self.client, wanted, progress, self.opened)
                _check_part(row, wanted.part)
            except BrokenOffError as exc:
                if not left:
                    raise
                tried = self.catalogue.settings.pull_tries - left - 1
                self.wait(exc.retry_after_s or _FIRST_WAIT_S * 2**tried)
            except _ChecksumError as exc:
                wanted.part.unlink(missing_ok=True)
                # An old beginning may be of another file: once more, from the first byte.
                if not (is_resumed and left):
                    raise RefusedError(str(exc)) from exc
            else:
                return


class _ChecksumError(Exception):
    """What came is not the file."""


def _check_part(row: Row, part: Path) -> None:
    trouble = part_trouble(part, row)
    if trouble:
        raise _ChecksumError(f"wrong checksum, deleted ({trouble})")


def _check_room(wanted: Download) -> None:
    have = wanted.part.stat().st_size if wanted.part.exists() else 0
    if shutil.disk_usage(wanted.part.parent).free < wanted.file_bytes - have:
        raise OSError(errno.ENOSPC, "no room for the whole file")


def _last_reason(troubles: list[str]) -> str:
    if any("wrong checksum" in trouble for trouble in troubles):
        return "what came has the wrong checksum and was deleted"
    return "no address gave it" if len(troubles) > 1 else "its address did not give it"


@contextlib.contextmanager
def _disk_troubles(row: Row, target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        if exc.errno in _FULL:
            with contextlib.suppress(OSError):
                target.with_name(f"{target.name}.part").unlink(missing_ok=True)
            raise ModelUnavailable(
                f"Model '{row.name}' could not be pulled: the disk is full.",
                detail=f"{target.parent}: {exc}",
            ) from exc
        if exc.errno in _UNWRITABLE:
            raise ModelUnavailable(
                f"Model '{row.name}' could not be pulled: the models directory cannot be written; "
                "set models.directory to a folder that can.",
                detail=f"{target.parent}: {exc}",
            ) from exc
        raise
