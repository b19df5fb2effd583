"""Which store do the settings name? Opens it; nothing is called on the network yet."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal
from urllib.parse import urlsplit

import msgspec
from obstore.store import MemoryStore, S3Store

from inference.config import Secret
from inference.quantities import SecondsOrNone
from inference.stores.blobs import BucketStore, Clock, FolderStore, ObjectStore, Renewal, utc_now
from inference.stores.store import Store

if TYPE_CHECKING:  # obstore keeps these in its stubs only
    from obstore.store import S3Config

_TRIES: Final = 3


class StoreSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where inputs and results lie."""

    kind: Literal["local", "memory", "s3"] = "local"
    """A folder of this machine, this process's memory (for tests), or an S3 bucket."""
    bucket: str = ""
    """Its name."""
    region: str = "us-east-1"
    """Where the bucket is."""
    endpoint: str = ""
    """Empty: Amazon's own."""
    public_endpoint: str = ""
    """The same bucket as clients reach it; empty: the endpoint."""
    access_key_id: Secret = Secret("")
    """Empty: the host's role."""
    secret_access_key: Secret = Secret("")
    """Goes with access_key_id."""
    allow_http: bool = False
    """Whether the endpoint may be called without TLS."""
    timeout_s: Annotated[float, msgspec.Meta(gt=0, le=600)] = 10.0
    """Of one request."""
    renew_after_s: SecondsOrNone = 3600.0
    """Least time between two notes that a picture was used."""

    def __post_init__(self) -> None:
        if self.kind == "s3" and not self.bucket:
            raise ValueError("bucket is missing; kind 's3' needs the name of a bucket")
        if bool(self.access_key_id) != bool(self.secret_access_key):
            raise ValueError("access_key_id and secret_access_key go together: set both or neither")

    @property
    def public_origin(self) -> str:
        """Scheme and host of the URLs that the store signs; empty where it signs none."""
        if self.kind != "s3":
            return ""
        known = self.public_endpoint or self.endpoint or f"https://s3.{self.region}.amazonaws.com"
        parts = urlsplit(known)
        return f"{parts.scheme}://{parts.netloc}"


def open_store(settings: StoreSettings, data_dir: Path, *, clock: Clock = utc_now) -> Store:
    """Open the store; `local` lies in `data_dir`/blobs."""
    renewal = Renewal(timedelta(seconds=settings.renew_after_s), clock)
    if settings.kind == "s3":
        bucket = _bucket_at(settings.endpoint, settings)
        signer = _bucket_at(settings.public_endpoint or settings.endpoint, settings)
        return BucketStore(bucket, signer, renewal)
    if settings.kind == "local":
        return FolderStore(data_dir / "blobs", renewal)
    return ObjectStore(MemoryStore(), renewal)


def _bucket_at(endpoint: str, settings: StoreSettings) -> S3Store:
    config: S3Config = {"region": settings.region}
    if endpoint:
        config["endpoint"] = endpoint
    if settings.access_key_id:
        config["access_key_id"] = settings.access_key_id.reveal()
        config["secret_access_key"] = settings.secret_access_key.reveal()
    limit = timedelta(seconds=settings.timeout_s)
    return S3Store(
        settings.bucket,
        config=config,
        client_options={
            "allow_http": settings.allow_http,
            "timeout": limit,
            "connect_timeout": limit,
        },
        retry_config={"max_retries": _TRIES, "retry_timeout": _TRIES * limit},
    )
