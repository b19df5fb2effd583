import asyncio

import pytest
from fakes import FakeClock

from server.deliveries import Outbox


async def test_task_without_callbacks_owes_nothing(kit) -> None:
    office = await kit.office(deliver=False)

    assert await office.owe(kit.done()) == []


async def test_webhook_and_upload_are_owed_apart(kit) -> None:
    office = await kit.office(deliver=False)
    outcome = kit.done(webhook_url="http://a.test/", upload_endpoint="http://b.test:81/x")

    owed = await office.owe(outcome)

    assert [(entry.kind, entry.host) for entry in owed] == [
        ("webhook", "a.test"),
        ("upload", "b.test"),
    ]


async def test_what_is_owed_survives_the_process(kit) -> None:
    first = await kit.office(deliver=False)
    outcome = kit.done(webhook_url="http://a.test/")
    (entry,) = await first.owe(outcome)
    await first.close()

    second = await kit.office(deliver=False)

    assert await second.outbox.pending() == [entry]
    assert await second.outbox.outcome(entry) == outcome


async def test_job_that_was_recorded_twice_owes_its_result_once(kit) -> None:
    office = await kit.office(deliver=False)
    outcome = kit.done(webhook_url="http://a.test/")
    await office.settle(outcome)

    (entry,) = await office.owe(kit.failed(webhook_url="http://a.test/"))

    assert await office.outbox.outcome(entry) == outcome


async def test_what_was_recorded_in_a_change_that_was_undone_is_not_owed(kit) -> None:
    office = await kit.office(deliver=False)
    told = []
    office.outbox.listen(told.append)

    def change(connection) -> None:
        office.outbox.record(connection, kit.done(webhook_url="http://a.test/"))
        raise ValueError("undone")

    with pytest.raises(ValueError, match="undone"):
        await office.database.write(change)
    await asyncio.sleep(0)

    (entry,) = told
    assert await office.outbox.outcome(entry) is None


async def test_delivery_that_ended_is_not_owed_again(kit) -> None:
    office = await kit.office(deliver=False)
    outcome = kit.done(webhook_url="http://a.test/")
    (entry,) = await office.owe(outcome)
    await office.outbox.end(entry, "delivered")

    assert await office.owe(outcome) == []


async def test_state_of_an_upload_is_known_to_the_end(kit) -> None:
    office = await kit.office(deliver=False)
    outcome = kit.done(upload_endpoint="http://a.test/")
    assert await office.outbox.state("upload", outcome) is None

    (entry,) = await office.owe(outcome)
    assert await office.outbox.state("upload", outcome) == "pending"

    await office.outbox.end(entry, "given_up")
    assert await office.outbox.state("upload", outcome) == "given_up"


async def test_later_task_of_the_same_uuid_owes_its_own(kit) -> None:
    office = await kit.office(deliver=False)
    (entry,) = await office.owe(kit.done(webhook_url="http://a.test/"))
    await office.outbox.end(entry, "delivered")

    assert await office.owe(kit.done(webhook_url="http://a.test/", submitted_at=5_000.0))


async def test_ended_deliveries_are_forgotten_after_their_time(kit) -> None:
    office = await kit.office(deliver=False)
    for number in (1, 2):
        await office.settle(kit.done(number, webhook_url="http://a.test/"))
    ended, pending = await office.outbox.pending()
    clock = FakeClock()
    outbox = Outbox(office.database, clock)
    await outbox.end(ended, "given_up")
    clock.advance(100)

    assert await outbox.sweep(keep_s=99) == 1
    assert await outbox.sweep(keep_s=99) == 0
    assert await outbox.pending() == [pending]
