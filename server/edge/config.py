"""What all sockets of one server share, carried by uvicorn's own configuration."""

import asyncio

from uvicorn import Config

from server.edge.admission import Admission, Application, WaitingRoom
from server.edge.budget import ByteBudget
from server.edge.settings import EdgeSettings


class EdgeConfig(Config):
    """uvicorn's configuration with our protocols, our limits and what they count."""

    def __init__(
        self,
        app: Application,
        settings: EdgeSettings,
        http: type[asyncio.Protocol],
        ws: type[asyncio.Protocol],
    ) -> None:
        super().__init__(
            Admission(app),
            host=settings.host,
            port=settings.port,
            http=http,
            ws=ws,
            interface="asgi3",
            lifespan="auto",
            ws_ping_interval=settings.ping_interval_s,
            ws_ping_timeout=settings.ping_timeout_s,
            ws_per_message_deflate=settings.compression,
            log_config=None,
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=bool(settings.trusted_proxies),
            forwarded_allow_ips=list(settings.trusted_proxies),
            timeout_keep_alive=settings.keep_alive_s,
            timeout_graceful_shutdown=settings.shutdown_timeout_s,
            backlog=settings.backlog,
        )
        self.edge = settings
        self.budget = ByteBudget(settings.max_request_bytes_held)
        self.room = WaitingRoom(settings)
        self.http_connections: set[asyncio.Protocol] = set()
