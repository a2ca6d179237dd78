"""The catalogue of audit events as a document: docs/audit-events.md is made of it, and a test compares the two."""

from __future__ import annotations

from gateway.audit.events import CATALOGUE

_INTRODUCTION = """\
# Audit events

Written by `gateway audit kinds --markdown`; do not edit. The catalogue is closed: no other kind is ever written. A row has
a position, a time, a kind, an actor (system code, operator's name, or `gateway`), a dossier code and an event id where there
is one, and the fields below. Personal data never stands in a row; reasons are shown in the trail, so nobody writes personal
data into them either. Rows marked *feed* are shown to the resolution system by `GET /v1/feed`.

| kind | title | fields | feed |
|---|---|---|---|
"""


def markdown() -> str:
    """The document."""
    rows = (
        f"| `{kind.name}` | {kind.title_vi} | {' '.join(sorted(kind.fields))} | {'feed' if kind.feed else ''} |\n"
        for kind in sorted(CATALOGUE.values(), key=lambda kind: kind.name)
    )
    return _INTRODUCTION + "".join(rows)
