import errno
import hashlib
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import IO

import httpx
import pytest
from msgspec.structs import replace

from inference.models import Catalogue, ModelSettings, Row
from inference.models.public import PUBLIC_ROWS
from inference.models.pull import Puller
from inference.sessions import SessionSettings
from inference.sessions.opening import open_session
from protocol.errors import ModelUnavailable
from tests.limits import file_size_limit
from tests.models import graph_like

PULLABLE = [row for row in PUBLIC_ROWS if row.can_be_pulled]
CONTENT = bytes(range(256)) * 40
NET = Row(name="net", task="segment", file="net.onnx", md5=hashlib.md5(CONTENT).hexdigest())


@dataclass
class Site:
    """A web server for models that can be told to misbehave."""

    files: dict[str, bytes] = field(default_factory=dict)
    ranges: list[str | None] = field(default_factory=list)
    answers: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    breaks_at: list[int] = field(default_factory=list)
    knows_ranges: bool = True
    asked: threading.Event = field(default_factory=threading.Event)
    gate: threading.Event = field(default_factory=threading.Event)
    url: str = ""


class Handler(BaseHTTPRequestHandler):
    site: Site

    def do_GET(self) -> None:
        span = self.headers.get("Range")
        self.site.ranges.append(span)
        self.site.asked.set()
        assert self.site.gate.wait(30)
        if self.site.answers:
            status, headers = self.site.answers.pop(0)
            self.reply(status, headers, b"")
        elif self.path not in self.site.files:
            self.reply(404, {}, b"<html>no such model</html>")
        else:
            self.send_file(self.site.files[self.path], span)

    def send_file(self, content: bytes, span: str | None) -> None:
        start = int(span.removeprefix("bytes=").removesuffix("-")) if span else 0
        if start and self.site.knows_ranges:
            if start >= len(content):
                self.reply(416, {"Content-Range": f"bytes */{len(content)}"}, b"")
                return
            last = len(content) - 1
            described = {"Content-Range": f"bytes {start}-{last}/{len(content)}"}
            self.reply(206, described, content[start:])
        else:
            self.reply(200, {}, content)

    def reply(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if body and self.site.breaks_at:
            self.wfile.write(body[: self.site.breaks_at.pop(0)])
            self.close_connection = True
        else:
            self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()
    site.gate.set()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("SiteHandler", (Handler,), {"site": site}))
    site.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield site
    site.gate.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with httpx.Client(trust_env=False, timeout=30) as client:
        yield client


@dataclass
class Bench:
    """A puller for one row, with what it waited for."""

    puller: Puller
    waits: list[float]
    directory: Path

    @property
    def part(self) -> Path:
        return self.directory / "net.onnx.part"


def bench(site: Site, client: httpx.Client, directory: Path, row: Row = NET, **settings) -> Bench:
    if not row.url:
        row = replace(row, url=f"{site.url}/{row.file}")
    site.files.setdefault(f"/{row.file}", CONTENT)
    catalogue = Catalogue(ModelSettings(directory=str(directory), rows=(row,), **settings))
    waits: list[float] = []
    return Bench(Puller(catalogue, client, wait=waits.append), waits, directory)


def served(site: Site, row: Row) -> Row:
    """Give a public row's place to a generated graph of its signature."""
    content = graph_like(row)
    site.files[f"/{row.file}"] = content
    sums = {
        kind: hashlib.new(kind, content).hexdigest()
        for kind in ("sha256", "md5")
        if getattr(row, kind)
    }
    length = len(content) if row.file_bytes else 0
    return replace(row, url=f"{site.url}/{row.file}", file_bytes=length, **sums)


@pytest.mark.parametrize("row", PULLABLE, ids=lambda row: row.name)
def test_public_row_is_pulled_and_runs(
    site: Site, client: httpx.Client, tmp_path: Path, row: Row
) -> None:
    row = served(site, row)
    puller = bench(site, client, tmp_path, row).puller

    path = puller.pull(row.name)

    content = site.files[f"/{row.file}"]
    assert path.read_bytes() == content
    noted = (tmp_path / f"{row.file}.sha256").read_text()
    assert noted == f"{hashlib.sha256(content).hexdigest()}  {row.file}\n"
    session = open_session(path, SessionSettings(providers=("cpu",)), row)
    assert session.row.size == row.size


@pytest.mark.parametrize("row", PULLABLE, ids=lambda row: row.name)
def test_public_row_goes_on_where_it_broke_off(
    site: Site, client: httpx.Client, tmp_path: Path, row: Row
) -> None:
    row = served(site, row)
    site.breaks_at = [100]
    puller = bench(site, client, tmp_path, row).puller

    path = puller.pull(row.name)

    assert path.read_bytes() == site.files[f"/{row.file}"]
    assert site.ranges == [None, "bytes=100-"]


@pytest.mark.parametrize("row", PULLABLE, ids=lambda row: row.name)
def test_public_row_with_a_wrong_checksum_is_refused_and_deleted(
    site: Site, client: httpx.Client, tmp_path: Path, row: Row
) -> None:
    row = served(site, row)
    content = bytearray(site.files[f"/{row.file}"])
    content[50] ^= 1
    site.files[f"/{row.file}"] = bytes(content)
    puller = bench(site, client, tmp_path, row).puller

    with pytest.raises(ModelUnavailable, match="wrong checksum"):
        puller.pull(row.name)

    assert [file.name for file in tmp_path.iterdir()] == [f".{row.file}.lock"]


def test_second_pull_asks_nobody(site: Site, client: httpx.Client, tmp_path: Path) -> None:
    puller = bench(site, client, tmp_path).puller
    puller.pull("net")

    assert puller.pull("net") == tmp_path / "net.onnx"

    assert len(site.ranges) == 1


def test_altered_file_is_pulled_again(site: Site, client: httpx.Client, tmp_path: Path) -> None:
    puller = bench(site, client, tmp_path).puller
    puller.pull("net").write_bytes(b"altered")

    assert puller.pull("net").read_bytes() == CONTENT


def test_part_of_an_earlier_process_is_used(
    site: Site, client: httpx.Client, tmp_path: Path
) -> None:
    pull = bench(site, client, tmp_path)
    pull.part.write_bytes(CONTENT[:5000])

    pull.puller.pull("net")

    assert site.ranges == ["bytes=5000-"]
    assert not pull.part.exists()


def test_whole_part_of_an_earlier_process_is_only_checked(
    site: Site, client: httpx.Client, tmp_path: Path
) -> None:
    pull = bench(site, client, tmp_path)
    pull.part.write_bytes(CONTENT)

    assert pull.puller.pull("net").read_bytes() == CONTENT

    assert site.ranges == [f"bytes={len(CONTENT)}-"]


def test_part_longer_than_the_file_starts_again(
    site: Site, client: httpx.Client, tmp_path: Path
) -> None:
    pull = bench(site, client, tmp_path)
    pull.part.write_bytes(CONTENT + b"more")

    assert pull.puller.pull("net").read_bytes() == CONTENT

    assert site.ranges[-1] is None


def test_part_of_another_file_starts_again(
    site: Site, client: httpx.Client, tmp_path: Path
) -> None:
    pull = bench(site, client, tmp_path)
    pull.part.write_bytes(b"x" * 100)

    assert pull.puller.pull("net").read_bytes() == CONTENT

    assert site.ranges == ["bytes=100-", None]


def test_server_without_ranges_starts_again(
    site: Site, client: httpx.Client, tmp_path: Path
) -> None:
    site.knows_ranges = False
    pull = bench(site, client, tmp_path)
    pull.part.write_bytes(CONTENT[:5000])

    assert pull.puller.pull("net").read_bytes() == CONTENT


def test_row_without_a_checksum_is_never_resumed_from_an_earlier_process(
    site: Site, client: httpx.Client, tmp_path: Path
) -> None:
    pull = bench(site, client, tmp_path, replace(NET, md5=""))
    pull.part.write_bytes(CONTENT[:5000])

    pull.puller.pull("net")

    assert site.ranges == [None]
    assert (tmp_path / "net.onnx.sha256").exists()


def test_passing_faults_are_tried_again_with_growing_waits(
    site: Site, client: httpx.Client, tmp_path: Path
) -> None:
    site.answers = [(503, {}), (429, {"Retry-After": "7"}), (500, {})]
    pull = bench(site, client, tmp_path)

    pull.puller.pull("net")

    assert pull.waits == [1.0, 7.0, 4.0]


def test_faults_that_do_not_pass_end_the_pull(
    site: Site, client: httpx.Client, tmp_path: Path
) -> None:
    site.answers = [(503, {})] * 9
    pull = bench(site, client, tmp_path, pull_tries=3)

    with pytest.raises(ModelUnavailable) as caught:
        pull.puller.pull("net")

    assert len(site.ranges) == 3
    assert "HTTP 503" in caught.value.detail


def test_missing_file_is_not_tried_again(site: Site, client: httpx.Client, tmp_path: Path) -> None:
    pull = bench(site, client, tmp_path, replace(NET, url=f"{site.url}/elsewhere"))

    with pytest.raises(ModelUnavailable) as caught:
        pull.puller.pull("net")

    assert len(site.ranges) == 1
    assert "HTTP 404" in caught.value.detail


def test_mirror_comes_first(site: Site, client: httpx.Client, tmp_path: Path) -> None:
    site.files["/mirror/net.onnx"] = CONTENT
    pull = bench(
        site,
        client,
        tmp_path,
        replace(NET, url=f"{site.url}/gone"),
        mirrors=(f"{site.url}/mirror/",),
    )

    assert pull.puller.pull("net").read_bytes() == CONTENT


def test_bad_mirror_gives_way_to_the_next_address(
    site: Site, client: httpx.Client, tmp_path: Path
) -> None:
    site.files["/bad/net.onnx"] = b"<html>please log in</html>"
    mirrors = (f"{site.url}/none", f"{site.url}/bad")
    pull = bench(site, client, tmp_path, mirrors=mirrors)

    assert pull.puller.pull("net").read_bytes() == CONTENT


def test_redirects_are_followed(site: Site, client: httpx.Client, tmp_path: Path) -> None:
    site.answers = [(302, {"Location": f"{site.url}/net.onnx"})]

    assert bench(site, client, tmp_path).puller.pull("net").read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("row", "settings"),
    [(NET, {"pull_limit_bytes": 5000}), (replace(NET, file_bytes=len(CONTENT) - 1), {})],
)
def test_announced_length_that_is_wrong_is_refused_before_reading(
    site: Site, client: httpx.Client, tmp_path: Path, row: Row, settings: dict[str, int]
) -> None:
    pull = bench(site, client, tmp_path, row, **settings)

    with pytest.raises(ModelUnavailable) as caught:
        pull.puller.pull("net")

    assert "bytes" in caught.value.detail
    assert not pull.part.exists()


def test_progress_counts_from_the_resumed_byte_to_the_whole(
    site: Site, client: httpx.Client, tmp_path: Path
) -> None:
    pull = bench(site, client, tmp_path)
    pull.part.write_bytes(CONTENT[:5000])
    seen: list[tuple[int, int | None]] = []

    pull.puller.pull("net", lambda have, total: seen.append((have, total)))

    assert seen[0] == (5000, len(CONTENT))
    assert seen[-1] == (len(CONTENT), len(CONTENT))


def test_offline_asks_nobody(site: Site, client: httpx.Client, tmp_path: Path) -> None:
    pull = bench(site, client, tmp_path, offline=True)

    with pytest.raises(ModelUnavailable, match=r"models\.offline"):
        pull.puller.pull("net")

    assert not site.ranges


def test_model_in_a_read_only_folder_is_not_pulled(
    site: Site, client: httpx.Client, tmp_path: Path
) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    (shared / "net.onnx").write_bytes(CONTENT)
    own = tmp_path / "own"
    pull = bench(site, client, own, read_only=(str(shared),), offline=True)

    assert pull.puller.pull("net") == shared / "net.onnx"
    assert not own.exists()


def test_user_supplied_model_cannot_be_pulled(
    site: Site, client: httpx.Client, tmp_path: Path
) -> None:
    with pytest.raises(ModelUnavailable, match=r"put its file 'selfie_segmentation\.onnx'"):
        bench(site, client, tmp_path).puller.pull("selfie")


@pytest.mark.parametrize("row", PULLABLE, ids=lambda row: row.name)
@pytest.mark.parametrize("code", [errno.EROFS, errno.EACCES])
def test_directory_that_cannot_be_written_is_named(
    site: Site, client: httpx.Client, tmp_path: Path, row: Row, code: int
) -> None:
    def refuse(path: Path, mode: str) -> IO[bytes]:
        raise OSError(code, os.strerror(code), str(path))

    row = served(site, row)
    catalogue = bench(site, client, tmp_path, row).puller.catalogue
    puller = Puller(catalogue, client, opened=refuse)

    with pytest.raises(ModelUnavailable, match=r"cannot be written.*models\.directory"):
        puller.pull(row.name)

    assert not (tmp_path / row.file).exists()


def test_file_where_the_directory_should_be_is_named(
    site: Site, client: httpx.Client, tmp_path: Path
) -> None:
    (tmp_path / "taken").write_text("")

    with pytest.raises(ModelUnavailable, match="cannot be written"):
        bench(site, client, tmp_path / "taken" / "models").puller.pull("net")


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_directory_without_permission_is_named(
    site: Site, client: httpx.Client, tmp_path: Path
) -> None:
    directory = tmp_path / "models"
    directory.mkdir(mode=0o500)

    with pytest.raises(ModelUnavailable, match="cannot be written"):
        bench(site, client, directory).puller.pull("net")


@pytest.mark.parametrize("row", PULLABLE, ids=lambda row: row.name)
def test_full_disk_is_named_and_given_back_its_room(
    site: Site, client: httpx.Client, tmp_path: Path, row: Row
) -> None:
    row = served(site, row)
    puller = bench(site, client, tmp_path, row).puller
    with file_size_limit(150), pytest.raises(ModelUnavailable, match="the disk is full"):
        puller.pull(row.name)

    assert [file.name for file in tmp_path.iterdir()] == [f".{row.file}.lock"]


def test_file_larger_than_the_free_room_is_not_begun(
    site: Site, client: httpx.Client, tmp_path: Path
) -> None:
    pull = bench(site, client, tmp_path, replace(NET, file_bytes=2**60))

    with pytest.raises(ModelUnavailable, match="the disk is full"):
        pull.puller.pull("net")

    assert not site.ranges


@pytest.mark.parametrize("row", PULLABLE, ids=lambda row: row.name)
def test_two_pulls_at_once_download_once(
    site: Site, client: httpx.Client, tmp_path: Path, row: Row
) -> None:
    row = served(site, row)
    puller = bench(site, client, tmp_path, row).puller
    site.gate.clear()
    paths: list[Path] = []
    threads = [
        threading.Thread(target=lambda: paths.append(puller.pull(row.name))) for _ in range(2)
    ]

    threads[0].start()
    assert site.asked.wait(30)
    threads[1].start()
    site.gate.set()
    for thread in threads:
        thread.join()

    assert paths == [tmp_path / row.file] * 2
    assert site.ranges == [None]
