"""The program that decodes: it locks itself up, then turns files into pixels until it is ended.

Run as `python -m inference.sandbox.process SETUP`, with a socket as standard input.
"""

from __future__ import annotations

import io
import math
import os
import signal
import sys

import msgspec
import numpy as np
from PIL import Image, MpoImagePlugin, TiffImagePlugin

from inference.coding import PictureLimits, decode, encode
from inference.picture import Picture
from inference.sandbox.confinement import CHANNEL, lock, make_filter
from inference.sandbox.memory import SharedMemory
from inference.sandbox.messages import MAX_MESSAGE_BYTES, READY, Answer, Failed, Order, Setup
from protocol.errors import CutwireError
from protocol.faults import Fault

_DETAIL_CHARS = 500
_LATE = (MpoImagePlugin, TiffImagePlugin)  # what only some JPEGs and EXIF data need
_ORDERS = msgspec.msgpack.Decoder(Order)
_ANSWERS = msgspec.msgpack.Encoder()


def main() -> None:
    """Serve until the other side closes the socket."""
    setup = msgspec.json.decode(sys.argv[1], type=Setup)
    try:
        calls = make_filter() if setup.is_filtered else None
    except CutwireError as error:
        os.write(CHANNEL, f"{error.message} {error.detail}".encode())
        return
    memory = SharedMemory(setup.memory_descriptor, setup.limits)
    _warm_up()
    lock(setup.memory_bytes, math.ceil(setup.cpu_s * setup.images), calls)
    os.write(CHANNEL, READY)
    while message := os.read(CHANNEL, MAX_MESSAGE_BYTES):
        signal.setitimer(signal.ITIMER_PROF, setup.cpu_s)  # SIGPROF ends the process
        answer = _answer(_ORDERS.decode(message), memory, setup.limits)
        signal.setitimer(signal.ITIMER_PROF, 0)
        os.write(CHANNEL, _ANSWERS.encode(answer))


def _answer(order: Order, memory: SharedMemory, limits: PictureLimits) -> Answer:
    try:
        data = memory.file(order.file_bytes)
        return memory.put_picture(decode(data, parameter=order.parameter, limits=limits))
    except CutwireError as error:
        fault = Fault.of(error)
        return Failed(msgspec.structs.replace(fault, detail=fault.detail[:_DETAIL_CHARS]))


def _warm_up() -> None:
    """Import what decoders import late: a locked process opens no file any more."""
    exif = Image.Exif()
    exif[0x0112] = 3
    rgb, alpha = np.zeros((8, 8, 3), np.uint8), np.zeros((8, 8), np.uint8)
    files = [
        encode(Picture(rgb, alpha), format="PNG"),
        encode(Picture(rgb, alpha), format="WEBP"),
        encode(Picture(rgb), format="JPG"),
    ]
    for mode, kind in (("P", "PNG"), ("CMYK", "JPEG"), ("RGB", "JPEG"), ("RGB", "WEBP")):
        out = io.BytesIO()
        Image.new(mode, (8, 8)).save(out, kind, exif=exif)
        files.append(out.getvalue())
    for file in files:
        decode(file, parameter="image", limits=PictureLimits())


if __name__ == "__main__":
    main()
