"""What is handed over without being asked for: webhooks, and results put to an upload endpoint."""

from server.deliveries.bodies import EditBodies, TaskBodies, WritesBody
from server.deliveries.courier import Courier
from server.deliveries.gate import CallbackGate
from server.deliveries.outbox import SCHEMA, Outbox
from server.deliveries.parcels import Parcels
from server.deliveries.settings import DeliverySettings
from server.deliveries.signatures import WebhookSecrets, edit_signing_key
from server.deliveries.uploads import Uploads

__all__ = [
    "SCHEMA",
    "CallbackGate",
    "Courier",
    "DeliverySettings",
    "EditBodies",
    "Outbox",
    "Parcels",
    "TaskBodies",
    "Uploads",
    "WebhookSecrets",
    "WritesBody",
    "edit_signing_key",
]
