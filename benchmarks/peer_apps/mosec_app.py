"""Cut-outs by mosec: a worker for each core, no batches."""

from __future__ import annotations

import os

from mosec import Server, Worker
from steps import CutOut


class CutOuts(Worker):
    """Takes the bytes of a picture as they are."""

    resp_mime_type = "image/png"

    def __init__(self) -> None:
        super().__init__()
        self.cut_out = CutOut()

    def deserialize(self, data: bytes) -> bytes:
        """Take the body."""
        return data

    def forward(self, data: bytes) -> bytes:
        """Cut one picture out."""
        return self.cut_out(data)

    def serialize(self, data: bytes) -> bytes:
        """Give the PNG."""
        return data


if __name__ == "__main__":
    server = Server()
    server.append_worker(CutOuts, num=os.cpu_count() or 1, timeout=600)
    server.run()
