"""Where is the kernels' machine code: in one file, made once for this machine and these sources.

It lies in `__pycache__` beside the kernels, in the user's cache where that cannot be written, or
where NUMBA_CACHE_DIR says. As for numba, NUMBA_CPU_NAME and NUMBA_CPU_FEATURES name a processor
other than this one.
"""

from __future__ import annotations

import ctypes
import hashlib
import logging
import os
import platform
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

LIBRARY, OBJECT = ".so", ".o"
"""What the system loads by itself, and, where no linker was found, what LLVM must load."""

_HERE = Path(__file__).parent
_PROCESSOR = re.compile(
    r"^(vendor_id|cpu family|model|flags|CPU implementer|CPU variant|CPU part|Features)\s*:.*$",
    re.MULTILINE,
)
_log = logging.getLogger(__name__)


@cache
def load() -> Callable[[str], int]:
    """Load all kernels; return what tells where one begins in memory.

    That takes a tenth of a second at most, half a minute where they must be compiled first.
    """
    file = kept() or _compile()
    return _load_object(file) if file.suffix == OBJECT else _load_library(file)


def kept() -> Path | None:
    """Tell where the machine code is, None where it is not kept yet."""
    name = _name()
    files = (folder / f"{name}{suffix}" for folder in _folders() for suffix in (LIBRARY, OBJECT))
    return next((file for file in files if file.is_file()), None)


def _load_library(file: Path) -> Callable[[str], int]:
    library = ctypes.CDLL(str(file))
    return lambda symbol: ctypes.cast(library[symbol], ctypes.c_void_p).value or 0


def _load_object(file: Path) -> Callable[[str], int]:
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    machine = llvm.Target.from_default_triple().create_target_machine(jit=True)
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)
    engine.add_object_file(llvm.ObjectFileRef.from_path(str(file)))
    engine.finalize_object()
    return lambda symbol: int(engine.get_function_address(symbol))


def _compile() -> Path:
    """Compile in another process: this one is rid of numba then, a second and 150 MB."""
    _log.warning("compiling the kernels, once for this machine: half a minute")
    target = _writable_folder() / _name()
    subprocess.run(  # noqa: S603 - our own command line
        [sys.executable, "-m", "inference.kernels.compiler", str(target)],
        cwd=_HERE.parents[1],
        check=True,
    )
    library = target.with_suffix(LIBRARY)
    return library if library.exists() else target.with_suffix(OBJECT)


def _folders() -> list[Path]:
    if told := os.environ.get("NUMBA_CACHE_DIR"):
        return [Path(told)]
    users = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return [_HERE / "__pycache__", users / "cutwire"]


def _writable_folder() -> Path:
    for folder in _folders():
        try:
            folder.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=folder).close()
        except OSError:
            continue
        return folder
    _log.warning("the compiled kernels cannot be kept: no folder can be written to")
    return Path(tempfile.mkdtemp(prefix="cutwire-kernels-"))


def _name() -> str:
    """Name the file by what its content depends on."""
    found = hashlib.sha256(_processor().encode())
    for source in sorted(_HERE.glob("*.py")):
        found.update(source.read_bytes())
    return f"kernels-{found.hexdigest()[:32]}"


def _processor() -> str:
    """Describe the processor that is compiled for; LLVM could, but takes 50 MB to say it."""
    told = os.environ.get("NUMBA_CPU_NAME", ""), os.environ.get("NUMBA_CPU_FEATURES", "")
    if any(told):
        return "\n".join(told)
    try:
        lines = {line.group() for line in _PROCESSOR.finditer(Path("/proc/cpuinfo").read_text())}
    except OSError:
        return f"{platform.machine()} {platform.processor()}"
    return "\n".join(sorted(lines))
