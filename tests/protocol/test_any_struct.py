"""Every struct that is written somewhere is read again as it was, or refused for its limits."""

from __future__ import annotations

import json
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from wire import error_of

from protocol.decoding import Failed, decode_message
from protocol.edits import AllMasks, BlurBackground, CropForeground, Erase, ProductCutout
from protocol.errors import CutwireError
from protocol.faults import Fault
from protocol.jobs import Callback, Job, Outcome, Product, RemoteImage, StoredImage
from protocol.results import BoundingBox, Detection
from protocol.tasks import Message
from server.auth import StoredKey

KEPT = (
    *(BoundingBox, Callback, Detection, Fault, Job, Outcome, Product, RemoteImage),
    *(StoredImage, StoredKey),
)
EDITS = (AllMasks, BlurBackground, CropForeground, Erase, ProductCutout)
REQUEST_ID = "0b6cb0f2-5a5c-4bd4-8a40-3c5f1f5c4e11"

anything = settings(
    database=None,
    deadline=None,
    max_examples=30,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
st.register_type_strategy(float, st.floats(allow_nan=False, allow_infinity=False))
"""Numbers as JSON has them; what comes from a client is checked before it is kept."""
_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=4,
)


@pytest.mark.parametrize("codec", [msgspec.msgpack, msgspec.json], ids=["msgpack", "json"])
@pytest.mark.parametrize("kind", KEPT, ids=lambda kind: kind.__name__)
@anything
@given(st.data())
def test_what_is_kept_is_read_as_it_was_written(kind: Any, codec: Any, data: st.DataObject) -> None:
    value = data.draw(st.from_type(kind))
    try:
        written = codec.encode(value)
        read = codec.decode(written, type=kind)
    except (msgspec.ValidationError, OverflowError):
        return  # a value that its type does not allow, or an integer beyond 64 bits
    assert codec.encode(read) == written


@pytest.mark.parametrize("kind", get_args(Message), ids=lambda kind: kind.__name__)
@anything
@given(st.data())
def test_message_is_read_as_it_was_written_or_refused_by_name(
    kind: Any, data: st.DataObject
) -> None:
    sent = data.draw(st.from_type(kind))
    try:
        text = msgspec.json.encode([sent])
    except OverflowError:
        return
    (element,) = decode_message(text, max_tasks=1)
    if isinstance(element, Failed):
        error_of(element)
    else:
        assert element == sent


@pytest.mark.parametrize("kind", EDITS, ids=lambda kind: kind.__name__)
@anything
@given(st.data())
def test_any_members_of_an_edit_are_taken_or_refused_by_name(
    kind: Any, data: st.DataObject
) -> None:
    names = [field.encode_name for field in msgspec.structs.fields(kind)]
    members = data.draw(st.dictionaries(st.sampled_from(names) | st.text(max_size=8), _values))
    try:
        task = kind.of(members).to_task(REQUEST_ID)
    except CutwireError as error:
        json.dumps(error.message)
        return
    assert task.task_uuid == REQUEST_ID
