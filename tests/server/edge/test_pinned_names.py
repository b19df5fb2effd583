"""The private names of uvicorn and websockets that `server/edge` uses: change them together."""

import inspect
import re
from typing import Any

import httptools
import pytest
import uvicorn
import uvicorn.server
import websockets
from uvicorn.protocols.http import httptools_impl
from uvicorn.protocols.websockets import websockets_sansio_impl
from websockets.protocol import Protocol
from websockets.server import ServerProtocol
from websockets.streams import StreamReader

HTTP = httptools_impl.HttpToolsProtocol
WEBSOCKET = websockets_sansio_impl.WebSocketsSansIOProtocol

METHODS = [
    (HTTP, "connection_made connection_lost data_received handle_websocket_upgrade"),
    (HTTP, "on_message_begin on_url on_header on_headers_complete on_body on_message_complete"),
    (HTTP, "on_response_complete pause_writing resume_writing"),
    (HTTP, "_should_upgrade _unset_keepalive_if_required"),
    (WEBSOCKET, "connection_made connection_lost data_received handle_connect handle_cont"),
    (WEBSOCKET, "send_receive_event_to_app send receive pause_writing resume_writing handle_ping"),
    (WEBSOCKET, "keepalive_timeout handle_parser_exception shutdown stop_keepalive"),
    (WEBSOCKET, "send_keepalive_ping handle_pong"),
    (uvicorn.Server, "startup main_loop on_tick handle_exit serve run"),
    (ServerProtocol, "recv_frame fail parse send_close send_response reject data_to_send"),
    (StreamReader, "at_eof"),
]

ATTRIBUTES = [
    (HTTP, "parser cycle pipeline headers url server_state transport loop"),
    (
        httptools_impl.RequestResponseCycle,
        "disconnected response_complete response_started message_event keep_alive",
    ),
    (WEBSOCKET, "conn queue frames curr_msg_data_type close_sent close_timer close_timeout"),
    (WEBSOCKET, "disconnected handshake_complete handshake_initiated pong_timer response scope"),
    (WEBSOCKET, "transport writable loop pending_ping_payload"),
    (uvicorn.Server, "should_exit force_exit started"),
    (Protocol, "max_message_size current_size reader parser parser_exc close_sent state"),
    (ServerProtocol, "handshake_exc available_extensions"),
    (Protocol, "extensions"),
    (StreamReader, "buffer"),
]


def explain(owner: type, name: str) -> str:
    return (
        f"{owner.__module__}.{owner.__qualname__}.{name} is gone or changed in uvicorn "
        f"{uvicorn.__version__}, websockets {websockets.__version__}, httptools "
        f"{httptools.__version__}: read server/edge/ again before the pins in pyproject.toml move"
    )


def names(table: list[tuple[Any, str]]) -> list[tuple[type, str]]:
    return [(owner, name) for owner, listed in table for name in listed.split()]


def test_versions_are_those_the_edge_was_written_for() -> None:
    assert uvicorn.__version__.startswith("0.54."), explain(WEBSOCKET, "*")
    assert websockets.__version__.startswith("17.4"), explain(ServerProtocol, "*")


@pytest.mark.parametrize(("owner", "name"), names(METHODS))
def test_method_that_is_overridden_or_called_exists(owner: type, name: str) -> None:
    assert callable(getattr(owner, name, None)), explain(owner, name)


@pytest.mark.parametrize(("owner", "name"), names(ATTRIBUTES))
def test_attribute_that_is_used_is_set(owner: type, name: str) -> None:
    source = "".join(inspect.getsource(cls) for cls in owner.__mro__ if cls is not object)
    assert f"self.{name}" in source or f"def {name}(" in source, explain(owner, name)


def test_parser_asks_the_reader_before_each_frame() -> None:
    source = inspect.getsource(Protocol.parse)
    assert source.index("self.reader.at_eof()") < source.index("self.max_message_size"), explain(
        Protocol, "parse"
    )


def test_websocket_asks_no_more_of_its_queue_and_its_event_than_ours_have() -> None:
    source = inspect.getsource(WEBSOCKET)
    assert set(re.findall(r"self\.queue\.(\w+)", source)) <= {"put_nowait", "get", "empty"}
    assert set(re.findall(r"self\.writable\.(\w+)", source)) <= {"set", "clear", "wait", "is_set"}
