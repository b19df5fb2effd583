import json

import pytest

from protocol.replies import Reply
from server.deliveries import Uploads

REPLY = Reply("data", b'{"taskUUID":"7b1e"}')


@pytest.mark.parametrize(("ending", "word"), [("delivered", "delivered"), ("given_up", "failed")])
async def test_poll_tells_what_became_of_the_upload(kit, ending, word) -> None:
    office = await kit.office(deliver=False)
    outcome = kit.done(upload_endpoint="http://a.test/")
    (entry,) = await office.owe(outcome)
    uploads = Uploads(office.outbox)

    pending = json.loads((await uploads.tell(outcome, REPLY)).body)
    await office.outbox.end(entry, ending)
    ended = json.loads((await uploads.tell(outcome, REPLY)).body)

    assert pending == {"taskUUID": "7b1e", "uploadStatus": "pending"}
    assert ended == {"taskUUID": "7b1e", "uploadStatus": word}


async def test_poll_of_a_task_without_an_upload_tells_nothing_of_it(kit) -> None:
    office = await kit.office(deliver=False)

    assert await Uploads(office.outbox).tell(kit.done(), REPLY) == REPLY
