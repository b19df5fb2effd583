"""What a client may do before the application sees it: limits on sockets, time and bytes."""

from server.edge.admission import EXTENSION, SocketPass
from server.edge.budget import ByteBudget
from server.edge.server import EdgeServer, serve
from server.edge.settings import EdgeSettings

__all__ = ["EXTENSION", "ByteBudget", "EdgeServer", "EdgeSettings", "SocketPass", "serve"]
