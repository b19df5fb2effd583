"""Who asks and how: sockets, HTTP, sessions, limits, prices."""
