"""Where in the object store a tenant's pictures lie. Keys are made here alone, never by clients."""

from __future__ import annotations

import hashlib
import uuid

INPUTS = "in"
UPLOADS = "up"
RESULTS = "out"


def folder_of(tenant: str) -> str:
    """Name a tenant's folder without showing the tenant's name in URLs."""
    return hashlib.sha256(tenant.encode()).hexdigest()[:16]


def new_image_uuid() -> str:
    """Make an image UUID: version 4, 122 random bits, impossible to guess."""
    return str(uuid.uuid4())


def input_key(tenant: str, name: str) -> str:
    """Key of a picture that came inside a task, and lives as long; no URL leads there."""
    return f"{INPUTS}/{folder_of(tenant)}/{name}"


def upload_key(tenant: str, image_uuid: str) -> str:
    """Key of a picture stored by imageUpload."""
    return f"{UPLOADS}/{folder_of(tenant)}/{image_uuid.lower()}"


def result_key(tenant: str, image_uuid: str) -> str:
    """Key of a result."""
    return f"{RESULTS}/{folder_of(tenant)}/{image_uuid.lower()}"
