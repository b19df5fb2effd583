import base64
import hashlib
import hmac
import json
import logging

import msgspec
import pytest
from fakes import uuid_of

from protocol.jobs import Callback
from server.deliveries import DeliverySettings, edit_signing_key


async def test_webhook_brings_the_flat_object(kit) -> None:
    receiver, office = await kit.receiver(), await kit.office()

    await office.settle(kit.done(webhook_url=receiver.url("/hook?token=1")))

    (request,) = await receiver.received(1)
    assert (request.method, request.path) == ("POST", "/hook?token=1")
    assert request.headers["content-type"] == "application/json"
    told = json.loads(request.body)
    assert told == {"taskUUID": uuid_of(1), "dialect": "task", "at": "http://here"}


async def test_webhook_is_signed_with_the_tenants_secret(kit) -> None:
    receiver, office = await kit.receiver(), await kit.office()

    await office.settle(kit.done(webhook_url=receiver.url()))

    (request,) = await receiver.received(1)
    key = base64.b64decode(kit.SECRETS.shown("acme").removeprefix("whsec_"))
    stamp = request.headers["webhook-timestamp"]
    signed = f"{uuid_of(1)}.{stamp}.".encode() + request.body
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert request.headers["webhook-id"] == uuid_of(1)
    assert request.headers["webhook-signature"] == f"v1,{expected}"


async def test_edit_webhook_is_signed_with_the_token_that_asked(kit) -> None:
    receiver, office = await kit.receiver(), await kit.office()
    sealed = kit.SECRETS.seal(edit_signing_key("token"))
    callback = Callback(base_url="http://here", sealed_key=sealed)

    await office.settle(kit.done(webhook_url=receiver.url(), dialect="edit", callback=callback))

    (request,) = await receiver.received(1)
    key = hmac.new(b"token", b"bria-webhook-signing-v1", hashlib.sha256).digest()
    signed = f"{uuid_of(1)}.{request.headers['bria-webhook-timestamp']}.".encode() + request.body
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert request.headers["bria-webhook-id"] == uuid_of(1)
    assert request.headers["bria-webhook-signature"] == f"v1={expected}"
    assert json.loads(request.body)["dialect"] == "edit"


async def test_upload_puts_the_picture_with_its_media_type(kit) -> None:
    receiver, office = await kit.receiver(201), await kit.office()

    await office.settle(kit.done(upload_endpoint=receiver.url("/put/here")))

    (request,) = await receiver.received(1)
    assert (request.method, request.path) == ("PUT", "/put/here")
    assert request.headers["content-type"] == "image/png"
    assert request.body == kit.PICTURE


async def test_failed_task_calls_its_webhook_and_uploads_nothing(kit) -> None:
    hook, bucket, office = await kit.receiver(), await kit.receiver(), await kit.office()

    await office.settle(kit.failed(webhook_url=hook.url(), upload_endpoint=bucket.url()))

    await hook.received(1)
    await office.observer.nothing_pends()
    assert bucket.requests == []


async def test_receiver_that_fails_twice_is_tried_a_third_time(kit) -> None:
    receiver, office = await kit.receiver(500, 500, 200), await kit.office()

    await office.settle(kit.done(webhook_url=receiver.url()))
    await office.observer.nothing_pends()

    assert len(receiver.requests) == 3
    assert [how for _, how in office.observer.tries] == ["retried", "retried", "delivered"]


async def test_every_try_has_the_same_id(kit) -> None:
    receiver, office = await kit.receiver(500, 200), await kit.office()

    await office.settle(kit.done(webhook_url=receiver.url()))
    await office.observer.nothing_pends()

    assert {request.headers["webhook-id"] for request in receiver.requests} == {uuid_of(1)}


@pytest.mark.parametrize("answer", ["break off", "redirect", 404, 199 + 101])
async def test_whatever_is_not_2xx_is_tried_again(kit, answer) -> None:
    receiver, office = await kit.receiver(answer, 204), await kit.office()

    await office.settle(kit.done(webhook_url=receiver.url()))
    await office.observer.nothing_pends()

    assert [request.path for request in receiver.requests] == ["/hook", "/hook"]


async def test_receiver_that_hangs_is_hung_up_on(kit) -> None:
    settings = msgspec.structs.replace(kit.QUICK, answer_s=0.05)
    receiver, office = await kit.receiver("hang", 200), await kit.office(settings)

    await office.settle(kit.done(webhook_url=receiver.url()))
    await office.observer.nothing_pends()

    assert len(receiver.requests) == 2


async def test_receiver_that_is_not_there_is_tried_again(kit) -> None:
    receiver = await kit.receiver()
    await receiver.stop()
    office = await kit.office(msgspec.structs.replace(kit.QUICK, tries=1000, longest_wait_s=0.02))
    await office.settle(kit.done(webhook_url=receiver.url()))
    await receiver.start()

    await receiver.received(1)


async def test_delivery_is_given_up_after_the_last_try(kit, caplog) -> None:
    receiver, office = await kit.receiver(500), await kit.office()

    with caplog.at_level(logging.WARNING, logger="cutwire.deliveries"):
        await office.settle(kit.done(webhook_url=receiver.url("/hook?token=secret")))
        await office.observer.nothing_pends()

    assert len(receiver.requests) == kit.QUICK.tries
    assert office.observer.tries[-1] == ("webhook", "given_up")
    (record,) = caplog.records
    assert (record.reason, record.host) == ("status 500", "127.0.0.1")
    assert "secret" not in str(record.__dict__)


async def test_forbidden_address_is_not_called_and_given_up_at_once(kit) -> None:
    receiver, office = await kit.receiver(), await kit.office(allow_private=False)

    await office.settle(kit.done(webhook_url=receiver.url()))
    await office.observer.nothing_pends()

    assert receiver.requests == []
    assert office.observer.tries == [("webhook", "given_up")]


async def test_picture_that_has_expired_is_given_up(kit) -> None:
    receiver, office = await kit.receiver(), await kit.office()
    office.store.blobs.clear()

    await office.settle(kit.done(upload_endpoint=receiver.url()))
    await office.observer.nothing_pends()

    assert office.observer.tries == [("upload", "given_up")]


async def test_pending_delivery_is_taken_up_by_the_next_run(kit) -> None:
    receiver = await kit.receiver()
    first = await kit.office(deliver=False)
    await first.settle(kit.done(webhook_url=receiver.url()))
    await first.close()

    await kit.office()

    assert len(await receiver.received(1)) == 1


async def test_what_is_recorded_before_the_courier_runs_is_delivered(kit) -> None:
    receiver, office = await kit.receiver(), await kit.office(deliver=False)
    await office.courier.open()
    await office.settle(kit.done(webhook_url=receiver.url()))

    office.start()

    await receiver.received(1)


async def test_tries_are_counted_over_a_restart(kit) -> None:
    settings = msgspec.structs.replace(kit.QUICK, longest_wait_s=60, first_wait_s=60)
    receiver, first = await kit.receiver(500), await kit.office(settings)
    await first.settle(kit.done(webhook_url=receiver.url()))
    await first.observer.recorded(1)
    await first.close()

    second = await kit.office()
    await receiver.received(kit.QUICK.tries)
    await second.observer.nothing_pends()

    assert len(receiver.requests) == kit.QUICK.tries


async def test_delivered_webhook_is_not_sent_again_after_a_restart(kit) -> None:
    receiver, first = await kit.receiver(), await kit.office()
    outcome = kit.done(webhook_url=receiver.url())
    await first.settle(outcome)
    await first.observer.nothing_pends()
    await first.close()

    second = await kit.office()
    await second.settle(outcome)  # as a job does whose end was not recorded
    await second.settle(kit.done(2, webhook_url=receiver.url("/second")))
    await second.observer.nothing_pends()

    assert [request.path for request in receiver.requests] == ["/hook", "/second"]


async def test_slow_receiver_holds_up_no_other(kit) -> None:
    slow, quick = await kit.receiver("hang"), await kit.receiver()
    office = await kit.office(DeliverySettings(max_per_host=1, max_per_tenant=2, max_concurrent=3))
    for number in range(5):
        await office.settle(kit.done(number, webhook_url=slow.url(host="127.0.0.1"), tenant="slow"))
    await slow.received(1)

    await office.settle(kit.done(9, webhook_url=quick.url()))

    await quick.received(1)
    assert slow.most_open == 1


async def test_task_ends_before_the_receiver_answers(kit) -> None:
    receiver, office = await kit.receiver("hang"), await kit.office(DeliverySettings())

    await office.settle(kit.done(webhook_url=receiver.url()))

    await receiver.received(1)
    assert office.courier.pending_of("acme") == 1


def test_waits_double_up_to_the_longest() -> None:
    settings = DeliverySettings()

    waits = [settings.wait_s(tries) for tries in range(1, 9)]

    assert waits == [0.25, 0.5, 1, 2, 4, 8, 8, 8]
