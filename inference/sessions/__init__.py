"""Loaded models: which provider runs them, and how a batch is run.

What opens them loads ONNX Runtime, which a gateway never needs: see the modules.
"""

from inference.sessions.settings import Provider, SessionSettings

__all__ = ["Provider", "SessionSettings"]
