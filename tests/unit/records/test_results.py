"""The records of results: codes that can be read back, lists that keep one content once, shelves that find open work again."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.journal.model import Record
from gateway.records import results
from gateway.records.results import KeptResult, ListedResult, ResultList, ResultState, Shelf, parse_code, result_code
from mappings.canonical import FileRef, ResultDocument
from signing.model import Covered, DocumentKind, Facts, Observation, SignatureFacts, SignatureFormat

NOW = datetime(2026, 11, 22, 6, 0, tzinfo=UTC)
DOSSIER = "G16-261122-0001"


def document(ident: str = "r1", digest: str = "ab" * 32, replaces: str = "") -> ResultDocument:
    """A result document with a file of this digest."""
    file = FileRef("giay-phep.pdf", "application/pdf", 3, digest)
    return ResultDocument(id=ident, name="Giấy phép", file=file, replaces=replaces)


def listed(n: int, state: ResultState = ResultState.PASSED, replaces: str = "") -> ListedResult:
    """The n-th result of the dossier."""
    digest = f"{n:064x}"
    return ListedResult(result_code(DOSSIER, n), digest, state, ("SEC-1",), document(f"r{n}", digest, replaces))


@given(st.text(min_size=1, max_size=40), st.integers(1, 999_999))
def test_a_code_is_read_back_as_it_was_built(dossier: str, n: int) -> None:
    """For every dossier code and every number; a dossier code that looks like a result code itself does not confuse it."""
    if "\n" not in dossier and "\r" not in dossier:
        assert parse_code(result_code(dossier, n)) == (dossier, n)


def test_the_code_has_the_form_of_the_decree() -> None:
    """NĐ 45/2020 Điều 14 khoản 3: mã hồ sơ, then -KQ(n), n from 1."""
    assert result_code("000.00.00.G16-261122-0001", 2) == "000.00.00.G16-261122-0001-KQ(2)"


@pytest.mark.parametrize(
    "code",
    ["", "G16-261122-0001", "-KQ(1)", "D-KQ(0)", "D-KQ(01)", "D-KQ()", "D-KQ(1) ", "D-KQ(1)\n", "D-KQ(-1)", "D-kq(1)"],
)
def test_what_is_no_code_is_not_read_as_one(code: str) -> None:
    """No leading zeros, no number 0, nothing behind it: two spellings of one code would be two results."""
    assert parse_code(code) is None


@pytest.mark.parametrize(("dossier", "n"), [("", 1), ("D", 0), ("D", -1), ("D", 1_000_000)])
def test_no_code_is_built_without_a_dossier_or_a_number_from_one(dossier: str, n: int) -> None:
    """A fault of the program, never of its input."""
    with pytest.raises(ValueError, match="result code"):
        result_code(dossier, n)


def test_only_what_passed_and_was_not_replaced_is_published() -> None:
    """A replacement that is still held replaces nothing yet."""
    first, second = listed(1), listed(2, ResultState.HELD, replaces="r1")
    assert ResultList((first, second)).published() == (first,)
    passed = replace(second, state=ResultState.PASSED)
    assert ResultList((first, second)).put(passed).published() == (passed,)


def test_a_list_keeps_a_result_in_its_place() -> None:
    """The number of a result never moves when it is written again."""
    before = ResultList((listed(1), listed(2)))
    after = before.put(replace(listed(1), state=ResultState.HELD))
    assert [one.code for one in after.results] == [one.code for one in before.results]
    assert after.with_content(f"{2:064x}") == listed(2)


def test_a_shelf_forgets_what_needs_no_look_any_more() -> None:
    """A code that is done leaves no trace, so that a shelf does not grow with the years."""
    shelf = Shelf().put("a", NOW).put("b", NOW).put("a", NOW + timedelta(minutes=5))
    assert shelf.due == {"a": NOW + timedelta(minutes=5), "b": NOW}
    assert shelf.put("a", None).put("b", None).due == {}


def test_a_result_with_its_facts_is_read_back_as_it_was_stored() -> None:
    """Facts hold bytes and times; they have to be the very same when they are judged again."""
    signature = SignatureFacts(
        "#1", SignatureFormat.CADES, Covered("document", ((0, 3),)), b"\x30\x03\xff", True, (b"\x00",), NOW, b"\x01\x80"
    )
    facts = Facts("ab" * 32, 3, DocumentKind.CMS, (signature,), (Observation("hash", ok=True),), crls=(b"\x30",))
    kept = KeptResult(result_code(DOSSIER, 1), DOSSIER, "ab" * 32, 3, document(), NOW, facts=facts)
    write = results.write(kept)
    assert write.sealed_for == DOSSIER
    assert results.parse(Record(write.key, write.version, write.state)) == replace(kept, version=1)


def test_documents_that_replace_themselves_or_each_other_hide_nobody_for_good() -> None:
    """Only what was named later replaces: the newest of them is always there to be shown."""

    def one(n: int, ident: str, replaces: str) -> ListedResult:
        document = ResultDocument(
            ident, "Giấy phép", FileRef("a.pdf", "application/pdf", 1, f"{n:064}"), replaces=replaces
        )
        return ListedResult(f"D-KQ({n})", f"{n:064}", ResultState.PASSED, ("RES",), document, sent_to=("national",))

    itself = ResultList((one(1, "GP-1", "GP-1"),))
    again = ResultList((one(1, "GP-1", ""), one(2, "GP-1", "GP-1")))
    circle = ResultList((one(1, "GP-1", "GP-2"), one(2, "GP-2", "GP-1")))
    assert [len(each.published()) for each in (itself, again, circle)] == [1, 1, 1]
    assert circle.published() == circle.results[1:]
    assert circle.published("national") == circle.results[1:]
    assert circle.published("other") == ()
