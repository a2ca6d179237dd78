"""What is remembered beside parcels: rounds of a feed, parcels that are not ours, and under which key everything is known."""

from __future__ import annotations

from datetime import timedelta

from msgspec import structs

from connectors.kit.contract import Effect, Ledger, RaiseAlarm
from connectors.postal.changes import OrderUnanswered
from connectors.postal.entering import change_of, page_read, storable, stray_of
from connectors.postal.feeds import ROUNDS_KEPT, Feed, FeedRounds, PageRead, rounds_since
from connectors.postal.identity import shipment_id_of
from connectors.postal.speaking import Sighting
from connectors.postal.strays import SEEN_KEPT, Stray, Strays
from mappings.codec import convert, decode, encode

from .shipments import CARRIER, T0, later, parcel, scan, scanned


def _page(asked: float, *, more: bool = False, records: int = 3, unreadable: int = 0, strays: int = 0) -> PageRead:
    at = later(asked + 1)
    return PageRead(at=at, asked_at=later(asked), records=records, unreadable=unreadable, more=more, strays=strays)


def _feed(*pages: PageRead) -> tuple[Feed, list[Effect]]:
    feed: Feed | None = None
    caused: list[Effect] = []
    for page in pages:
        read = convert(page_read(CARRIER, page, "#0").fields, PageRead)
        feed, effects = FeedRounds().apply(decode(encode(feed), Feed) if feed is not None else None, read)
        caused += effects
    assert feed is not None
    return feed, caused


def test_both_are_ledgers_that_the_house_can_hold() -> None:
    """They offer what the house asks of a ledger."""
    offered: list[object] = [FeedRounds(), Strays()]
    assert all(isinstance(one, Ledger) for one in offered)


def test_a_round_is_all_pages_until_nothing_more_came() -> None:
    """It began when its first question left, and holds what all of them brought."""
    feed, _ = _feed(_page(0, more=True), _page(5, more=True), _page(9, records=1))
    [one] = feed.rounds
    assert (one.began_at, one.ended_at, one.records, feed.completed) == (T0, later(10), 7, 1)
    assert feed.begun_at is None and feed.records == 7


def test_a_round_that_is_not_read_to_its_end_counts_for_nothing() -> None:
    """What an unread page holds nobody knows."""
    feed, _ = _feed(_page(0), _page(300, more=True))
    assert (len(feed.rounds), rounds_since(feed, later(-1))) == (1, 1)


def test_only_rounds_that_began_after_a_doubt_say_something_about_it() -> None:
    """The one under way when the order was sent may have passed the place where it would have stood."""
    feed, _ = _feed(_page(0), _page(100, more=True), _page(200), _page(300), _page(400), _page(500))
    assert [rounds_since(feed, later(at)) for at in (-1, 0, 100, 250, 500)] == [5, 4, 3, 3, 0]
    assert rounds_since(None, T0) == 0


def test_old_rounds_are_dropped_and_all_are_counted() -> None:
    """Three of them are ever asked for."""
    feed, _ = _feed(*[_page(300 * number) for number in range(ROUNDS_KEPT + 5)])
    assert (len(feed.rounds), feed.completed, feed.rounds[-1].began_at) == (16, 21, later(300 * 20))


def test_a_record_that_cannot_be_read_is_counted_and_an_alarm() -> None:
    """Its page is taken all the same."""
    feed, caused = _feed(_page(0), _page(300, unreadable=2))
    assert (feed.unreadable, [effect.code for effect in caused if isinstance(effect, RaiseAlarm)]) == (
        2,
        ["postal.feed_unreadable"],
    )


def test_two_pages_are_two_changes_even_where_they_say_the_same() -> None:
    """Silence is counted, so each of them must be: the cursor of the poller counts rounds."""
    assert page_read(CARRIER, _page(0, records=0), "#0").key != page_read(CARRIER, _page(300, records=0), "#1").key


def test_a_page_that_is_asked_for_again_is_the_same_change() -> None:
    """After a crash before it was stored, or a page that could not be stored: nothing is counted twice."""
    first, again = (page_read(CARRIER, _page(at), "#7") for at in (0, 300))
    assert first.key == again.key
    assert set(first.fields) - set(first.passing) == {"type"}


# --- strays -----------------------------------------------------------------------------------------------------------


def _stray(*numbers: int, source: str = "webhook") -> tuple[Stray, list[Effect]]:
    stray: Stray | None = None
    caused: list[Effect] = []
    for number in numbers:
        told = scan(number, "in_transit", f"v{number}", text="Nguyễn Thị Mẫu, 0900000000", note="gọi 0900000000")
        told = structs.replace(told, source=source)
        change = stray_of(CARRIER, Sighting("KHAC-1", told))
        stray, effects = Strays().apply(stray, convert(change.fields, Strays.change_type))
        caused += effects
    assert stray is not None
    return stray, caused


def test_a_parcel_that_is_not_ours_is_an_alarm_once_and_counted() -> None:
    """The newest are kept, as codes."""
    stray, caused = _stray(*range(SEEN_KEPT + 3))
    assert (stray.count, len(stray.seen), stray.seen[-1].event_id) == (11, 8, "v10")
    assert [effect.code for effect in caused if isinstance(effect, RaiseAlarm)] == ["postal.stray"]


def test_the_strays_of_a_feed_are_told_once_a_round_however_many_there_are() -> None:
    """A feed that is read for the first time holds what other systems ordered for years: one alarm, with the count."""
    assert _stray(*range(3), source="feed")[1] == []
    pages = (_page(0, more=True, strays=400), _page(1, more=True, strays=17), _page(2, more=False))
    _, caused = _feed(*pages)
    (alarm,) = [effect for effect in caused if isinstance(effect, RaiseAlarm)]
    assert alarm.code == "postal.stray" and "417 đơn" in alarm.detail_vi
    feed, caused = _feed(*pages, _page(300))
    assert (feed.begun_strays, len(caused)) == (0, 1)


def test_nothing_about_people_is_kept_of_a_stray() -> None:
    """Neither the carrier's sentence nor its note, in the state and in the change."""
    told = scan(1, "in_transit", text="Nguyễn Thị Mẫu", note="0900000000", cause="Nguyễn Thị Mẫu vắng")
    kept = encode(_stray(1)[0]).decode() + str(dict(stray_of(CARRIER, Sighting("KHAC-1", told)).fields))
    assert "Mẫu" not in kept and "0900000000" not in kept


def test_a_stray_without_our_number_is_known_by_the_carriers_own() -> None:
    """A notice may name its item code only."""
    told = scan(1, "in_transit", item_code="RA473124829VN")
    assert stray_of(CARRIER, Sighting("", told)).id == shipment_id_of(CARRIER, "RA473124829VN")


# --- keys -------------------------------------------------------------------------------------------------------------


def test_the_same_event_has_one_key_and_says_nothing_new_by_another_way() -> None:
    """Whatever stands around it, what the house compares is the same: no alarm of a key that was used for two things."""
    feed = change_of("x", scanned(10, "accepted", "v1"))
    notice = change_of("x", scanned(10, "accepted", "v1", source="webhook", text="Đã nhận", received_at=later(9_000)))
    assert feed.key == notice.key
    assert [_lasting(one.fields, one.passing) for one in (feed, notice)] == [{"type": "scanned"}] * 2


def test_the_same_event_with_another_code_is_another_change() -> None:
    """The ledger must hear of it."""
    keys = {change_of("x", scanned(10, "accepted", "v1", raw_code=code)).key for code in ("2", "4")}
    assert len(keys) == 2


def test_a_request_is_known_by_who_asked_and_by_what_it_says() -> None:
    """Two systems may number their requests alike."""
    keys = {
        change_of("x", change).key
        for change in (parcel(), parcel(asked_by="NGANH"), parcel(request_id="yc-2"), parcel(body_sha256="b" * 64))
    }
    assert len(keys) == 4
    assert change_of("x", parcel(at=later(5))).key in keys


def test_each_doubt_counts() -> None:
    """In doubt, sent anew, in doubt again: the second is no repetition of the first."""
    keys = {change_of("x", OrderUnanswered(at=later(seconds))).key for seconds in (5, 6)}
    assert len(keys) == 2


def test_what_a_carrier_writes_without_end_fits_into_a_ledger() -> None:
    """Texts are cut, codes lose what nobody can print, an id that is none becomes a digest."""
    told = scan(1, "in_transit", "v\u0000" * 400, raw_code="4\u202e\n", note="x" * 9_000, rank="r" * 900)
    kept = storable(told)
    assert (len(kept.event_id), kept.raw_code, len(kept.note), len(kept.rank)) == (32, "4??", 500, 100)
    assert storable(kept) == kept
    assert len(change_of("x", structs.replace(scanned(1, "keep"), scan=told)).key) < 60


def _lasting(fields: object, passing: tuple[str, ...]) -> dict[str, object]:
    assert isinstance(fields, dict)
    return {name: value for name, value in fields.items() if name not in passing}


def test_a_moment_before_the_question_is_no_round_of_it() -> None:
    """Exactly then is not after."""
    feed, _ = _feed(_page(100))
    assert rounds_since(feed, later(100)) == 0 and rounds_since(feed, later(100) - timedelta(microseconds=1)) == 1
