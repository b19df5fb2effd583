"""What a process can still do once it has locked itself up, tried in a real one."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from inference.sandbox.confinement import make_filter
from protocol.errors import InternalError

ROOT = Path(__file__).parents[3]
PATIENCE_S = 60.0
KINDS = ["process", "seccomp"]

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="confinement is Linux's")

PROGRAM = """
import json, mmap, os, resource, socket, sys
from inference.sandbox.confinement import lock, make_filter
kind, path, neighbour, acts = sys.argv[1], sys.argv[2], int(sys.argv[3]), json.loads(sys.argv[4])
acts = {name: compile(act, name, "exec") for name, act in acts.items()}
written = os.open(path, os.O_RDWR)
lock(64 << 20, 5, make_filter() if kind == "seccomp" else None)
said = {}
for name, act in acts.items():
    try:
        exec(act)
        said[name] = "done"
    except BaseException as exc:
        said[name] = "refused: " + repr(exc)
os.write(0, json.dumps(said).encode())
"""

FORBIDDEN = {
    "opening a file": "open(path)",
    "a file that was open": "os.write(written, b'x')",
    "opening a socket": "socket.socket()",
    "opening a pipe": "os.pipe()",
    "a second descriptor of the channel": "os.dup(0)",
    "listing a folder": "os.listdir('/')",
    "more memory than allowed": "bytearray(256 << 20)",
    "raising a limit": "resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))",
    "a new process": "os.fork() or os._exit(0)",
}
FORBIDDEN_BY_THE_FILTER = {
    "removing a file": "os.unlink(path)",
    "a signal to another process": "os.kill(neighbour, 0)",
    "the name of the machine": "os.uname()",
    "executable memory": "mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_EXEC)",
    "becoming another program": "os.execv('/bin/true', ['true'])",
}
ALLOWED = {
    "computing": "sum(range(1000))",
    "memory within its bound": "bytearray(16 << 20)",
}

Attempt = Callable[[str], dict[str, str]]


@pytest.fixture(scope="module")
def attempt(tmp_path_factory: pytest.TempPathFactory) -> Attempt:
    """Run a program that locks itself up and tries everything; return what came of each act."""
    file = tmp_path_factory.mktemp("confined") / "file"

    @cache
    def attempt(kind: str) -> dict[str, str]:
        if kind == "seccomp":
            pytest.importorskip("pyseccomp", exc_type=ImportError)
        acts = FORBIDDEN | ALLOWED | (FORBIDDEN_BY_THE_FILTER if kind == "seccomp" else {})
        file.write_bytes(b"there")
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        arguments = [kind, str(file), str(os.getpid()), json.dumps(acts)]
        with ours, theirs:
            program = subprocess.Popen(
                [sys.executable, "-c", PROGRAM, *arguments],
                stdin=theirs.fileno(),
                env={"PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"},
            )
            theirs.close()
            ours.settimeout(PATIENCE_S)
            said = ours.recv(10_000)
            program.wait(PATIENCE_S)
        assert file.read_bytes() == b"there"
        return json.loads(said)

    return attempt


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("act", FORBIDDEN)
def test_locked_process_is_refused(attempt: Attempt, kind: str, act: str) -> None:
    assert attempt(kind)[act].startswith("refused")


@pytest.mark.parametrize("act", FORBIDDEN_BY_THE_FILTER)
def test_filtered_process_is_refused(attempt: Attempt, act: str) -> None:
    assert attempt("seccomp")[act].startswith("refused")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("act", ALLOWED)
def test_locked_process_may_still_do(attempt: Attempt, kind: str, act: str) -> None:
    assert attempt(kind)[act] == "done"


def test_missing_library_is_an_error_that_names_setting_and_remedy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "pyseccomp", None)
    with pytest.raises(InternalError, match=r"decoding\.sandbox.*cutwire\[sandbox\]"):
        make_filter()
