"""Loaded models: which provider runs them, and how a batch is run."""

from inference.sessions.opening import open_session
from inference.sessions.providers import choose_providers, count_gpus
from inference.sessions.session import Session
from inference.sessions.settings import Provider, SessionSettings

__all__ = [
    "Provider",
    "Session",
    "SessionSettings",
    "choose_providers",
    "count_gpus",
    "open_session",
]
