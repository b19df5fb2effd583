"""Bad input: an error that names the parameter, for that task alone; the socket stays usable."""

from __future__ import annotations

import json
from typing import Any

import pytest
from integration.client import elements_of
from integration.conftest import Connect
from integration.pictures import base64_of, data_uri, encoded, scene
from integration.service import Service
from integration.tasks import REMOVAL, new_uuid, poll, removal, upload, without
from PIL import Image

UUID = "0b6cb0f2-5a5c-4bd4-8a40-3c5f1f5c4e11"
OLD_UUID = "6e2b9f2c-c6d6-11f0-8de9-0242ac120002"  # of version 1
NO_UUID = "00000000-0000-0000-0000-000000000000"
FILE = encoded(scene())
BOMB = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + (30_000).to_bytes(4, "big") * 2 + b"\x01\0\0\0\0"
INTEGERS = (None, -1, 0, 256, 10**12, "240", True, [], 1.5)
BOOLEANS = (None, 0, 1, "true", [], {})

FIELDS: dict[str, tuple[Any, ...]] = {
    "outputType": (None, 1, [], {}, "", "url", "file", "x" * 10_000),
    "outputFormat": (None, 1, [], "", "GIF", "../PNG", "x" * 10_000),
    "outputQuality": (None, 19, 100, "95", 95.5, True, []),
    "includeCost": BOOLEANS,
    "deliveryMethod": (None, 1, "", "later", [], "SYNC"),
    "numberResults": (None, 0, 2, "1", 1.5),
    "ttl": (None, 59, 10**9, "60", 60.5),
    "webhookURL": (None, 1, "", "ftp://a.example/", "javascript:alert(1)", "x", []),
    "uploadEndpoint": (None, 1, "", "file:///etc/passwd", []),
    "model": (None, 1, "", [], "runware:112@4", "../../etc/passwd"),
    "safety": (None, 1, "strict", []),
    "rgba": (
        *(None, 1, "255,0,0,1", [], [1, 2, 3], [1, 2, 3, 1, 5], [256, 0, 0, 1], [-1, 0, 0, 1]),
        *([0, 0, 0, 999], [0, 0, 0, -1], ["0", 0, 0, 1], [None] * 4, [0.5, 0, 0, 1], {"r": 0}),
    ),
    "postProcessMask": BOOLEANS,
    "returnOnlyMask": BOOLEANS,
    "alphaMatting": BOOLEANS,
    "alphaMattingForegroundThreshold": INTEGERS,
    "alphaMattingBackgroundThreshold": INTEGERS,
    "alphaMattingErodeSize": INTEGERS,
    "taskUUID": (
        *(
            None,
            1,
            [],
            "",
            "abc",
            "6e2b9f2c-c6d6-11f0-8de9-0242ac120002",
            UUID.replace("-", ""),
            f"{{{UUID}}}",
        ),
        *(f" {UUID}", f"{UUID}\n", "00000000-0000-0000-0000-000000000000", "../../etc/passwd"),
    ),
    "taskType": (None, 7, [], {}, "", "imageExplode", REMOVAL.upper(), f"{REMOVAL} ", "__class__"),
    "settings": (None, 1, [], "x"),
    "inputs": (None, 1, [], "x"),
}
FIELD_CASES = {
    f"{field} {repr(value)[:24]} {number}": (field, value)
    for field, values in FIELDS.items()
    for number, value in enumerate(values)
}
IMAGES: dict[str, Any] = {
    "null": None,
    "number": 5,
    "list": [data_uri(FILE)],
    "object": {"url": "x"},
    "empty": "",
    "no base64": "!!!!",
    "text": base64_of(b"hello world, not an image" * 4),
    "bad padding": "iVBORw0KGgo=A",
    "unknown uuid": new_uuid(),
    "empty data URI": "data:image/png;base64,",
    "data URI without base64": "data:image/png,abc",
    "data URI of HTML": "data:text/html;base64," + base64_of(b"<script>alert(1)</script>"),
    "data URI of SVG": "data:image/svg+xml;base64," + base64_of(b"<svg/>"),
    "file URL": "file:///etc/passwd",
    "path": "/etc/passwd",
    "relative path": "../../etc/passwd",
    "ftp": "ftp://a.example/a.png",
    "loopback": "http://127.0.0.1:1/a.png",
    "loopback in IPv6": "http://[::ffff:127.0.0.1]/a.png",
    "loopback as a number": "http://2130706433/a.png",
    "no host": "http:///a.png",
    "bad port": "http://a.example:99999/a.png",
    "line break": "http://a.example/\r\nHost: evil",
    "gif": base64_of(
        b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0\x01\0\x01\0\0\x02\x02D"
    ),
    "cut short": base64_of(FILE[:60]),
    "half": base64_of(FILE[: len(FILE) // 2]),
    "header of a bomb": base64_of(BOMB),
    "too long a side": base64_of(encoded(Image.new("1", (16_385, 1)))),
}
MESSAGES = {
    "": "invalidJSON",
    "hello": "invalidJSON",
    "[": "invalidJSON",
    '[{"a":NaN}]': "invalidJSON",
    "[" * 50_000: "invalidJSON",
    "\ufeff[]": "invalidJSON",
    "null": "invalidRequest",
    '{"data":[]}': "invalidRequest",
    "[]": "arrayTooSmall",
    "[1]": "invalidRequest",
    "[[]]": "invalidRequest",
    "[" + "{}," * 100 + "{}]": "tooManyTasks",
    "[{}]": "missingTaskType",
}


@pytest.mark.parametrize("case", FIELD_CASES)
async def test_wrong_value_is_an_error_that_names_its_field(
    service: Service, connect: Connect, case: str
) -> None:
    client, (field, value) = await connect(service), FIELD_CASES[case]
    await client.send(removal(**{field: value}))
    (error,) = (await client.next())["errors"]
    assert error["parameter"] == field
    assert error["message"]
    await client.pong()


@pytest.mark.parametrize("name", IMAGES)
async def test_wrong_image_is_an_error_that_names_input_image(
    service: Service, connect: Connect, name: str
) -> None:
    client = await connect(service)
    error = await client.run(removal() | {"inputImage": IMAGES[name]})
    assert (error["code"], error["parameter"]) == ("invalidInputImage", "inputImage")
    await client.pong()


@pytest.mark.parametrize("name", IMAGES)
async def test_wrong_image_of_an_upload_names_image(
    service: Service, connect: Connect, name: str
) -> None:
    client = await connect(service)
    error = await client.run(upload() | {"image": IMAGES[name]})
    assert (error["code"], error["parameter"]) == ("invalidImage", "image")


@pytest.mark.parametrize(
    ("task", "code", "parameter"),
    [
        (without(removal(), "inputImage"), "missingInputImage", "inputImage"),
        (without(removal(), "taskType"), "missingTaskType", "taskType"),
        (without(removal(), "taskUUID"), "missingTaskUUID", "taskUUID"),
        (without(upload(), "image"), "missingImage", "image"),
        (without(poll(""), "taskUUID"), "missingTaskUUID", "taskUUID"),
        (removal(taskType="imageExplode"), "unsupportedTaskType", "taskType"),
        (removal(model="runware:112@4"), "unsupportedModel", "model"),
        (removal(numberResults=2), "unsupportedNumberResults", "numberResults"),
        (removal(alphaMating=True), "unknownParameter", "alphaMating"),
        (removal(settings={"rgb": 1}), "unknownParameter", "settings.rgb"),
        (removal(__proto__=1), "unknownParameter", "__proto__"),
        (removal(safety={"tolerance": 3}), "invalidTolerance", "safety.tolerance"),
        (removal(ttl=60, outputType="dataURI"), "invalidTtl", "ttl"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_code_says_what_is_wrong_with_the_parameter(
    service: Service, connect: Connect, task: dict[str, Any], code: str, parameter: str
) -> None:
    client = await connect(service)
    await client.send(task)
    (error,) = (await client.next())["errors"]
    assert (error["code"], error["parameter"]) == (code, parameter)


async def test_error_tells_type_range_default_and_where_to_read_on(
    service: Service, connect: Connect
) -> None:
    client, task = await connect(service), removal(outputQuality=5)
    error = await client.run(task)
    del error["message"]
    assert error == {
        "code": "invalidOutputQuality",
        "parameter": "outputQuality",
        "type": "integer",
        "min": 20,
        "max": 99,
        "default": 95,
        "documentation": f"{service.url}/docs/errors#invalidOutputQuality",
        "taskType": REMOVAL,
        "taskUUID": task["taskUUID"],
    }


async def test_error_tells_the_allowed_values(service: Service, connect: Connect) -> None:
    client = await connect(service)
    error = await client.run(removal(outputFormat="GIF"))
    assert sorted(error["allowedValues"]) == ["JPG", "PNG", "WEBP"]


@pytest.mark.parametrize(
    ("sent", "named"),
    [
        ({"alphaMattingBackgroundThreshold": 240}, "alphaMattingBackgroundThreshold"),
        ({"alphaMattingForegroundThreshold": 10}, "alphaMattingForegroundThreshold"),
        (
            {"alphaMattingForegroundThreshold": 9, "alphaMattingBackgroundThreshold": 9},
            "alphaMattingBackgroundThreshold",
        ),
    ],
)
async def test_thresholds_that_cross_name_the_one_that_was_sent(
    service: Service, connect: Connect, sent: dict[str, int], named: str
) -> None:
    client = await connect(service)
    assert (await client.run(removal(settings=sent)))["parameter"] == named


async def test_repeated_key_is_refused(service: Service, connect: Connect) -> None:
    client, task = await connect(service), json.dumps(removal())
    await client.socket.send(f'[{task[:-1]}, "outputFormat": "PNG", "outputFormat": "JPG"}}]')
    (error,) = (await client.next())["errors"]
    assert error["parameter"] == "outputFormat"


async def test_bad_tasks_do_not_spoil_their_neighbours(service: Service, connect: Connect) -> None:
    client = await connect(service)
    tasks = [removal(), removal(outputFormat="GIF"), removal(), removal("!!"), upload(), 5]
    await client.send(*tasks)
    frames = await client.take(len(tasks))
    good = {element["taskUUID"] for frame in frames for element in frame.get("data", [])}
    assert good == {tasks[0]["taskUUID"], tasks[2]["taskUUID"], tasks[4]["taskUUID"]}


@pytest.mark.parametrize("text", MESSAGES, ids=lambda text: text[:16])
async def test_message_that_is_no_array_of_tasks_is_named_and_the_socket_goes_on(
    service: Service, connect: Connect, text: str
) -> None:
    client = await connect(service)
    await client.socket.send(text)
    (error,) = elements_of(await client.next())
    assert error["code"] == MESSAGES[text]
    assert "imageURL" in await client.run(removal())


async def test_uuid_of_version_7_is_taken(service: Service, connect: Connect) -> None:
    client = await connect(service)
    task = removal(taskUUID=new_uuid()[:14] + "7" + new_uuid()[15:])
    assert "imageURL" in await client.run(task)


async def test_message_never_echoes_control_characters(service: Service, connect: Connect) -> None:
    client = await connect(service)
    error = await client.run(removal(outputFormat="\x00\x1b[31m\r\nfake log line"))
    assert error["message"].isprintable()
