"""Models: the catalogue and its rows, files on disk, pulling, arrays, the pool of loaded ones."""

from inference.models.catalogue import Catalogue, ModelSettings
from inference.models.pool import LoadedNet, ModelPool, Net
from inference.models.row import Row, Task

__all__ = ["Catalogue", "LoadedNet", "ModelPool", "ModelSettings", "Net", "Row", "Task"]
