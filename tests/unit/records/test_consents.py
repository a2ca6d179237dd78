"""Which version of a consent decides: at any day, over any history of entries and revocations (QĐ 3036 Điều 5.7)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from gateway.clock import LOCAL_ZONE
from gateway.errors import IntakeError
from gateway.intake.entitlement import Proof, judge
from gateway.records import consents
from gateway.records.consents import ConsentKey, ConsentVersion, Registration, Revocation, in_force

FIRST = date(2026, 1, 1)
_REVOKED = Revocation(datetime(2026, 1, 1, tzinfo=UTC), "os:an", "theo đề nghị của chủ quản")


def version(number: int, begins: int = 0, ends: int | None = None, *, revoked: bool = False) -> ConsentVersion:
    """Version `number`, valid over these days since FIRST, with a key of its own."""
    return ConsentVersion(
        version=number,
        number=f"{number}/VB",
        dated=FIRST,
        valid_from=FIRST + timedelta(days=begins),
        valid_to=None if ends is None else FIRST + timedelta(days=ends),
        keys=(ConsentKey(f"k{number}", "ed25519", "", f"p{number}"),),
        revoked=_REVOKED if revoked else None,
    )


@st.composite
def _histories(draw: st.DrawFn) -> Registration:
    """Entries in order; a revocation ends all that were entered before it."""
    spans = draw(st.lists(st.tuples(st.integers(0, 12), st.none() | st.integers(0, 12)), min_size=0, max_size=6))
    ended = draw(st.integers(0, len(spans)))
    return Registration(
        "S",
        tuple(
            version(n, begins, None if length is None else begins + length, revoked=n <= ended)
            for n, (begins, length) in enumerate(spans, start=1)
        ),
    )


@given(_histories(), st.integers(-2, 30), st.integers(0, 24 * 60 - 1))
def test_exactly_the_version_in_force_decides(history: Registration, day: int, minute: int) -> None:
    """The last one entered among those that stand and have begun, while it lasts; told day by day by a slow reader."""
    today = FIRST + timedelta(days=day)
    at = datetime(today.year, today.month, today.day, tzinfo=LOCAL_ZONE) + timedelta(minutes=minute)
    deciding: ConsentVersion | None = None
    for entered in history.versions:  # each entry takes the place of what was before it, once it has begun
        if entered.revoked is None and entered.valid_from <= today:
            deciding = entered
    found = in_force(history, at)
    if deciding is not None:
        lasts = deciding.valid_to is None or today <= deciding.valid_to
        assert found == (deciding if lasts else "consent_expired")
    elif not history.versions:
        assert found == "consent_missing"
    else:
        assert found == ("consent_revoked" if all(v.revoked for v in history.versions) else "consent_not_yet_valid")
    # Of all keys ever entered, exactly those of the version in force open the door.
    opening = {
        f"k{v.version}"
        for v in history.versions
        if not isinstance(judge(history, Proof(f"k{v.version}"), at), IntakeError)
    }
    assert opening == ({f"k{found.version}"} if isinstance(found, ConsentVersion) else set())


def test_days_are_days_in_viet_nam_with_the_last_one_included() -> None:
    """From the first minute of the first day to the last of the last, seven hours ahead of UTC."""
    history = Registration("S", (version(1, 0, 1),))
    begins = datetime(2025, 12, 31, 17, 0, tzinfo=UTC)
    assert in_force(history, begins - timedelta(microseconds=1)) == "consent_not_yet_valid"
    assert in_force(history, begins) == history.versions[0]
    assert in_force(history, begins + timedelta(days=2, microseconds=-1)) == history.versions[0]
    assert in_force(history, begins + timedelta(days=2)) == "consent_expired"


def test_an_older_wider_version_never_comes_back_when_a_newer_one_ends() -> None:
    """A consent that was narrowed and then ran out has run out."""
    history = Registration("S", (version(1), version(2, 0, 3)))
    assert in_force(history, datetime(2026, 2, 1, tzinfo=UTC)) == "consent_expired"


def test_what_vouches_for_a_request_is_judged_by_the_version() -> None:
    """Each way to authenticate demands what it says, and a certificate counts only when it is pinned."""
    at = datetime(2026, 1, 2, tzinfo=UTC)
    pins = ("certificate:" + "a" * 64, "spki:" + "b" * 64)
    key, by_cert, by_key = Proof("k1"), Proof("", pins[0], "spki:x"), Proof("", "certificate:y", pins[1])
    stranger, both = Proof("k1", "certificate:y", "spki:y"), Proof("k1", pins[0], "spki:x")
    told = {
        "signature": ("", "missing_signature", "missing_signature", "", "", "missing_signature"),
        "certificate": ("missing_certificate", "", "", "unknown_certificate", "", "missing_certificate"),
        "both": (
            "missing_certificate",
            "missing_signature",
            "missing_signature",
            "unknown_certificate",
            "",
            "missing_signature",
        ),
    }
    for way, codes in told.items():
        history = Registration("S", (replace(version(1), certificates=pins, authentication=way),))  # type: ignore[arg-type]
        found = [judge(history, proof, at) for proof in (key, by_cert, by_key, stranger, both, Proof())]
        assert tuple(f.code if isinstance(f, IntakeError) else "" for f in found) == codes, way
        odd = judge(history, Proof("k9", pins[0], "spki:x"), at)
        assert isinstance(odd, IntakeError) and odd.code == "unknown_key", "a key of nobody spoils a good certificate"


@given(_histories())
def test_a_registration_is_read_back_as_it_was_written(history: Registration) -> None:
    """Nothing of the history is lost on the way through the store; each change has a version of its own."""
    from gateway.journal.model import Record

    write = consents.write(history)
    record = Record(write.key, write.version, write.state)
    assert consents.parse(record) == history
    assert consents.read({write.key: record}, "S") == history and consents.read({}, "S") is None
