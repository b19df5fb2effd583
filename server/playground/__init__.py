"""The playground: the service's own page at `/`, for people."""

from server.playground.pages import Playground
from server.playground.task_forms import describe_tasks

__all__ = ["Playground", "describe_tasks"]
