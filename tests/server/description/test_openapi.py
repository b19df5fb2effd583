"""The OpenAPI document: valid, whole, and true to the code that decodes."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from protocol.decoding import Failed, decode_message
from server.description import openapi
from server.edit_routes import ENDPOINTS

UUID = "7b1e5d9c-3f0a-4c8e-9d2b-1a2b3c4d5e6f"
IMAGE = "https://example.org/cat.jpg"
DOCUMENT: dict[str, Any] = msgspec.json.decode(openapi("https://cut.example", "1.2.3"))


def task(**members: Any) -> dict[str, Any]:
    return {"taskType": "removeBackground", "taskUUID": UUID} | members


def erase(**members: Any) -> dict[str, Any]:
    return {"taskType": "imageErase", "taskUUID": UUID} | members


SAID = [
    task(inputImage=IMAGE),
    task(inputs={"image": IMAGE}),
    task(inputImage=IMAGE, inputs={"image": IMAGE}),
    task(),
    task(inputs={}),
    task(inputs={"picture": IMAGE}),
    task(inputImage=IMAGE, settings={"alphaMatting": True}),
    task(inputImage=IMAGE, settings={"alphaMatting": "yes"}),
    task(inputImage=IMAGE, settings={"scale": 1}),
    task(inputImage=IMAGE, outputFormat="png"),
    task(inputImage=IMAGE, outputFormat="GIF"),
    task(inputImage=IMAGE, outputQuality=19),
    task(inputImage=IMAGE, rgba=[255, 255, 255, 0.5]),
    task(inputImage=IMAGE, rgba=[255, 255, 255]),
    task(inputImage=IMAGE, providerSettings={"any": "thing"}),
    task(inputImage=IMAGE, colour="red"),
    task(inputImage=IMAGE, ttl=59),
    task(inputImage=IMAGE, webhookURL="ftp://example.org"),
    task(inputImage=IMAGE, safety={"checkInputs": True}),
    task(inputImage=IMAGE, safety={"checks": True}),
    task(inputImage=IMAGE) | {"taskUUID": "7"},
    erase(inputImage=IMAGE, inputs={"mask": IMAGE}),
    erase(inputs={"image": IMAGE, "mask": IMAGE}),
    erase(inputs={"image": IMAGE}),
    {"taskType": "ping"},
    {"taskType": "authentication", "apiKey": "k"},
    {"taskType": "authentication"},
    {"taskType": "getResponse", "taskUUID": UUID},
    {"taskType": "getResponse"},
    {"taskType": "paint", "taskUUID": UUID},
]


def test_it_is_valid() -> None:
    validate(DOCUMENT)


@pytest.mark.parametrize("element", SAID, ids=str)
def test_schema_takes_what_decoding_takes_and_no_more(element: dict[str, Any]) -> None:
    schema = {"$ref": "#/components/schemas/TaskArray", "components": DOCUMENT["components"]}
    (decoded,) = decode_message(msgspec.json.encode([element]), max_tasks=1)
    assert Draft202012Validator(schema).is_valid([element]) is not isinstance(decoded, Failed)


@pytest.mark.parametrize(
    "path", [prefix + name for name, _, prefixes in ENDPOINTS for prefix in prefixes]
)
def test_every_edit_has_its_path(path: str) -> None:
    answers = DOCUMENT["paths"][path]["post"]["responses"]
    assert {"200", "401", "403", "413", "415", "422", "429", "460"} <= answers.keys()


def test_what_is_always_answered_in_place_promises_nothing() -> None:
    assert "202" not in DOCUMENT["paths"]["/product/cutout"]["post"]["responses"]


def test_operations_have_names_of_their_own() -> None:
    names = [
        operation["operationId"]
        for path in DOCUMENT["paths"].values()
        for operation in path.values()
    ]
    assert len(names) == len(set(names))


def test_it_tells_where_it_is_served_and_its_version() -> None:
    assert DOCUMENT["servers"] == [{"url": "https://cut.example"}]
    assert DOCUMENT["info"]["version"] == "1.2.3"
