"""Python names and wire names."""

from __future__ import annotations

import re

import msgspec
import pytest

from protocol.decoding import task_types
from protocol.names import wire_name
from protocol.tasks import AnyTask


@pytest.mark.parametrize(
    ("python", "wire"),
    [
        ("model", "model"),
        ("output_format", "outputFormat"),
        ("task_uuid", "taskUUID"),
        ("image_url", "imageURL"),
        ("image_data_uri", "imageDataURI"),
        ("webhook_url", "webhookURL"),
        ("connection_session_uuid", "connectionSessionUUID"),
        ("alpha_matting_foreground_threshold", "alphaMattingForegroundThreshold"),
    ],
)
def test_wire_name_is_camel_case_with_acronyms_in_capitals(python: str, wire: str) -> None:
    assert wire_name(python) == wire


def test_all_fields_of_all_tasks_have_wire_names() -> None:
    names = [
        field.encode_name for kind in AnyTask.__args__ for field in msgspec.structs.fields(kind)
    ]
    assert all(re.fullmatch(r"[a-z][A-Za-z]*", name) for name in names)


def test_task_types_are_listed_in_order() -> None:
    assert task_types() == sorted(task_types())
