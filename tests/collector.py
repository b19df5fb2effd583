"""A collector of OpenTelemetry: a real HTTP server that decodes what it is sent."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

PATIENCE_S = 30.0
LAST = "deliver"
"""The span after which nothing more comes of a task."""


class Collector:
    """Keeps the spans it gets, and of which service they are."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.services: set[str] = set()
        self._spans: list[Span] = []
        self._grown = threading.Condition()

    def take(self, body: bytes) -> None:
        with self._grown:
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                facts = {each.key: each.value.string_value for each in resource.resource.attributes}
                self.services.add(facts["service.name"])
                for scope in resource.scope_spans:
                    self._spans.extend(scope.spans)
            self._grown.notify_all()

    def trace(self, task_uuid: str) -> dict[str, Span]:
        """Wait for all spans of the task's trace; give them by their names."""
        with self._grown:
            assert self._grown.wait_for(lambda: LAST in self._trace(task_uuid), PATIENCE_S)
            return self._trace(task_uuid)

    @property
    def tasks(self) -> set[str]:
        """The UUIDs of the tasks whose span came."""
        return {fact(span, "cutwire.task.uuid") for span in self._spans}

    def _trace(self, task_uuid: str) -> dict[str, Span]:
        of_task = (s for s in self._spans if fact(s, "cutwire.task.uuid") == task_uuid)
        root = next(of_task, None)
        if root is None:
            return {}
        below = {s.name: s for s in self._spans if s.parent_span_id == root.span_id}
        return below | {root.name: root}


def fact(span: Span, name: str) -> str:
    """An attribute that is a text; empty where there is none."""
    return next((each.value.string_value for each in span.attributes if each.key == name), "")


@contextmanager
def running_collector() -> Iterator[Collector]:
    """A collector that ends with the block."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            collector.take(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Be quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        collector = Collector(f"http://127.0.0.1:{server.server_port}/v1/traces")
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield collector
        server.shutdown()
        thread.join()
