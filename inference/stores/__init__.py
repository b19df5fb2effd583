"""Where blobs lie: one Store protocol, one class over obstore for memory, a folder and S3."""

from inference.stores.disposal import Disposal
from inference.stores.opening import StoreSettings, open_store
from inference.stores.patience import PatientStore
from inference.stores.store import BlobNotFound, Store, check_key

__all__ = [
    "BlobNotFound",
    "Disposal",
    "PatientStore",
    "Store",
    "StoreSettings",
    "check_key",
    "open_store",
]
