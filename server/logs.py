"""What is logged and how: one JSON object a line on stderr, control characters escaped."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any

import msgspec

_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}


class JsonFormatter(logging.Formatter):
    """Writes a record as one JSON object; `extra` members stand beside the message."""

    def format(self, record: logging.LogRecord) -> str:
        """Encode a record."""
        entry: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        entry |= {k: v for k, v in record.__dict__.items() if k not in _STANDARD}
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return _one_line(entry)


class PlainFormatter(logging.Formatter):
    """Writes a record for a person at a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        """Show time, level, message and the extra members."""
        shown = _escaped(record.getMessage())
        members = record.__dict__.items()
        extra = _escaped(" ".join(f"{k}={v}" for k, v in members if k not in _STANDARD))
        time = datetime.fromtimestamp(record.created).astimezone().strftime("%H:%M:%S")
        line = f"{time} {record.levelname.lower():7} {shown} {extra}".rstrip()
        if not record.exc_info:
            return line
        # It may hold what clients sent: indented, no line of it looks like an entry.
        trace = self.formatException(record.exc_info).split("\n")
        return "\n".join([line, *(f"  {_escaped(each)}" for each in trace)])


def _one_line(entry: dict[str, Any]) -> str:
    """Encode as JSON in which no control character is left, nor what a terminal takes for one."""
    try:
        line = msgspec.json.encode(entry, enc_hook=str).decode()
    except UnicodeError:  # half a surrogate pair
        line = json.dumps(entry, default=str)
    if not line.isascii():  # U+0080 to U+009F steer terminals; U+2028 ends lines
        line = json.dumps(entry, default=str)
    return line.replace("\x7f", "\\u007f")


def _escaped(text: str) -> str:
    return text.encode("unicode_escape").decode()


def set_up_logging(level: str, style: str) -> None:
    """Send everything to stderr: as JSON, for a person, or (`auto`) as a terminal suggests."""
    is_plain = style == "plain" or (style == "auto" and sys.stderr.isatty())
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(PlainFormatter() if is_plain else JsonFormatter())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    logging.captureWarnings(True)  # libraries' warnings about odd pictures: entries, not bare text
    for chatty in ("httpx", "httpcore", "PIL", "asyncio"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
