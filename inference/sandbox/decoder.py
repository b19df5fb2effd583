"""Decoding in processes: lend one to each image, replace those that end, name what happened."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import msgspec

from inference.coding import PictureLimits, probe
from inference.picture import Picture
from inference.sandbox.memory import SharedMemory, make_memory
from inference.sandbox.messages import MAX_MESSAGE_BYTES, READY, Answer, Failed, Order, Setup
from inference.sandbox.settings import DecodingSettings
from protocol.errors import CutwireError, ImageError, InternalError, MalformedImage, OutOfMemory

_START_S = 60.0
_ROOT = Path(__file__).parents[2]
_ORDERS = msgspec.msgpack.Encoder()
_ANSWERS: msgspec.msgpack.Decoder[Answer] = msgspec.msgpack.Decoder(Answer)
_TIME_IS_UP = signal.SIGPROF
_ENVIRONMENT = {
    "PYTHONPATH": str(_ROOT),
    "OPENBLAS_NUM_THREADS": "1",
    # glibc keeps what one image took for the next: fresh pages would double the time of decoding.
    "MALLOC_MMAP_THRESHOLD_": str(32 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(64 << 20),
}


class Sandbox:
    """Decodes images apart from this process; for use from many threads.

    At most `processes` run: further threads wait for one.
    """

    def __init__(self, settings: DecodingSettings, limits: PictureLimits, processes: int) -> None:
        self._settings = settings
        self._limits = limits
        self._room = threading.BoundedSemaphore(settings.processes or processes)
        self._idle: list[_Process] = []
        self._lent: set[_Process] = set()
        self._lock = threading.Lock()
        self._is_closed = False

    @property
    def busy(self) -> int:
        """Count the images that processes have in hand."""
        return len(self._lent)

    def open(self) -> None:
        """Start one process; the others follow when they are needed.

        Raises InternalError where processes cannot be confined as the settings ask.
        """
        if sys.platform != "linux":
            raise InternalError(f"decoding.sandbox = '{self._settings.sandbox}' needs Linux.")
        self._idle.append(_Process(self._settings, self._limits))

    def close(self) -> None:
        """End all processes, also those at work."""
        with self._lock:
            self._is_closed = True
            processes = [*self._idle, *self._lent]
            self._idle.clear()
        for process in processes:
            process.kill()

    def decode(self, data: bytes, *, parameter: str, limits: PictureLimits) -> Picture:
        """Decode as `inference.coding.decode` does. Raises an ImageError or OutOfMemory.

        A process that ends without an answer is an error of this image alone. The limits may be
        narrower than those that this sandbox was made with.
        """
        probe(data, parameter=parameter, limits=limits)
        with self._room:
            process = self._borrow()
            try:
                return process.decode(data, parameter)
            finally:
                self._give_back(process)

    def _borrow(self) -> _Process:
        process = self._take_idle() or _Process(self._settings, self._limits)
        with self._lock:
            self._lent.add(process)
        return process

    def _take_idle(self) -> _Process | None:
        with self._lock:
            process = self._idle.pop() if self._idle else None
        if process is None or process.is_usable:
            return process
        process.kill()
        return self._take_idle()

    def _give_back(self, process: _Process) -> None:
        with self._lock:
            self._lent.discard(process)
            if process.is_usable and not self._is_closed:
                self._idle.append(process)
                return
        process.kill()


class _Process:
    """One running program of `inference.sandbox.process`."""

    def __init__(self, settings: DecodingSettings, limits: PictureLimits) -> None:
        self._time_s = settings.time_s
        self._images_left = settings.images_per_process
        self._channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        descriptor = make_memory(limits)
        setup = Setup(
            memory_descriptor=descriptor,
            limits=limits,
            memory_bytes=settings.memory_bytes,
            cpu_s=settings.cpu_s,
            images=settings.images_per_process,
            is_filtered=settings.sandbox == "seccomp",
        )
        with theirs, os.fdopen(descriptor):  # closed here as soon as the process has them
            self._memory = SharedMemory(descriptor, limits)
            self._process = _start(setup, theirs)
        self._channel.settimeout(_START_S)
        said = self._receive()
        if said != READY:
            self.kill()
            raise InternalError(said.decode() or "A process that decodes images did not start.")
        self._channel.settimeout(self._time_s)

    @property
    def is_usable(self) -> bool:
        """Whether it can take an image."""
        return self._images_left > 0 and self._process.poll() is None

    def decode(self, data: bytes, parameter: str) -> Picture:
        """Decode an image; where the process ends, or takes too long, it is of no more use."""
        self._images_left -= 1
        self._memory.put_file(data)
        try:
            self._channel.send(_ORDERS.encode(Order(parameter, len(data))))
            message = self._receive()
        except TimeoutError:
            self.kill()
            raise _ended(parameter, -_TIME_IS_UP) from None
        except OSError:
            message = b""
        if not message:
            self.kill()
            raise _ended(parameter, self._process.returncode)
        try:
            answer = _ANSWERS.decode(message)
            if not isinstance(answer, Failed):
                return self._memory.take_picture(answer)
        except MemoryError as exc:
            raise _no_memory(parameter, repr(exc)) from exc
        except ValueError as exc:  # msgspec's too: the process does not say what it should
            self.kill()
            raise _damaged(parameter, repr(exc)) from exc
        raise _believed(answer.fault.error(), parameter)

    def kill(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()
        self._channel.close()

    def _receive(self) -> bytes:
        with contextlib.suppress(ConnectionResetError):
            return self._channel.recv(MAX_MESSAGE_BYTES)
        return b""


def _start(setup: Setup, channel: socket.socket) -> subprocess.Popen[bytes]:
    """Run the program; -P: none of its modules comes from the working directory."""
    program = [
        sys.executable,
        "-P",
        "-m",
        f"{__package__}.process",
        msgspec.json.encode(setup).decode(),
    ]
    return subprocess.Popen(  # noqa: S603 - all of it our own words
        program,
        stdin=channel.fileno(),
        stdout=subprocess.DEVNULL,
        pass_fds=[setup.memory_descriptor],
        cwd="/",
        env=_ENVIRONMENT,  # none of the service's secrets
        start_new_session=True,
    )


def _believed(error: CutwireError, parameter: str) -> CutwireError:
    """Pass on what a decoder may say; its process may have been taken over."""
    if isinstance(error, ImageError | OutOfMemory):
        return error
    return _damaged(parameter, f"{type(error).__name__}: {error.detail}")


def _ended(parameter: str, status: int) -> CutwireError:
    """Name why there is no answer, by the status that the process ended with."""
    if status in (-_TIME_IS_UP, -signal.SIGXCPU):
        return MalformedImage(
            f"{parameter} takes longer to decode than the service allows.",
            parameter=parameter,
            detail="decoding.cpu_s or decoding.time_s exceeded",
        )
    if status == -signal.SIGKILL:  # by the kernel, which has no memory left
        return _no_memory(parameter, "the decoding process was killed")
    reason = signal.Signals(-status).name if status < 0 else f"exit code {status}"
    return _damaged(parameter, f"the decoding process ended: {reason}")


def _no_memory(parameter: str, detail: str) -> OutOfMemory:
    return OutOfMemory(
        f"There was not enough memory to decode {parameter}.", parameter=parameter, detail=detail
    )


def _damaged(parameter: str, detail: str) -> MalformedImage:
    return MalformedImage(
        f"{parameter} cannot be decoded: it is damaged.", parameter=parameter, detail=detail
    )
