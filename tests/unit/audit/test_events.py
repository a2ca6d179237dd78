"""The catalogue of audit events is closed, speaks Vietnamese, and has no room for personal data."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest

from gateway.audit.events import CATALOGUE, UnknownAuditEvent, audit, title_vi

_PERSONAL = {"name", "phone", "email", "address", "applicant", "id_number", "identity", "body", "payload", "text"}


def test_an_event_that_the_catalogue_does_not_know_is_refused() -> None:
    """A misspelt kind is a fault of the program and must be loud."""
    with pytest.raises(UnknownAuditEvent, match=r"event\.accept"):
        audit("event.accept", "SEC-A")


def test_a_field_that_the_catalogue_does_not_know_is_refused() -> None:
    """Nothing slips into the trail that nobody decided to put there."""
    with pytest.raises(UnknownAuditEvent, match="applicant"):
        audit("event.accepted", "SEC-A", applicant="Nguyễn Thị Ví Dụ")


def test_fields_are_plain_json_with_sorted_keys_and_nothing_empty() -> None:
    """The same event gives the same bytes, because rows are bound into the evidence."""
    at = datetime(2026, 11, 20, 8, tzinfo=UTC)
    row = audit(
        "event.accepted",
        "SEC-A",
        "H-1",
        "e",
        state="received",
        sequence=1,
        occurred_at=at,
        source="SEC-A",
        warnings=None,
    )
    assert row.fields == (b'{"occurred_at":"2026-11-20T08:00:00Z","sequence":1,"source":"SEC-A","state":"received"}')
    assert (row.kind, row.actor, row.dossier, row.event_id, row.feed) == ("event.accepted", "SEC-A", "H-1", "e", True)


def test_zero_and_false_are_values_and_lists_stay_lists() -> None:
    """Only what does not apply is left out."""
    row = audit("delivery.delivered", "gateway", attempts=0, duplicate=False, findings=["result_unverified"])
    assert msgspec.json.decode(row.fields) == {"attempts": 0, "duplicate": False, "findings": ["result_unverified"]}


@pytest.mark.parametrize("kind", sorted(CATALOGUE))
def test_every_kind_has_a_title_and_no_field_for_personal_data(kind: str) -> None:
    """Architecture 3, stage 11: the trail can be exported without opening a sealed payload."""
    known = CATALOGUE[kind]
    assert known.name == kind and known.title_vi[0].isupper() and "." in kind
    assert not known.fields & _PERSONAL
    assert audit(kind, "gateway").feed is known.feed


def test_the_feed_tells_what_became_of_a_dossier_and_not_how_the_machine_fares() -> None:
    """The resolution system follows dossiers; breakers and refused callers are the operators' affair."""
    shown = {kind for kind, known in CATALOGUE.items() if known.feed}
    assert {"event.accepted", "dossier.registered", "delivery.delivered", "delivery.held", "gap.skipped"} <= shown
    assert not {kind for kind in shown if kind.split(".")[0] in {"breaker", "upstream", "caller", "gateway", "lane"}}


def test_a_row_of_an_older_catalogue_keeps_its_name() -> None:
    """A trail outlives the programs that wrote it."""
    assert title_vi("event.once_known") == "event.once_known"
    assert title_vi("event.accepted") == "Đã tiếp nhận sự kiện"
