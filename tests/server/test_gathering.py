"""Tasks of several messages go in together, where none depends on what became of another."""

from __future__ import annotations

import msgspec
from fakes import removal, uuid_of

from protocol.decoding import Failed
from protocol.errors import InvalidRequest
from protocol.tasks import GetResponse, Ping
from server.gathering import Gathering


def test_tasks_of_two_messages_are_given_together_in_order() -> None:
    gathered = Gathering()
    first, second, third = removal(1), removal(2), removal(3)
    assert gathered.add([first, second])
    assert gathered.add([third])
    assert len(gathered) == 3
    assert gathered.take() == [first, second, third]


def test_what_was_given_is_not_given_again() -> None:
    gathered = Gathering()
    gathered.add([removal(1)])
    gathered.take()
    assert gathered.take() == []
    assert gathered.add([removal(1)])


def test_task_with_a_uuid_that_is_here_goes_in_after_the_others() -> None:
    gathered = Gathering()
    first = removal(10)
    gathered.add([first])
    again = msgspec.structs.replace(first, task_uuid=first.task_uuid.upper())
    assert not gathered.add([removal(2), again])
    assert gathered.take() == [first]


def test_message_with_anything_but_new_tasks_goes_in_alone() -> None:
    gathered = Gathering()
    poll = GetResponse(task_uuid=uuid_of(2))
    broken = Failed(InvalidRequest("No."))
    for odd in (poll, Ping(), broken):
        assert not gathered.add([removal(1), odd])
    assert gathered.take() == []
