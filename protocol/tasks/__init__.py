"""What can be asked: one struct a file, and `AnyTask`, the union of them."""

from protocol.tasks.authentication import Authentication
from protocol.tasks.common import PictureTask, Task
from protocol.tasks.get_response import GetResponse
from protocol.tasks.image_upload import ImageUpload
from protocol.tasks.ping import Ping
from protocol.tasks.remove_background import ImageBackgroundRemoval, RemoveBackground

AnyTask = ImageUpload | GetResponse | RemoveBackground | ImageBackgroundRemoval
"""Every task that has a taskUUID; add a new task type here."""

JobTask = ImageUpload | RemoveBackground | ImageBackgroundRemoval
"""The tasks that a worker runs."""

Message = Authentication | Ping | AnyTask
"""Every element that an array may hold."""

__all__ = [
    "AnyTask",
    "Authentication",
    "GetResponse",
    "ImageBackgroundRemoval",
    "ImageUpload",
    "JobTask",
    "Message",
    "PictureTask",
    "Ping",
    "RemoveBackground",
    "Task",
]
