"""The AsyncAPI document: whole, and without a pointer that leads nowhere."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

import msgspec
import pytest
from jsonschema import Draft202012Validator

from protocol.errors import InvalidParameter
from protocol.replies import error_reply, login_reply, pong_reply
from protocol.tasks import Message
from server.description import asyncapi

DOCUMENT: dict[str, Any] = msgspec.json.decode(asyncapi("https://cut.example/images", "1.2.3"))
MESSAGES = DOCUMENT["channels"]["tasks"]["messages"]


def pointers(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from pointers(value)
    elif isinstance(node, list):
        for value in node:
            yield from pointers(value)


def test_every_pointer_leads_somewhere() -> None:
    for pointer in set(pointers(DOCUMENT)):
        node = DOCUMENT
        for step in pointer.removeprefix("#/").split("/"):
            node = node[step]


def test_every_message_is_in_one_operation() -> None:
    told = [
        message["$ref"].rpartition("/")[2]
        for operation in DOCUMENT["operations"].values()
        for message in operation["messages"]
    ]
    assert sorted(told) == sorted(MESSAGES)


@pytest.mark.parametrize("kind", get_args(Message), ids=lambda kind: kind.__name__)
def test_every_kind_that_is_decoded_is_a_message(kind: type[msgspec.Struct]) -> None:
    assert kind.__name__ in MESSAGES


@pytest.mark.parametrize(
    ("name", "frame"),
    [
        ("LoggedIn", login_reply("6f0c5d9c-3f0a-4c8e-9d2b-1a2b3c4d5e6f").frame),
        ("Pong", pong_reply().frame),
        ("TaskError", error_reply(InvalidParameter("No.", parameter="rgba")).frame),
    ],
)
def test_frames_are_as_described(name: str, frame: bytes) -> None:
    schema = MESSAGES[name]["payload"] | {"components": DOCUMENT["components"]}
    Draft202012Validator(schema).validate(msgspec.json.decode(frame))


def test_it_tells_where_it_is_served() -> None:
    (server,) = DOCUMENT["servers"].values()
    assert server == {"host": "cut.example", "pathname": "/images", "protocol": "wss"}
