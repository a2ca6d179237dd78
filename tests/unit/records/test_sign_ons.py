"""The records of sign-ons: what waits, what is kept, what is found again, and what nobody may find any more."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from connectors.kit.signing_on import Secrets, Session
from gateway.identity.chance import Names
from gateway.journal.model import Record
from gateway.records import sign_ons
from gateway.records.sign_ons import KeptSignOn, Leaving, SessionBook, Shelf, SignOnState
from tests.toys.signing_on import account

NOW = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)


def _kept(name: str = "s-1", state: SignOnState = SignOnState.BEGUN, **more: object) -> KeptSignOn:
    begun = KeptSignOn(name, "RES", "vneid", "toy", "https://motcua.example.vn/", NOW, NOW + timedelta(minutes=10))
    return replace(begun, state=state, **more)  # type: ignore[arg-type]  # fields of the test's choice


FULL = _kept(
    browser="b",
    start_key="k",
    ticket="t",
    secrets=Secrets("s", "n", "v"),
    account=account(),
    session=Session("toy", "sub", "sid", "token", "uri"),
    leaving=Leaving("s", "https://motcua.example.vn/"),
)


def test_a_sign_on_comes_back_from_its_record_as_it_went_one_version_further() -> None:
    """With everything that it may hold."""
    write = sign_ons.write(FULL)
    assert write.sealed_for == "sign_on/2026-11-20" and write.version == 1
    assert sign_ons.parse(Record(write.key, write.version, write.state)) == FULL.next()


def test_what_is_over_holds_nothing_that_was_secret_or_somebodys() -> None:
    """Every field that may hold such a thing is empty; a field that is added later has to be looked at here."""
    over = FULL.over(SignOnState.ENDED, "logout")
    named = {"id", "system", "upstream", "provider", "return_url", "begun_at", "until", "wish", "starts", "version"}
    left = {field.name for field in fields(KeptSignOn) if getattr(over, field.name)}
    assert left - named == {"state", "reason"}


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(SignOnState), st.booleans()), max_size=12))
def test_a_shelf_holds_what_waits_and_what_is_kept_and_nothing_that_is_over(
    moves: list[tuple[str, SignOnState, bool]],
) -> None:
    """Whatever moves came: each sign-on stands on it at most once, by its last state."""
    shelf, last = Shelf(), dict[str, KeptSignOn]()
    for name, state, session in moves:
        last[name] = _kept(name, state, session=Session("toy") if session else None)
        shelf = shelf.put(last[name])
    assert set(shelf.waits) == {name for name, one in last.items() if one.under_way}
    assert set(shelf.kept) == {name for name, one in last.items() if not one.under_way and one.session is not None}
    assert not shelf.due(NOW)
    assert set(shelf.due(NOW + timedelta(minutes=10))) == set(shelf.waits) | set(shelf.kept)


@given(st.lists(st.integers(0, 80), max_size=80))
def test_a_book_of_sessions_is_bounded_and_forgets_the_oldest(numbers: list[int]) -> None:
    """Somebody who signs on all day fills no record; the newest is always there."""
    book = SessionBook()
    for number in numbers:
        book = book.put(replace(_kept(f"s-{number}"), until=NOW + timedelta(hours=1, seconds=number)), NOW)
        assert f"s-{number}" in book.sign_ons and len(book.sign_ons) <= 32
    later = NOW + timedelta(days=1)
    assert set(book.put(replace(_kept("neu"), until=later + timedelta(hours=1)), later).sign_ons) == {"neu"}


@given(st.lists(st.text(max_size=5), max_size=3), st.lists(st.text(max_size=5), max_size=3))
def test_two_names_never_share_a_digest(one: list[str], other: list[str]) -> None:
    """Parts cannot run into each other: a `sid` of one provider is never taken for a `sub` of another."""
    names = Names(b"k" * 32)
    assert (names.of(*one) == names.of(*other)) == (one == other)
    assert names.of(*one) != Names(b"l" * 32).of(*one)
