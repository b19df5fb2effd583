"""Which tasks are admitted together? Those of the messages that have come, if all are new."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from protocol.decoding import Element
from protocol.tasks import JOB_TASKS, Task


class Gathering:
    """New tasks of one message or several, each with a taskUUID of its own."""

    def __init__(self) -> None:
        self._tasks: dict[str, Task] = {}

    def __len__(self) -> int:
        return len(self._tasks)

    def add(self, elements: Sequence[Element]) -> bool:
        """Add a message; False, and nothing was added: what is here has to go first, or all alone.

        That is so where an element is no new task, or has the taskUUID of one that is here: what it
        means depends on what becomes of those before it.
        """
        tasks: dict[str, Task] = {}
        for task in cast("Sequence[Task]", elements):
            if type(task) not in JOB_TASKS:
                return False
            tasks[task.task_uuid.lower()] = task
        if not tasks.keys().isdisjoint(self._tasks):
            return False
        self._tasks |= tasks
        return True

    def take(self) -> list[Task]:
        """Give what was gathered, and begin anew."""
        tasks, self._tasks = [*self._tasks.values()], {}
        return tasks
