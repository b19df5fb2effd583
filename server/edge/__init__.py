"""What a client may do before the application sees it: limits on sockets, time and bytes.

The application needs what is named here; only who serves needs `server.edge.server`, and uvicorn.
"""

from server.edge.admission import EXTENSION, SocketPass
from server.edge.budget import ByteBudget
from server.edge.settings import EdgeSettings

__all__ = ["EXTENSION", "ByteBudget", "EdgeSettings", "SocketPass"]
