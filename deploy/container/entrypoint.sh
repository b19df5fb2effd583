#!/bin/sh
# numba reads machine code only where it may also write, and the image is read-only: a copy in /tmp.
set -eu
[ -d "$NUMBA_CACHE_DIR" ] || cp -r /opt/cutwire/numba "$NUMBA_CACHE_DIR"
exec cutwire "$@"
