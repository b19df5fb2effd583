"""What the service says of itself to machines: OpenAPI for HTTP, AsyncAPI for the WebSocket."""

from server.description.asyncapi import asyncapi
from server.description.openapi import openapi

__all__ = ["asyncapi", "openapi"]
