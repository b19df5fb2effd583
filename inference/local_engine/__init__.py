"""The engine of one machine: jobs and results in this process, journalled on its disk."""

from inference.local_engine.engine import LocalEngine
from inference.local_engine.settings import LocalEngineSettings

__all__ = ["LocalEngine", "LocalEngineSettings"]
