"""For all people: what the mapping lets through the schema accepts, and what a register says keeps its meaning on the wire."""

from __future__ import annotations

from datetime import date
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from connectors.kit.errors import CannotMap
from connectors.kit.soap.lexical import CannotBuild
from connectors.kit.soap.port import Port, Reading, Spoken
from connectors.kit.soap.reading import loosely
from connectors.vneid.client import WSDL
from connectors.vneid.profiles.dancu.mapping import Asked, birth_of, people, person_fields, request
from connectors.vneid.profiles.dancu.messages import (
    CongdanCollection,
    MessageUnreadable,
    NgaySinh,
    encoded,
    from_tree,
    to_tree,
)
from connectors.vneid.profiles.dancu.rules import WIRE_NAMES, RequestRules
from mappings.identity import PERSON_FIELDS
from mappings.names import NameForm
from mappings.partial_date import PartialDate
from signing.canonical import parse_xml

AT = date(2026, 1, 1)
MANY = frozenset({"CongDan"})
PORT = Port.load(WSDL, "DanCuDirectBinding", Reading(by="local_names", many=MANY))
SPOKEN: dict[str, Spoken] = {name: PORT.speak(wire) for name, wire in WIRE_NAMES.items()}
CODES = {name: str(number).zfill(3) for number, name in enumerate(WIRE_NAMES, start=1)}

TEXT = st.text(st.characters(exclude_categories=["Cc", "Cs", "Cn"]), max_size=12)
WORDS = st.text(st.sampled_from("NguyễnVănThửĐỗ 'Ơ-\u200b&<\"0"), min_size=1, max_size=40)
BIRTHS = st.builds(
    lambda day, parts: str(day)[: (4, 7, 10)[parts]],
    st.dates(date(1800, 1, 1), date(2199, 12, 31)),
    st.integers(0, 2),
)
ASKED = st.builds(
    Asked,
    operation=st.sampled_from(list(WIRE_NAMES)),
    full_name=WORDS | TEXT,
    personal_id=st.from_regex(r"\A[0-9]{12}\Z") | st.just("") | TEXT,
    cmnd=st.from_regex(r"\A[0-9]{9}\Z") | TEXT,
    birth=BIRTHS | TEXT,
    request_id=TEXT,
    procedure_code=TEXT,
    unit=TEXT,
    officer=TEXT,
    officer_account=TEXT,
)
RULES = st.builds(
    RequestRules,
    integration_codes=st.just(CODES),
    name_form=st.sampled_from(list(NameForm)),
    date_form=st.sampled_from(["compact", "dashed"]),
    send_fields=st.sampled_from([(), ("MaDonVi",), ("MaDonVi", "TaiKhoan", "SoDienThoai")]),
)
NAME = st.builds(lambda a, b, c: {"Ho": a, "ChuDem": b, "Ten": c}, TEXT, TEXT, TEXT) | TEXT
ADDRESS = st.dictionaries(
    st.sampled_from(["MaTinhThanh", "MaPhuongXa", "MaDonViHanhChinh", "ChiTiet", "QuocGia"]), TEXT
)
RELATIVE = st.fixed_dictionaries({}, optional={"HoVaTen": NAME, "SoDinhDanh": TEXT, "SoCMND": TEXT, "QuocTich": TEXT})
RECORD = st.fixed_dictionaries(
    {},
    optional={
        "SoDinhDanh": TEXT,
        "SoCMND": TEXT,
        "HoVaTen": NAME,
        "GioiTinh": TEXT | st.sampled_from(["0", "1", "2"]),
        "DanToc": st.builds(lambda code: {"MaDanToc": code}, TEXT) | TEXT,
        "TonGiao": st.builds(lambda code: {"MaTonGiao": code}, TEXT) | TEXT,
        "TinhTrangHonNhan": TEXT,
        "NhomMau": TEXT,
        "NgayThangNamSinh": st.builds(lambda birth: {"NgayThangNam": birth.replace("-", "")}, BIRTHS),
        "ThuongTru": ADDRESS | TEXT,
        "NoiOHienTai": ADDRESS,
        "Cha": RELATIVE | TEXT,
        "VoChong": RELATIVE,
        "ChuHo": RELATIVE.map(lambda relative: {**relative, "QuanHe": "01"}),
    },
)


@given(ASKED, RULES)
def test_what_the_mapping_lets_through_the_schema_accepts(asked: Asked, rules: RequestRules) -> None:
    """Findings come from the mapping, in words with places; the schema behind it only ever refuses what XML cannot hold."""
    try:
        fields = request(asked, rules)
    except CannotMap as refused:
        assert refused.findings
        assert all(finding.pointer.startswith("/") for finding in refused.findings)
        return
    try:
        SPOKEN[asked.operation].write(fields)
    except CannotBuild as error:
        assert error.code == "soap_ky_tu", error


@given(RECORD)
def test_a_record_keeps_its_meaning_over_the_wire(record: dict[str, Any]) -> None:
    """Written and read again it says the same of the same places, whichever shape each part has; `repr` says nothing."""
    message = from_tree({"CongDan": [record]}, CongdanCollection)
    assert to_tree(message) == {"CongDan": [record]} and repr(message) == "<CongdanCollection>"
    again = from_tree(loosely(parse_xml(encoded(message)), MANY), CongdanCollection)
    meant = [person_fields(person, AT) for person in message.CongDan]
    said = [person_fields(person, AT) for person in again.CongDan]
    assert [person for person in said if person] == [person for person in meant if person]
    assert all(set(person) <= set(PERSON_FIELDS) for person in said)
    assert all(value == value.strip() and value for person in said for value in person.values())


@given(RECORD, RECORD)
def test_nobody_but_the_one_who_was_asked_for_is_ever_handed_on(one: dict[str, Any], two: dict[str, Any]) -> None:
    """Whatever comes, at most one person comes out, and no number of theirs contradicts the question."""
    asked = Asked("look_up", "A", "001090000000", "", "1990", "r", "p", "u", "o")
    try:
        found = people(from_tree({"CongDan": [one, two]}, CongdanCollection), asked, AT)
    except MessageUnreadable:
        return
    assert len(found) <= 1
    assert all(person.get("personal_id", "001090000000") == "001090000000" for person in found)


@given(st.text(max_size=12) | BIRTHS, st.text(max_size=6))
def test_a_birth_is_a_partial_date_or_nothing_or_refused(day: str, year: str) -> None:
    """For all texts: what comes out can be read as a partial date again, and repeats itself."""
    try:
        born = birth_of(NgaySinh(Nam=year, NgayThangNam=day))
    except MessageUnreadable:
        return
    assert born == "" or str(PartialDate.parse(born)) == born
