"""Whatever a person is called, the simulated population database finds them and says so in XML that anybody can read."""

from __future__ import annotations

from datetime import date

from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from connectors.vneid.simulator_envelope import Request, collection, envelope, read_request
from connectors.vneid.simulator_persons import People, Person, compact
from connectors.vneid.simulator_register import Register, RegisterOptions, births_fit

DC = "{http://www.mic.gov.vn/dancu/1.0}"
# What XML 1.0 can hold at all, without the blanks that an answer is trimmed of.
TEXT = st.text(
    st.characters(min_codepoint=0x20, exclude_categories=("Cs", "Cn"), exclude_characters="\ufffe\uffff"), max_size=40
)
NAMES = st.text(st.sampled_from("aăâbcdđeêghiklmnoôơpqrstuưvxyáàảãạếềểễệớờởỡợ '<&>-."), min_size=1, max_size=40)
BIRTHS = st.dates(date(1900, 1, 1), date(2030, 12, 31))
DAYS = (
    BIRTHS.map(lambda day: f"{day:%Y-%m-%d}")
    | BIRTHS.map(lambda day: f"{day:%Y-%m}")
    | BIRTHS.map(lambda day: f"{day:%Y}")
)


@given(NAMES.filter(compact), st.sampled_from(["observed", "qcvn109"]))
def test_a_name_is_found_in_every_form_and_told_as_it_is(name: str, shape: str) -> None:
    """Asked for without marks, in capitals, and as written: one person each time, and the answer parses."""
    people = People()
    people.add([Person(personal_id="001090000000", full_name=name, birth="1990-02-28")])
    options = RegisterOptions(shape="observed" if shape == "observed" else "qcvn109")
    register = Register(options, people, lambda: 0.0)
    for said in (name, name.upper(), compact(name)):
        fields = {
            "MaYeuCau": "1",
            "MaDVC": "1.000000",
            "MaTichHop": "037",
            "MaCanBo": "c",
            "SoDinhDanh": "001090000000",
            "HoVaTen": said,
            "NgayThangNamSinh/Nam": "1990",
        }
        found = register.answer(Request("TraCuuThongTinCongDan", "http://dancuquocgia.bca", fields), "A")
        root = etree.fromstring(envelope(collection(found.rows, {})))
        parts = root.find(f".//{DC}HoVaTen")
        assert parts is not None
        whole = " ".join(part.text for part in parts if part.text)
        assert compact(whole) == compact(name)


@given(TEXT, TEXT)
def test_what_is_asked_is_read_as_it_was_written(first: str, second: str) -> None:
    """Values of any characters survive the envelope, whatever they look like."""
    body = "".join(f"<d:{name}>{_escaped(value)}</d:{name}>" for name, value in (("A", first), ("B", second)))
    raw = (
        '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:d="http://dancuquocgia.bca">'
        f"<s:Body><d:Op>{body}</d:Op></s:Body></s:Envelope>"
    ).encode()
    assert dict(read_request(raw).fields) == {"A": first.strip(), "B": second.strip()}


@given(DAYS, DAYS)
def test_two_births_fit_exactly_when_neither_contradicts_the_other(mine: str, theirs: str) -> None:
    """At the coarser precision of the two, in either order, with dashes or without."""
    expected = all(a == b for a, b in zip(mine.split("-"), theirs.split("-"), strict=False))
    assert births_fit(mine, theirs) is expected
    assert births_fit(theirs.replace("-", ""), mine) is expected


def _escaped(text: str) -> str:
    """Text in an element, written by lxml."""
    element = etree.Element("x")
    element.text = text
    return etree.tostring(element, encoding="unicode").removeprefix("<x>").removesuffix("</x>").replace("<x/>", "")
