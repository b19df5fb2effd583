"""`cutwire demo`: a service, one WebSocket, one array of tasks, and the pictures to look at."""
