"""Logs: one JSON object a line on standard error, with a correlation id and without personal data or secrets.

Redaction is a last net, not the rule: our own messages name dossiers and codes only. The net catches what a library or an
upstream's text may carry: runs of 9 or 12 digits (CMND, CCCD), phone numbers, grouped or not, e-mail addresses, bearer
tokens, sessions, JOSE tokens wherever they stand.
"""

from __future__ import annotations

import contextvars
import logging
import re
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TextIO

import msgspec

correlation_id: contextvars.ContextVar[str] = contextvars.ContextVar("correlation_id", default="")

# Each pattern begins where a run begins and gives no sign back (`++`): text of any length costs one pass.
_NO_NUMBER_BEFORE = r"(?<![\d.-])(?<!\d:)"
_MASKS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(?<![\w.+-])[\w.+-]++@[\w-]++(?:\.[\w-]++)+"), "[email]"),
    # A JOSE token: a JSON object in base64url, then its other parts.
    (re.compile(r"(?<![\w-])eyJ[A-Za-z0-9_-]{8,}+(?:\.[A-Za-z0-9_-]*+){1,4}"), "[secret]"),
    (re.compile(r"(?i)(bearer|basic|dpop)\s++[A-Za-z0-9._~+/=-]{8,}+"), r"\1 [secret]"),
    (
        re.compile(
            r"(?i)([\"']?(?:session|password|passwd|secret|token|authorization|cookie|api[_-]?key|private_key)[\"']?"
            r"\s*+[:=]\s*+)(?:\"[^\"]*+\"?|'[^']*+'?|[^\s\"',}]++)"
        ),
        r"\1[secret]",
    ),
    (re.compile(_NO_NUMBER_BEFORE + r"(?:\+?84[ .-]?|0)\d(?:[ .-]?\d){8}(?![\d-])"), "[phone]"),
    (re.compile(_NO_NUMBER_BEFORE + r"(?:\d{12}|\d{9}|\d{3}(?: \d{3}){2,3})(?![\d-])"), "[id]"),
)

_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}


def redact(text: str) -> str:
    """`text` with what looks like personal data or a secret replaced by its kind."""
    for pattern, replacement in _MASKS:
        text = pattern.sub(replacement, text)
    return text


def _clean(value: object) -> object:
    """A field of a record with every text in it redacted, at any depth."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, Mapping):
        return {str(key): _clean(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_clean(item) for item in value]
    return value


def _told(value: object) -> str:
    """What JSON cannot say, as redacted text."""
    return redact(str(value))


class JsonFormatter(logging.Formatter):
    """A log record as one line of JSON: time (UTC), level, logger, message, correlation id, extra fields, stack."""

    def format(self, record: logging.LogRecord) -> str:
        """The line of one record."""
        line: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": redact(record.getMessage()),
        }
        if correlation := correlation_id.get():
            line["correlation_id"] = correlation
        for key, value in record.__dict__.items():
            if key not in _STANDARD:
                line[key] = _clean(value)
        if record.exc_info:
            line["stack"] = redact(self.formatException(record.exc_info))
        return msgspec.json.encode(line, enc_hook=_told).decode()


def configure(level: str, stream: TextIO | None = None) -> None:
    """Send all logs as JSON lines to `stream` (standard error by default)."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # The stock access log alone cost half of the throughput when it was measured; requests are counted instead.
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)
    # It tells with which glyphs each page was drawn: the letters of the names on a label, dozens of lines a page.
    logging.getLogger("fontTools").setLevel(logging.WARNING)
