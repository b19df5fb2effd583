"""How do the kernels become machine code: numba's, of all kernels, linked into one object file.

`python -m inference.kernels.compiler FILE` writes it, without its suffix told: a shared library, or
an object where there is no linker. Nothing of numba is needed where the code runs.
"""

from __future__ import annotations

import ctypes
import os
import pkgutil
import shutil
import subprocess
import sys
import tempfile
from functools import partial
from importlib import import_module
from pathlib import Path
from types import FunctionType
from typing import Any

import llvmlite.binding as llvm
import numba
import numba.core.types
from numba.np.numpy_support import from_dtype

from inference.kernels import kernel as declared
from inference.kernels.library import LIBRARY, OBJECT

types: Any = numba.core.types  # its own types do not know all that they take
settings: Any = numba.config
_CONTRACT = {"contract"}
_jit: Any = partial(
    numba.njit,
    nogil=True,
    error_model="numpy",
    no_cpython_wrapper=True,
    no_cfunc_wrapper=True,
    _nrt=False,  # nothing may be allocated
)


def compile_all() -> bytes:
    """Compile every kernel of this package."""
    settings.SLP_VECTORIZE = 1  # the bands of a pixel at once, as clang -O2 does
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    name, features = _processor()
    target = llvm.Target.from_default_triple()
    machine = target.create_target_machine(cpu=name, features=features, opt=3, reloc="pic")
    whole = llvm.parse_assembly("")
    whole.triple, whole.data_layout = target.triple, str(machine.target_data)
    made: dict[int, Any] = {}
    for kernel in _kernels():
        whole.link_in(_module_of(kernel, made))
    return bytes(machine.emit_object(whole))


def write(target: Path, code: bytes) -> None:
    """Write a shared library, an object where none can be made; in one step, for all to see."""
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        found, library = Path(scratch) / "kernels.o", Path(scratch) / "kernels.so"
        found.write_bytes(code)
        if _link(found, library):
            library.replace(target.with_suffix(LIBRARY))
        else:
            found.replace(target.with_suffix(OBJECT))


def _link(code: Path, library: Path) -> bool:
    """Tell whether there is a linker, and whether what it makes may be loaded from there."""
    linker = shutil.which("cc")
    if linker is None:
        return False
    options = ["-shared"] if sys.platform == "darwin" else ["-shared", "-nostdlib"]
    command = [linker, *options, "-o", str(library), str(code)]
    if subprocess.run(command, check=False).returncode != 0:  # noqa: S603 - our own command line
        return False
    try:
        ctypes.CDLL(str(library))
    except OSError:
        return False
    return True


def _processor() -> tuple[str, str]:
    name, features = os.environ.get("NUMBA_CPU_NAME"), os.environ.get("NUMBA_CPU_FEATURES")
    if features is None:
        features = llvm.get_host_cpu_features().flatten()
    return name or llvm.get_host_cpu_name(), features


def _kernels() -> list[declared.Kernel]:
    modules = [
        import_module(f"inference.kernels.{one.name}")
        for one in pkgutil.iter_modules([str(Path(__file__).parent)])
        if not one.name.startswith("__")
    ]
    return [
        member
        for module in modules
        for member in vars(module).values()
        if isinstance(member, declared.Kernel) and member.loop.__module__ == module.__name__
    ]


def _module_of(kernel: declared.Kernel, made: dict[int, Any]) -> Any:
    """Compile one; all in it but itself is its own, so that two may hold the same parts."""
    compiled = _compile(kernel, made)
    (signature,) = compiled.signatures
    module = llvm.parse_assembly(compiled.inspect_llvm(signature))
    entry = compiled.overloads[signature].fndesc.llvm_func_name
    for function in module.functions:
        if function.name == entry:
            function.name = kernel.symbol
        elif not function.is_declaration:
            function.linkage = llvm.Linkage.internal
    return module


def _compile(one: declared.Kernel | declared.Part, made: dict[int, Any]) -> Any:
    """Compile a loop, and what it calls by its global names; numba must know those as its own."""
    if id(one) not in made:
        loop, known = one.loop, one.loop.__globals__
        called = {
            name: _compile(value, made)
            for name, value in known.items()
            if name in loop.__code__.co_names and isinstance(value, declared.Kernel | declared.Part)
        }
        function = FunctionType(loop.__code__, {**known, **called}, loop.__name__)
        signature = [_signature(one)] if isinstance(one, declared.Kernel) else []
        made[id(one)] = _jit(*signature, fastmath=not one.is_exact and _CONTRACT)(function)
    return made[id(one)]


def _signature(kernel: declared.Kernel) -> Any:
    returned = types.void if kernel.returned is None else from_dtype(kernel.returned)
    return returned(*(_type(one) for one in kernel.arguments))


def _type(argument: declared.Array | declared.Scalar) -> Any:
    kind = from_dtype(argument.kind)
    if isinstance(argument, declared.Scalar):
        return kind
    layout = "C" if argument.is_contiguous else "A"
    return types.Array(kind, argument.dimensions, layout, readonly=not argument.is_written)


if __name__ == "__main__":
    write(Path(sys.argv[1]), compile_all())
