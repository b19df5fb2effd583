"""Untrusted image bytes decoded by processes that can do nothing else."""

from inference.sandbox.decoder import Sandbox
from inference.sandbox.opening import DecodesImages, running_decoder
from inference.sandbox.settings import DecodingSettings

__all__ = ["DecodesImages", "DecodingSettings", "Sandbox", "running_decoder"]
