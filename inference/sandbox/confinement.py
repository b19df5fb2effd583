"""What may a process still do that decodes hostile images? Compute in its own memory, and end.

`lock` takes away all else, in layers of which most attacks fail at the first: no descriptor but the
service's own socket is open and none can be opened, so neither files nor networks; no new process,
no core, bounded memory and CPU; no privileges to gain, root's given up; and with a filter, no
system calls but those that memory and that socket need (seccomp, by libseccomp).
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
from pathlib import Path
from typing import Any

from protocol.errors import InternalError

CHANNEL = 0
"""The one descriptor that stays open."""

_PR_SET_DUMPABLE = 4
_PR_SET_NO_NEW_PRIVS = 38
_NOBODY = 65_534
_PROT_EXEC = 4
_NOT_PERMITTED = 1  # EPERM: what is refused fails, so that a library which only probes goes on

_ALLOWED_CALLS = (
    # Memory and locks of one process, the time, its signals, its end.
    *("brk", "munmap", "mremap", "madvise", "futex", "sched_yield", "getrandom"),
    *("clock_gettime", "gettimeofday", "getpid", "gettid", "setitimer"),
    *("rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigaltstack", "restart_syscall"),
    *("exit", "exit_group"),
)
_ALLOWED_UNLESS_EXECUTABLE = ("mmap", "mprotect")  # their third argument is the protection
_ALLOWED_ON_CHANNEL = ("read", "write")


def make_filter() -> Any:
    """Build the filter of system calls. Raises InternalError where there is no libseccomp."""
    try:
        import pyseccomp as seccomp
    except (ImportError, OSError, RuntimeError) as exc:  # the package, or the library it loads
        raise InternalError(
            "decoding.sandbox = 'seccomp' needs libseccomp and its binding: "
            "pip install 'cutwire[sandbox]', and the system's package libseccomp2.",
            detail=repr(exc),
        ) from exc
    calls = seccomp.SyscallFilter(seccomp.ERRNO(_NOT_PERMITTED))
    for name in _ALLOWED_CALLS:
        calls.add_rule(seccomp.ALLOW, name)
    for name in _ALLOWED_UNLESS_EXECUTABLE:
        calls.add_rule(seccomp.ALLOW, name, seccomp.Arg(2, seccomp.MASKED_EQ, _PROT_EXEC, 0))
    for name in _ALLOWED_ON_CHANNEL:
        calls.add_rule(seccomp.ALLOW, name, seccomp.Arg(0, seccomp.EQ, CHANNEL))
    return calls


def lock(memory_bytes: int, cpu_s: int, calls: Any | None) -> None:
    """Give up, for good, all that decoding does not need.

    `memory_bytes` may be mapped beyond what is mapped now; `calls` is the filter, if any.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    limits = {
        resource.RLIMIT_AS: _mapped_bytes() + memory_bytes,
        resource.RLIMIT_CPU: cpu_s,
        resource.RLIMIT_NPROC: 0,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_CORE: 0,
    }
    os.closerange(CHANNEL + 1, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    for limit, value in (limits | {resource.RLIMIT_NOFILE: 0}).items():
        resource.setrlimit(limit, (value, value))
    if os.geteuid() == 0:  # root could raise them again; one that may not change users cannot
        with contextlib.suppress(PermissionError):
            os.setgroups([])
            os.setgid(_NOBODY)
            os.setuid(_NOBODY)
    for option, value in ((_PR_SET_NO_NEW_PRIVS, 1), (_PR_SET_DUMPABLE, 0)):
        if libc.prctl(option, value, 0, 0, 0):
            raise OSError(ctypes.get_errno(), "prctl")
    if calls is not None:
        calls.load()


def _mapped_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    return pages * resource.getpagesize()
