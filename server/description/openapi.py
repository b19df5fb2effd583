"""The HTTP side of the service as an OpenAPI 3.1 document."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import msgspec

from protocol.edit_errors import ROWS
from protocol.edits import Done, Edit, OlderCutout, OlderEdit, Refused, State, Taken
from protocol.replies import TaskError
from protocol.task_errors import CODES
from server.description.schemas import MESSAGES, RESULTS, Schema, any_of, components, ref
from server.edit_desk import STATUS_PATH
from server.edit_routes import ENDPOINTS

JSON = "application/json"
TASK_ARRAY = "TaskArray"
TASK_REPLY = "TaskReply"


@lru_cache(maxsize=8)
def openapi(base_url: str, version: str) -> bytes:
    """Write the document for a service that is reached at `base_url`."""
    edits = [kind for _, kind, _ in ENDPOINTS]
    document = {
        "openapi": "3.1.0",
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "info": {
            "title": "Cutwire",
            "version": version,
            "summary": "Task arrays and edit endpoints of a self-hosted image service",
            "description": "The same task arrays travel over a WebSocket: see /asyncapi.json.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": base_url}],
        "tags": [
            {"name": "tasks", "description": "Arrays of tasks, answered in one body"},
            {"name": "edits", "description": "One picture, one edit"},
            {"name": "files", "description": "Results and uploads, by signed URL"},
            {"name": "operation", "description": "For the machines that watch the service"},
        ],
        "paths": {
            "/v1": {"post": _task_array()},
            **dict(_edits()),
            STATUS_PATH: {"get": _status()},
            **_files(),
            **_operation(),
        },
        "components": {
            "schemas": components(edits) | _envelopes(),
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "api_token": {"type": "apiKey", "in": "header", "name": "api_token"},
            },
        },
    }
    return msgspec.json.encode(document)


def _envelopes() -> dict[str, Schema]:
    error = ref(TaskError)
    return {
        TASK_ARRAY: {
            "type": "array",
            "minItems": 1,
            "items": any_of(MESSAGES),
            "description": "An authentication object may stand in the first place "
            "instead of the Authorization header.",
        },
        TASK_REPLY: {
            "type": "object",
            "properties": {
                "data": {"type": "array", "items": any_of(RESULTS)},
                "errors": {"type": "array", "items": error},
            },
            "required": ["data"],
        },
    }


def _task_array() -> dict[str, Any]:
    statuses: dict[int, set[str]] = defaultdict(set)
    for code, status in CODES.values():
        statuses[status].add(code)
    body = _content({"$ref": f"#/components/schemas/{TASK_REPLY}"})
    return {
        "operationId": "postTasks",
        "tags": ["tasks"],
        "summary": "Run an array of tasks",
        "description": "Answers when all of them have ended, in their order. The status is that of "
        "the first error where no task succeeded, else 200.",
        "security": [{"bearer": []}, {}],
        "requestBody": {
            "required": True,
            "content": _content({"$ref": f"#/components/schemas/{TASK_ARRAY}"}),
        },
        "responses": {"200": _response("Each task's result or error.", body)}
        | {
            str(status): _response("Errors only: " + ", ".join(sorted(codes)) + ".", body)
            for status, codes in sorted(statuses.items())
        },
    }


def _edits() -> Iterable[tuple[str, dict[str, Any]]]:
    for name, kind, prefixes in ENDPOINTS:
        for prefix in prefixes:
            path = prefix + name
            yield path, {"post": _edit(path, kind)}


def _edit(path: str, kind: type[Edit]) -> dict[str, Any]:
    done: Schema = {"type": "object"} if issubclass(kind, OlderEdit) else ref(Done)
    answers = {"200": _response("The result.", _content(done))}
    if kind is not OlderCutout:
        answers["202"] = _response("Taken; ask at status_url.", _content(ref(Taken)))
    return {
        "operationId": "post" + path.title().translate({ord(char): None for char in "/_"}),
        "tags": ["edits"],
        "summary": (kind.__doc__ or "").split(": ", 1)[-1].rstrip(".").capitalize(),
        "security": [{"api_token": []}],
        "requestBody": {"required": True, "content": _content(ref(kind))},
        "responses": answers | _refusals(),
    }


def _status() -> dict[str, Any]:
    return {
        "operationId": "getStatus",
        "tags": ["edits"],
        "summary": "How far a request has come",
        "security": [{"api_token": []}],
        "parameters": [_parameter("request_id", "path")],
        "responses": {"200": _response("Its state.", _content(ref(State)))} | _refusals(),
    }


def _refusals() -> dict[str, Any]:
    titles: dict[int, list[str]] = defaultdict(list)
    for status, title in ROWS.values():
        if title not in titles[status]:
            titles[status].append(title)
    content = _content(ref(Refused))
    return {
        str(status): _response(" / ".join(told), content)
        for status, told in sorted(titles.items())
        if status != 405
    }


def _files() -> dict[str, Any]:
    picture = {
        media_type: {"schema": {"type": "string", "format": "binary"}}
        for media_type in ("image/png", "image/jpeg", "image/webp", "application/zip")
    }
    plain = {"text/plain": {"schema": {"type": "string"}}}
    return {
        f"/{kind}/{{folder}}/{{file}}": {
            "get": {
                "operationId": f"get{title}",
                "tags": ["files"],
                "summary": f"{title} by its signed URL",
                "parameters": [
                    _parameter("folder", "path"),
                    _parameter("file", "path"),
                    _parameter("exp", "query"),
                    _parameter("sig", "query"),
                ],
                "responses": {
                    "200": _response("The picture.", picture),
                    "404": _response("No such picture, or its URL has expired.", plain),
                },
            }
        }
        for kind, title in (("im", "Result"), ("up", "Upload"))
    }


def _operation() -> dict[str, Any]:
    state = _content({"type": "object", "properties": {"status": {"type": "string"}}})
    document = _content({"type": "object"})
    page = {"text/html": {"schema": {"type": "string"}}}
    plain = {"text/plain": {"schema": {"type": "string"}}}
    live = _get("getLive", "Whether the process is whole", state)
    live["get"]["responses"]["503"] = _response("A part of it crashed: start it again.", state)
    ready = _get("getReady", "Whether work is taken", state)
    ready["get"]["responses"]["503"] = _response("Not yet, or no more.", state)
    return {
        "/health/live": live,
        "/health/ready": ready,
        "/metrics": _get("getMetrics", "Figures for Prometheus", plain),
        "/docs/errors": _get("getErrors", "Every error code and its meaning", page),
        "/openapi.json": _get("getOpenAPI", "This document", document),
        "/asyncapi.json": _get("getAsyncAPI", "The document of the WebSocket", document),
    }


def _get(name: str, summary: str, content: dict[str, Any]) -> dict[str, Any]:
    return {
        "get": {
            "operationId": name,
            "tags": ["operation"],
            "summary": summary,
            "responses": {"200": _response(summary + ".", content)},
        }
    }


def _parameter(name: str, place: str) -> dict[str, Any]:
    return {"name": name, "in": place, "required": True, "schema": {"type": "string"}}


def _content(schema: Schema) -> dict[str, Any]:
    return {JSON: {"schema": schema}}


def _response(description: str, content: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": content}
