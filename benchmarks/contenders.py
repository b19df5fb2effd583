"""Servers that are compared: how each is started, asked and stopped."""

from __future__ import annotations

import base64
import http.client
import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import msgspec
import psutil

from benchmarks.harness import warm_environment
from benchmarks.load import Client, Request, Tree
from inference.models import Catalogue, ModelSettings

HERE = Path(__file__).parent
VENVS = HERE / ".peers"
APPS = HERE / "peer_apps"
KEY = "benchmark-key"
START_S = 180.0
_BOUNDARY = b"benchmark-boundary"

Ask = Callable[[bytes, bool], Request]


@dataclass(frozen=True, slots=True)
class Contender:
    """A server: what starts it on a port, and what asks it."""

    name: str
    command: Callable[[int, Path], list[str]]
    """From port and scratch folder."""
    ask: Ask
    """From a JPEG, and whether alpha is to be matted."""
    environment: Mapping[str, str] = field(default_factory=dict)
    python: Path | None = None
    """That of its own environment, for those that need one."""
    can_matte: bool = False

    @property
    def is_installed(self) -> bool:
        """Whether `make bench-setup` has built its environment."""
        return self.python is None or self.python.exists()


def contenders(model: Path, model_int8: Path) -> dict[str, Contender]:
    """List all of them, with the files of the one network that they all run."""

    def in_venv(name: str) -> Path:
        return VENVS / name / "bin" / "python"

    def rembg(name: str, **environment: str) -> Contender:
        return Contender(
            name=name,
            command=lambda port, _: [
                *(str(in_venv("rembg").with_name("rembg")), "s", "--no-ui", "-h", "127.0.0.1"),
                *("-p", str(port), "-l", "warning"),
            ],
            ask=lambda jpeg, mattes: _ask_rembg(jpeg, mattes, model),
            environment={"REMBG_HOME": str(model.parent), **environment},
            python=in_venv("rembg"),
            can_matte=name == "rembg",
        )

    def app(name: str, options: Callable[[int, Path], list[str]], ask: Ask) -> Contender:
        command = [str(in_venv(name)), str(APPS / f"{name}_app.py")]
        return Contender(
            name=name,
            command=lambda port, folder: [*command, *options(port, folder)],
            ask=ask,
            environment={"BENCHMARK_MODEL": str(model)},
            python=in_venv(name),
        )

    found = [
        _cutwire("cutwire", model),
        _cutwire("cutwire-int8", model_int8),
        rembg("rembg"),
        rembg("rembg-1-thread", OMP_NUM_THREADS="1"),
        app("litserve", lambda port, _: [str(port)], _ask_litserve),
        app("mosec", _mosec_options, _ask_mosec),
    ]
    return {one.name: one for one in found}


def _cutwire(name: str, model: Path) -> Contender:
    """The service as it comes, with the catalogue's row of u2netp for the file."""
    row = msgspec.structs.replace(
        Catalogue(ModelSettings()).find("u2netp"), name="contest", file=str(model), url="", md5=""
    )
    return Contender(
        name=name,
        command=lambda port, folder: [
            *(sys.executable, "-m", "server.cli", "serve", "--port", str(port)),
            *("--api-key", f"{KEY}:bench", "--data-dir", str(folder / "data")),
        ],
        ask=_ask_cutwire,
        environment={
            "CUTWIRE_MODELS__ROWS": msgspec.json.encode([row]).decode(),
            "CUTWIRE_MODELS__SEGMENT": row.name,
            "CUTWIRE_SESSIONS__PROVIDERS": '["cpu"]',
        },
        can_matte=True,
    )


def _ask_cutwire(jpeg: bytes, mattes: bool) -> Request:
    task = {
        "taskType": "removeBackground",
        "taskUUID": "@uuid@",
        "inputImage": base64.b64encode(jpeg).decode(),
        "outputType": "base64Data",
        "outputFormat": "PNG",
        **({"settings": {"alphaMatting": True}} if mattes else {}),
    }
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
    return Request("/v1", json.dumps([task]).encode(), headers, _read_cutwire)


def _read_cutwire(body: bytes) -> bytes:
    return base64.b64decode(msgspec.json.decode(body)["data"][0]["imageBase64Data"])


def _ask_rembg(jpeg: bytes, mattes: bool, model: Path) -> Request:
    extras = quote(json.dumps({"model_path": str(model)}))
    fields = {"model": "u2net_custom", **({"a": "true"} if mattes else {})}
    return _form(f"/api/remove?extras={extras}", jpeg, fields)


def _ask_litserve(jpeg: bytes, mattes: bool) -> Request:
    return _form("/predict", jpeg, {})


def _ask_mosec(jpeg: bytes, mattes: bool) -> Request:
    headers = {"Content-Type": "application/octet-stream"}
    return Request("/inference", jpeg, headers, lambda body: body)


def _mosec_options(port: int, folder: Path) -> list[str]:
    return [
        *("--address", "127.0.0.1", "--port", str(port), "--path", str(folder / "mosec")),
        *("--timeout", "600000", "--log-level", "warning"),
    ]


def _form(path: str, jpeg: bytes, fields: Mapping[str, str]) -> Request:
    start = b"--" + _BOUNDARY + b"\r\nContent-Disposition: form-data; name="
    parts = [start + f'"{name}"\r\n\r\n{value}\r\n'.encode() for name, value in fields.items()]
    file = start + b'"file"; filename="a.jpg"\r\nContent-Type: image/jpeg\r\n\r\n' + jpeg + b"\r\n"
    body = b"".join((*parts, file, b"--", _BOUNDARY, b"--\r\n"))
    content_type = f"multipart/form-data; boundary={_BOUNDARY.decode()}"
    return Request(path, body, {"Content-Type": content_type}, lambda answer: answer)


@dataclass(frozen=True, slots=True)
class Started:
    """A server that has answered once."""

    port: int
    tree: Tree
    cold_start_s: float
    """From the start of its process to its first picture."""
    first: bytes
    """That picture."""


@contextmanager
def started(contender: Contender, folder: Path, jpeg: bytes) -> Iterator[Started]:
    """Start a server, wait for its first picture, and stop all its processes after the block."""
    port, log = _free_port(), folder / f"{contender.name}.log"
    folder.mkdir(exist_ok=True)
    environment = {**warm_environment(), **contender.environment, "PYTHONUNBUFFERED": "1"}
    begun = time.monotonic()
    with log.open("wb") as output:
        process = subprocess.Popen(
            contender.command(port, folder),
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        request = contender.ask(jpeg, False)
        while True:
            try:
                first = request.read(Client(port).ask(request))
                break
            except (OSError, http.client.HTTPException) as exc:
                if process.poll() is not None or time.monotonic() - begun > START_S:
                    told = log.read_text(errors="replace")[-2000:]
                    raise RuntimeError(f"{contender.name} gave no picture: {exc}\n{told}") from exc
                time.sleep(0.05)
        yield Started(port, Tree(process.pid), time.monotonic() - begun, first)
    finally:
        _stop(process)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _stop(process: subprocess.Popen[bytes]) -> None:
    try:
        family = psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        family = []
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for child in family:
        if child.is_running():
            child.kill()
    psutil.wait_procs(family, timeout=10)
