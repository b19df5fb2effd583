"""Cut-outs by LitServe: a worker for each core, no batches, which cost memory and gain nothing."""

from __future__ import annotations

import os
import sys

import litserve
from starlette.responses import Response
from steps import CutOut


class CutOuts(litserve.LitAPI):
    """Takes a form with a file."""

    def setup(self, device: str) -> None:
        """Open the session."""
        self.cut_out = CutOut()

    def decode_request(self, request, **_):  # LitServe makes the form from annotations
        """Read the file of the form."""
        return request["file"].file.read()

    def predict(self, x, **_):
        """Cut one picture out."""
        return self.cut_out(x)

    def encode_response(self, output, **_):
        """Answer with the PNG itself."""
        return Response(output, media_type="image/png")


if __name__ == "__main__":
    server = litserve.LitServer(
        CutOuts(), accelerator="cpu", workers_per_device=os.cpu_count(), timeout=600
    )
    server.run(
        host="127.0.0.1", port=int(sys.argv[1]), generate_client_file=False, log_level="warning"
    )
