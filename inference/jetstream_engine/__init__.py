"""The engine of many machines: tasks, results and charges in NATS JetStream (extra `nats`)."""
