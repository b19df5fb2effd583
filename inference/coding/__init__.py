"""Bytes to picture and back: PNG, JPEG and WEBP, bounded and brought to upright sRGB."""

from inference.coding.decoding import decode
from inference.coding.encoding import OutputFormat, encode, encode_mask
from inference.coding.header import Header, probe
from inference.coding.limits import PictureLimits
from inference.coding.sniffing import InputFormat

__all__ = [
    "Header",
    "InputFormat",
    "OutputFormat",
    "PictureLimits",
    "decode",
    "encode",
    "encode_mask",
    "probe",
]
