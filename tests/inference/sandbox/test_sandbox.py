"""Images decoded in processes: the same pictures and errors, and deaths that harm one image."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
import psutil
import pytest
from PIL import Image, ImageCms

from inference.coding import PictureLimits, decode
from inference.picture import Picture
from inference.sandbox import DecodingSettings, Sandbox
from inference.sandbox.memory import SharedMemory, make_memory
from inference.sandbox.messages import Decoded
from protocol.errors import CutwireError, ImageTooLarge, MalformedImage, OutOfMemory

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="confinement is Linux's")

LIMITS = PictureLimits()
PATIENCE_S = 60.0


def saved(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def _images() -> dict[str, bytes]:
    """One image of each kind that makes decoders load something of their own."""
    noise = np.random.default_rng(5).integers(0, 256, (9, 11, 4), np.uint8)
    rgb, rgba = Image.fromarray(noise[..., :3].copy()), Image.fromarray(noise)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    exif = Image.Exif()
    exif[0x0112] = 6
    png = saved(rgba)
    return {
        "png": png,
        "png that is turned": saved(rgb, exif=exif),
        "palette": saved(rgb.convert("P"), transparency=3),
        "16 bits": saved(Image.fromarray(noise[..., 0].astype(np.uint16) * 257)),
        "1 bit": saved(rgb.convert("1")),
        "grey and alpha": saved(rgba.convert("LA")),
        "jpeg": saved(rgb, "JPEG"),
        "jpeg that is turned": saved(rgb, "JPEG", exif=exif),
        "jpeg with a profile": saved(rgb, "JPEG", icc_profile=profile),
        "progressive jpeg": saved(rgb, "JPEG", progressive=True),
        "jpeg of several pictures": saved(rgb, "MPO", save_all=True, append_images=[rgb]),
        "cmyk": saved(rgb.convert("CMYK"), "JPEG"),
        "webp": saved(rgba, "WEBP", lossless=True),
        "webp that is turned": saved(rgb, "WEBP", exif=exif),
        "animated webp": saved(rgb, "WEBP", save_all=True, append_images=[rgba]),
        "half a png": png[: len(png) // 2],
        "half a jpeg": saved(rgb, "JPEG")[:400],
        "a header alone": png[:33],
        "a gif": saved(rgb, "GIF"),
    }


IMAGES = _images()
PNG = IMAGES["png"]


@pytest.fixture(scope="module", params=["process", "seccomp"])
def shared_sandbox(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    """A sandbox of each kind that ends nobody."""
    if request.param == "seccomp":
        pytest.importorskip("pyseccomp", exc_type=ImportError)
    sandbox = Sandbox(DecodingSettings(sandbox=request.param), LIMITS, 1)
    sandbox.open()
    yield sandbox
    sandbox.close()


Make = Callable[..., "Bench"]


class Bench:
    """A sandbox whose processes a test stops, ends and counts."""

    def __init__(self, **settings: Any) -> None:
        before = set(psutil.Process().children())
        self.sandbox = Sandbox(
            DecodingSettings(**({"sandbox": "process", "processes": 1} | settings)), LIMITS, 1
        )
        self._before = before
        self._threads = ThreadPoolExecutor(4)
        self.sandbox.open()

    def processes(self) -> list[psutil.Process]:
        return [
            child
            for child in psutil.Process().children()
            if child not in self._before and child.status() != psutil.STATUS_ZOMBIE
        ]

    def begin(self, data: bytes = PNG) -> Future[Picture]:
        return self._threads.submit(self.decode, data)

    def decode(self, data: bytes = PNG) -> Picture:
        return self.sandbox.decode(data, parameter="inputImage", limits=LIMITS)

    def stall(self, process: psutil.Process) -> Future[Picture]:
        """Begin an image that its process has in hand and does not go on with."""
        process.suspend()
        decoding = self.begin()
        deadline = time.monotonic() + PATIENCE_S
        while not self.sandbox.busy and time.monotonic() < deadline:
            time.sleep(0.001)
        return decoding

    def end_at_work(self, number: int) -> CutwireError:
        """Send a signal to the process while it has an image in hand; return its image's error."""
        (process,) = self.processes()
        decoding = self.stall(process)
        os.kill(process.pid, number)
        with contextlib.suppress(psutil.NoSuchProcess):
            process.resume()
        error = decoding.exception(PATIENCE_S)
        assert isinstance(error, CutwireError)
        return error

    def close(self) -> None:
        self.sandbox.close()
        self._threads.shutdown()
        assert self.processes() == []


@pytest.fixture
def make() -> Iterator[Make]:
    benches: list[Bench] = []

    def make(**settings: Any) -> Bench:
        benches.append(Bench(**settings))
        return benches[-1]

    yield make
    for bench in benches:
        bench.close()


def told(decoder: Callable[..., Picture], data: bytes) -> object:
    """What a decoder says of an image, to be compared."""
    try:
        picture = decoder(data, parameter="inputImage", limits=LIMITS)
    except CutwireError as error:
        return type(error), error.message, error.parameter, error.constraint
    alpha = None if picture.alpha is None else picture.alpha.tolist()
    return picture.rgb.tolist(), alpha


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", IMAGES)
def test_sandbox_says_what_the_decoder_says(shared_sandbox: Sandbox, name: str) -> None:
    assert told(shared_sandbox.decode, IMAGES[name]) == told(decode, IMAGES[name])


def test_picture_stays_when_the_next_one_comes(shared_sandbox: Sandbox) -> None:
    first = shared_sandbox.decode(PNG, parameter="inputImage", limits=LIMITS)
    before = first.rgb.copy()
    shared_sandbox.decode(IMAGES["cmyk"], parameter="inputImage", limits=LIMITS)
    assert (first.rgb == before).all()


def test_largest_picture_fits(shared_sandbox: Sandbox) -> None:
    data = saved(Image.new("L", (10_000, 5_000), 7), compress_level=1)
    assert shared_sandbox.decode(data, parameter="x", limits=LIMITS).pixels == 50_000_000


def test_limits_hold_in_front_of_the_sandbox(make: Make) -> None:
    with pytest.raises(ImageTooLarge):
        make().decode(saved(Image.new("1", (16_385, 1))))


@pytest.mark.parametrize(
    ("number", "kind", "words"),
    [
        (signal.SIGKILL, OutOfMemory, "not enough memory"),
        (signal.SIGSEGV, MalformedImage, "damaged"),
        (signal.SIGXCPU, MalformedImage, "takes longer"),
    ],
)
def test_process_that_dies_is_its_images_error_and_is_replaced(
    make: Make, number: int, kind: type[CutwireError], words: str
) -> None:
    bench = make()
    error = bench.end_at_work(number)
    assert isinstance(error, kind)
    assert words in error.message
    assert error.parameter == "inputImage"
    assert told(bench.sandbox.decode, PNG) == told(decode, PNG)


def test_process_that_dies_between_images_is_nobodys_error(make: Make) -> None:
    bench = make()
    (process,) = bench.processes()
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert bench.decode().pixels == 99


def test_neighbours_of_an_image_that_ends_its_process_are_unharmed(make: Make) -> None:
    bench = make(processes=2)
    (process,) = bench.processes()
    doomed = bench.stall(process)
    assert bench.begin().result(PATIENCE_S).pixels == 99
    process.kill()
    assert isinstance(doomed.exception(PATIENCE_S), OutOfMemory)


def test_image_that_takes_too_much_cpu_is_refused(make: Make) -> None:
    bench = make(cpu_s=0.02)
    with pytest.raises(MalformedImage, match="takes longer"):
        bench.decode(saved(Image.new("RGB", (4000, 4000)), compress_level=1))


def test_image_that_takes_too_long_is_refused_and_its_process_ended(make: Make) -> None:
    bench = make(time_s=0.05)
    (process,) = bench.processes()
    process.suspend()
    with pytest.raises(MalformedImage, match="takes longer"):
        bench.decode()
    assert not process.is_running()


def test_image_that_takes_too_much_memory_is_refused_and_the_next_is_not(make: Make) -> None:
    bench = make(memory_bytes=64 << 20)
    with pytest.raises(OutOfMemory):
        bench.decode(saved(Image.new("RGB", (6000, 6000)), compress_level=1))
    assert bench.decode().pixels == 99


def test_no_more_processes_run_than_allowed(make: Make) -> None:
    bench = make()
    (process,) = bench.processes()
    decoding = [bench.stall(process), *(bench.begin() for _ in range(3))]
    assert len(bench.processes()) == 1
    process.resume()
    assert [picture.result(PATIENCE_S).pixels for picture in decoding] == [99] * 4
    assert len(bench.processes()) == 1


def test_process_is_replaced_after_so_many_images(make: Make) -> None:
    bench = make(images_per_process=2)
    seen = set()
    for _ in range(3):
        seen |= {process.pid for process in bench.processes()}
        bench.decode()
    seen |= {process.pid for process in bench.processes()}
    assert len(seen) == 2


def test_close_ends_a_process_at_work(make: Make) -> None:
    bench = make()
    (process,) = bench.processes()
    decoding = bench.stall(process)
    bench.sandbox.close()
    assert isinstance(decoding.exception(PATIENCE_S), CutwireError)


def test_process_knows_no_secret_of_the_service(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUTWIRE_STORE__SECRET_ACCESS_KEY", "s3cret")
    (process,) = make().processes()
    assert "s3cret" not in str(process.environ())


def test_shared_memory_cannot_be_shrunk_under_its_reader() -> None:
    descriptor = make_memory(LIMITS)
    with os.fdopen(descriptor, "r+b"), pytest.raises(PermissionError):
        os.ftruncate(descriptor, 0)


@pytest.mark.parametrize(("width", "height"), [(0, 5), (-1, -5), (10**9, 10**9), (2**40, 1)])
def test_sizes_that_do_not_fit_are_no_picture(width: int, height: int) -> None:
    descriptor = make_memory(LIMITS)
    with os.fdopen(descriptor):
        memory = SharedMemory(descriptor, LIMITS)
    with pytest.raises(ValueError, match="pixels"):
        memory.take_picture(Decoded(width, height, has_alpha=True))
