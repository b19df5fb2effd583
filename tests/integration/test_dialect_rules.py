"""The rules that decide whether clients work (task-api.md, section 0), with frames as sent."""

from __future__ import annotations

import json

import pytest
from integration.client import PING, elements_of
from integration.conftest import Connect
from integration.pictures import picture_of, scene_uri
from integration.service import KEY, Service
from integration.sources import PictureServer
from integration.tasks import OLD_REMOVAL, REMOVAL, new_uuid, poll, removal, upload, without

MIB = 1024 * 1024
PONG_TEXT = '{"data":[{"taskType":"ping","pong":true}]}'


async def test_rule_1_each_frame_holds_one_element_of_data_or_of_errors(
    service: Service, connect: Connect
) -> None:
    client = await connect(service)
    tasks = [removal(), removal(outputFormat="GIF"), removal(), removal("!!"), upload()]
    await client.send(*tasks)
    frames = await client.take(len(tasks))
    assert all(list(frame) in (["data"], ["errors"]) for frame in frames)
    assert all(len(elements_of(frame)) == 1 for frame in frames)


async def test_rule_1_two_bad_tasks_get_two_frames_with_their_own_parameter(
    service: Service, connect: Connect
) -> None:
    client = await connect(service)
    first, second = removal(outputFormat="GIF"), removal(outputQuality=5)
    await client.send(first, second)
    frames = await client.take(2)
    told = {frame["errors"][0]["taskUUID"]: frame["errors"][0]["parameter"] for frame in frames}
    assert told == {first["taskUUID"]: "outputFormat", second["taskUUID"]: "outputQuality"}


async def test_rule_2_pong_is_alone_in_its_frame(service: Service, connect: Connect) -> None:
    client, task = await connect(service), removal()
    await client.send(task, PING, removal(outputFormat="GIF"), PING)
    await client.replies(task["taskUUID"])
    await client.pong()
    assert [text for text in client.texts if "pong" in text] == [PONG_TEXT] * 3


async def test_rule_2_ping_is_answered_while_a_task_runs(
    lan_service: Service, connect: Connect, sources: PictureServer
) -> None:
    client, source = await connect(lan_service), sources.gated()
    task = removal(source.url)
    await client.send(task)
    await source.asked.wait()
    await client.pong()
    assert client.about(task["taskUUID"]) == []
    source.open()
    assert "imageURL" in (await client.replies(task["taskUUID"]))[0]


@pytest.mark.parametrize("key", [KEY, "wrong"])
async def test_rule_3_authentication_replies_carry_no_task_uuid(
    service: Service, stranger: Connect, key: str
) -> None:
    client = await stranger(service)
    await client.send({"taskType": "authentication", "apiKey": key, "taskUUID": new_uuid()})
    (element,) = elements_of(await client.next())
    assert "taskUUID" not in element
    assert element["taskType"] == "authentication"


async def test_rule_4_session_uuid_is_in_the_first_element_of_data(
    service: Service, stranger: Connect
) -> None:
    client = await stranger(service)
    await client.send({"taskType": "authentication", "apiKey": KEY})
    session = (await client.next())["data"][0]["connectionSessionUUID"]
    assert isinstance(session, str)
    assert session


async def test_rule_5_task_errors_echo_the_task_uuid_verbatim(
    service: Service, connect: Connect
) -> None:
    client, shouted = await connect(service), new_uuid().upper()
    error = await client.run(removal(outputFormat="GIF", taskUUID=shouted))
    assert error["taskUUID"] == shouted


async def test_rule_5_an_unusable_task_uuid_is_echoed_too(
    service: Service, connect: Connect
) -> None:
    client = await connect(service)
    error = await client.run(removal(taskUUID="abc"))
    assert (error["code"], error["parameter"]) == ("invalidTaskUUID", "taskUUID")


async def test_rule_6_upload_reply_has_uuid_and_url(service: Service, connect: Connect) -> None:
    client, task = await connect(service), upload()
    result = await client.run(task)
    assert sorted(result) == ["imageURL", "imageUUID", "taskType", "taskUUID"]
    assert result["taskType"] == "imageUpload"


@pytest.mark.parametrize("task_type", [REMOVAL, OLD_REMOVAL])
async def test_rules_7_and_8_both_names_run_and_are_echoed(
    service: Service, connect: Connect, task_type: str
) -> None:
    client, task = await connect(service), removal(taskType=task_type)
    result = await client.run(task)
    assert sorted(result) == ["imageURL", "imageUUID", "taskType", "taskUUID"]
    assert (result["taskType"], result["taskUUID"]) == (task_type, task["taskUUID"])


FLAT = {"returnOnlyMask": True, "postProcessMask": False, "alphaMatting": False}
FORMS = {
    "flat": FLAT,
    "nested": {"settings": FLAT},
    "mixed": {"returnOnlyMask": True, "settings": {"alphaMatting": False}},
}


@pytest.mark.parametrize("form", FORMS)
async def test_rule_9_settings_count_flat_and_nested(
    service: Service, connect: Connect, form: str
) -> None:
    client = await connect(service)
    assert (await picture_of(await client.run(removal() | FORMS[form]))).mode == "L"


async def test_rule_9_image_counts_under_inputs(service: Service, connect: Connect) -> None:
    client = await connect(service)
    task = without(removal(), "inputImage") | {"inputs": {"image": scene_uri(50, 40)}}
    assert (await picture_of(await client.run(task))).size == (50, 40)


async def test_rule_9_a_setting_given_twice_is_refused_by_name(
    service: Service, connect: Connect
) -> None:
    client = await connect(service)
    error = await client.run(removal(alphaMatting=True, settings={"alphaMatting": True}))
    assert (error["code"], error["parameter"]) == ("invalidAlphaMatting", "alphaMatting")


async def test_rule_10_login_and_ping_back_to_back_are_answered_in_order(
    service: Service, stranger: Connect
) -> None:
    client = await stranger(service)
    await client.socket.send(json.dumps([{"taskType": "authentication", "apiKey": KEY}]))
    await client.socket.send(json.dumps([PING]))
    await client.socket.send(json.dumps([removal(outputFormat="GIF")]))
    kinds = [elements_of(frame)[0]["taskType"] for frame in await client.take(3)]
    assert kinds == ["authentication", "ping", REMOVAL]


async def test_rule_11_no_data_element_looks_like_an_error(
    service: Service, connect: Connect
) -> None:
    client = await connect(service)
    sync, later = removal(includeCost=True), removal(deliveryMethod="async")
    for task in (sync, later, upload(), poll(sync["taskUUID"])):
        await client.run(task)
    await client.pong()
    data = [element for frame in client.frames for element in frame.get("data", [])]
    assert not any({"code", "error", "errorId"} & set(element) for element in data)


async def test_rule_13_task_uuid_sent_again_is_a_conflict_with_its_uuid(
    service: Service, connect: Connect
) -> None:
    client, task = await connect(service), removal()
    await client.run(task)
    await client.send(task)
    error = (await client.replies(task["taskUUID"], count=2))[1]
    assert (error["code"], error["parameter"]) == ("conflictTaskUUID", "taskUUID")
    assert error["taskUUID"] == task["taskUUID"]


async def test_rule_13_stored_result_is_served_after_a_conflict(
    service: Service, connect: Connect
) -> None:
    client, task = await connect(service), removal()
    result = await client.run(task)
    await client.send(task)
    await client.send(poll(task["taskUUID"]))
    served = (await client.replies(task["taskUUID"], count=3))[2]
    assert served["status"] == "success"
    assert served["imageUUID"] == result["imageUUID"]


async def test_rule_14_replies_with_urls_are_small(service: Service, connect: Connect) -> None:
    client = await connect(service)
    await client.run(removal(scene_uri(1200, 900)))
    assert len(client.texts[-1]) < MIB // 1000
