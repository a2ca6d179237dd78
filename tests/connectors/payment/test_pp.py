"""PP's dialect: what we put before the portal's platform, which notices we believe, and what its bill must say."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import msgspec
import pytest

from connectors.kit.errors import CannotMap, CredentialsRefused
from connectors.kit.http_answers import HttpAnswer
from connectors.payment.model import FeeLine, Made, Payer, Verdict
from connectors.payment.profiles.pp import PROFILE
from connectors.payment.profiles.pp.options import PpOptions
from connectors.payment.speaking import Ack, Bills, Call, Dialogue, Key, Refused
from mappings.codes import FeeKind
from tests.connectors.payment.accounts import REF, answer, asked, by_post, dialogue, key, order, refund

SECRET = key("main").value
CONFIRM: dict[str, Any] = {
    "LoaiBanTin": "CONFIRM", "MaLoi": "00", "MaDoiTac": "TESTTMN1", "MaThamChieu": REF, "SoTien": 500000,
    "MaTienTe": "VND", "MaGiaoDich": "PP0001", "MaNganHang": "VCB", "ThoiGianGD": "20260921143155",
    "ThongTinGiaoDich": "Phí thẩm định",
}  # fmt: skip
CONFIRMED = tuple(CONFIRM)
SAID = {
    "LoaiBanTin": "QUERY", "PhienBan": "1.0.6", "MaDoiTac": "TESTTMN1", "MaThamChieu": REF, "ThoiGianGD": "20260921143155",
    "SoTien": "500000", "MaTienTe": "VND", "MaGiaoDich": "PP0001", "MaNganHang": "VCB", "TrangThaiGD": "1",
}  # fmt: skip


def pp(**options: Any) -> Dialogue:
    """The dialect with these options."""
    return dialogue(PROFILE, options=PpOptions(**options))


def digest(values: list[str], secret: str = SECRET) -> str:
    """The platform's own signature, written without our code."""
    return hashlib.sha256("|".join([*values, secret]).encode()).hexdigest()


def signed(secret: str = SECRET, **changes: Any) -> dict[str, Any]:
    """A notice as the platform signs it."""
    fields = CONFIRM | changes
    return {**fields, "MaXacThuc": digest([str(fields[name]) for name in CONFIRMED], secret)}


def body(call: Call | Made | None) -> dict[str, Any]:
    """The JSON of a call."""
    assert isinstance(call, Call)
    read: dict[str, Any] = json.loads(call.body)
    return read


def test_init_is_signed_over_its_fourteen_fields_and_carries_the_bill() -> None:
    """Text in NFC, the amount as text, the time of Viet Nam; the bill stands outside the signature (payment facts 3.1)."""
    call = pp().create(order(text="Phí\u0323 | thẩm\u0301\n định"))
    message = body(call)
    bill = message.pop("ThongTinBienLai")
    signature = message.pop("MaXacThuc")
    assert signature == digest(list(message.values()))
    assert message["ThongTinGiaoDich"] == "Phị́ thẩḿ định"
    assert (message["SoTien"], message["ThoiGianGD"], message["MaThamChieu"]) == ("500000", "20260921143005", REF)
    assert bill["PhiLePhi"] == [
        {"LoaiPhiLePhi": "1", "MaPhiLePhi": "PTD01", "TenPhiLePhi": "Phí thẩm định", "SoTien": "500000"}
    ]
    assert (bill["TKThuHuong"], bill["MaDichVu"]) == ("0011001234567", "2")


def test_the_token_of_an_lgsp_travels_in_a_header_only() -> None:
    """Where an LGSP stands between, its token is a bearer token; without one there is no such header."""
    keys = {"main": (key("main"),), "lgsp": (key("lgsp"),)}
    with_token = dialogue(PROFILE, keys=keys).create(order())
    without = pp().create(order())
    assert isinstance(with_token, Call)
    assert isinstance(without, Call)
    assert with_token.headers["Authorization"] == f"Bearer {key('lgsp').value}"
    assert "Authorization" not in without.headers
    assert key("lgsp").value.encode() not in with_token.body
    assert key("lgsp").value not in repr(with_token)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"fee_lines": ()}, "ít nhất một khoản"),
        ({"amount": 400_000}, "Tổng các khoản"),
        ({"payer": Payer(name="Nguyễn Thử Nghiệm", number="001090000000")}, "địa chỉ người nộp"),
        ({"ref": "0" * 21}, "ref_max_len"),
        (
            {"fee_lines": (FeeLine(kind=FeeKind.POSTAGE, code="X", name="Cước", amount=500_000),)},
            "fee_kinds",
        ),
    ],
)
def test_what_the_platform_cannot_be_told_is_refused_before_the_call(changes: dict[str, Any], word: str) -> None:
    """Lines that do not add up, a bill with holes, a reference too long, a kind of fee without a code."""
    with pytest.raises(CannotMap, match=word) as refused:
        pp().create(order(**changes))
    assert "001090000000" not in refused.value.message_vi


def test_without_a_key_nothing_is_signed() -> None:
    """A missing secret is for people, never an unsigned message."""
    with pytest.raises(CredentialsRefused):
        dialogue(PROFILE, keys={}).create(order())


def test_an_answer_with_an_address_is_an_order() -> None:
    """Directly, and as JSON inside the text of an LGSP, each only where it is configured."""
    direct = {"MaLoi": "00", "UrlThanhToan": "https://pay.example.gov.vn/1"}
    wrapped = {"error_code": "0", "message": json.dumps(direct)}
    made = Made(pay_url="https://pay.example.gov.vn/1", time_text="20260921143005", shows_bill=True)
    assert pp().created(order(), answer(direct)) == made
    assert pp(wrapper="lgsp_string").created(order(), answer(wrapped)) == made
    assert isinstance(pp().created(order(), answer(wrapped)), Refused)
    assert isinstance(pp(wrapper="lgsp_string").created(order(), answer(direct)), Refused)


@pytest.mark.parametrize(
    ("said", "status", "verdict"),
    [
        ({"MaLoi": "00"}, 200, Verdict.UNKNOWN),
        ({"MaLoi": "05", "UrlThanhToan": "https://pay.example.gov.vn/1"}, 200, Verdict.UNKNOWN),
        ({"MaLoi": "17"}, 200, Verdict.CONFIGURATION),
        ({}, 200, Verdict.UNKNOWN),
        (b"<html>", 200, Verdict.UNKNOWN),
        (b'{"MaLoi":"00","MaLoi":"99"}', 200, Verdict.UNKNOWN),
        ({}, 401, Verdict.CONFIGURATION),
        ({}, 429, Verdict.REPEAT),
        ({}, 500, Verdict.UNKNOWN),
    ],
)
def test_any_other_answer_to_init_leaves_it_to_the_question(said: object, status: int, verdict: Verdict) -> None:
    """Only a code that the configuration names says more (payment facts 9: pp.code_map)."""
    refused = pp(code_map={"17": "C"}).created(order(), answer(said, status))
    assert isinstance(refused, Refused)
    assert refused.statement.verdict is verdict


def test_a_question_repeats_the_time_text_of_init() -> None:
    """The stored text is the key of QUERY, whatever the clock says now."""
    message = body(pp().query(asked(time_text="20260921023005")))
    assert message["ThoiGianGD"] == "20260921023005"
    assert message["MaXacThuc"] == digest(["QUERY", "1.0.6", "TESTTMN1", REF, "20260921023005"])


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, Verdict.PAID),
        ({"MaLoi": "00"}, Verdict.PAID),
        ({"TrangThaiGD": "3"}, Verdict.PENDING),
        ({"TrangThaiGD": "4"}, Verdict.FAILED),
        ({"TrangThaiGD": "2"}, Verdict.UNKNOWN),
        ({"TrangThaiGD": ""}, Verdict.UNKNOWN),
        ({"MaLoi": "99"}, Verdict.UNKNOWN),
        ({"MaLoi": "25", "TrangThaiGD": ""}, Verdict.NOT_FOUND),
    ],
)
def test_the_state_of_a_transaction_stands_in_the_table(changes: dict[str, str], verdict: Verdict) -> None:
    """`TrangThaiGD`, unless `MaLoi` speaks against it (G6)."""
    statement = pp(code_map={"25": "not_found"}).queried(asked(), answer(SAID | changes))
    assert (statement.verdict, statement.trusted, statement.ours) == (verdict, True, True)
    assert (statement.amount, statement.currency, statement.txn_id) == (500_000, "VND", "PP0001")


def test_a_refusal_of_a_question_needs_no_echo_and_never_says_paid() -> None:
    """The platform may answer only with a code; one that is configured says that it knows no such transaction."""
    asking = pp(code_map={"25": "not_found"})
    refused = asking.queried(asked(), answer({"MaLoi": "25", "MoTaLoi": "Không tìm thấy giao dịch"}))
    assert (refused.verdict, refused.trusted, refused.ref) == (Verdict.NOT_FOUND, True, REF)
    unknown = asking.queried(asked(), answer({"MaLoi": "26"}))
    assert (unknown.verdict, unknown.trusted) == (Verdict.UNKNOWN, True)
    foreign = asking.queried(asked(), answer({"MaLoi": "25", "MaThamChieu": "another"}))
    assert (foreign.verdict, foreign.trusted) == (Verdict.UNKNOWN, False)


@pytest.mark.parametrize("missing", ["MaThamChieu", "MaDoiTac"])
def test_an_answer_without_its_echo_is_not_trusted(missing: str) -> None:
    """Nothing is signed there, so what was asked has to come back (decision D6)."""
    said = {name: value for name, value in SAID.items() if name != missing}
    statement = pp().queried(asked(), answer(said))
    assert (statement.trusted, statement.verdict) == (False, Verdict.UNKNOWN)


def test_an_answer_of_another_partner_is_not_ours() -> None:
    """G2 holds for answers too."""
    assert not pp().queried(asked(), answer(SAID | {"MaDoiTac": "OTHER"})).ours


def test_a_signed_answer_is_demanded_where_it_is_configured() -> None:
    """The unknown canonical string is configuration; then the echo does not do any more."""
    fields = ("MaThamChieu", "SoTien", "TrangThaiGD")
    strict = pp(query_answer_fields=fields)
    good = SAID | {"MaXacThuc": digest([SAID[name] for name in fields])}
    assert strict.queried(asked(), answer(good)).key_id == "main-1"
    assert not strict.queried(asked(), answer(SAID)).trusted
    assert not strict.queried(asked(), answer(good | {"SoTien": "5000000"})).trusted


def test_a_success_is_heard_with_everything_that_the_guards_compare() -> None:
    """CONFIRM 00, verified over its ten fields (payment facts 3.1)."""
    heard = pp().hear(by_post(signed() | {"MaHoSo": "000.00.00.G11-260921-000123"}))
    assert heard.ack is Ack.TAKEN
    assert heard.statement is not None
    told = heard.statement
    assert (told.verdict, told.trusted, told.ours, told.key_id) == (Verdict.PAID, True, True, "main-1")
    assert (told.ref, told.amount, told.currency, told.txn_id) == (REF, 500_000, "VND", "PP0001")
    assert (told.time_text, told.dossier_code) == ("20260921143155", "000.00.00.G11-260921-000123")
    assert told.paid_at is not None
    assert told.paid_at.isoformat() == "2026-09-21T07:31:55+00:00"


@pytest.mark.parametrize("code", ["99", "01", "", "0"])
def test_any_other_code_of_a_notice_only_makes_us_ask(code: str) -> None:
    """The list of codes is not known, so QUERY decides (payment facts 2.4)."""
    heard = pp().hear(by_post(signed(MaLoi=code)))
    assert heard.statement is not None
    assert heard.statement.verdict is Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("message", "ack"),
    [
        (CONFIRM, Ack.BAD_SIGNATURE),
        (signed(secret="another"), Ack.BAD_SIGNATURE),
        (signed() | {"SoTien": 50000}, Ack.BAD_SIGNATURE),
        (signed() | {"MaLoi": "99"}, Ack.BAD_SIGNATURE),
        (signed(LoaiBanTin="INIT"), Ack.MALFORMED),
        (signed(MaNganHang="VCB|x"), Ack.MALFORMED),
        (signed(MaDoiTac="OTHER"), Ack.NOT_OURS),
        ({"MaXacThuc": {}}, Ack.MALFORMED),
        (b"[]", Ack.MALFORMED),
    ],
)
def test_a_notice_that_is_not_genuine_is_refused(message: object, ack: Ack) -> None:
    """Unsigned, signed by somebody else, changed, of another kind, with two readings, or of another partner."""
    assert pp().hear(by_post(message)).ack is ack


def test_acknowledgements_echo_only_what_was_verified() -> None:
    """00 or 99, with the signature of the notice; an unverified notice gets nothing of its own back (payment facts 4.4)."""
    message = signed()
    good, bad = pp().hear(by_post(message)), pp().hear(by_post(message | {"SoTien": 1}))
    for ack in (Ack.TAKEN, Ack.DUPLICATE):
        said = json.loads(pp().acknowledge(ack, good).body)
        assert said == {
            "MaLoi": "00", "MoTaLoi": "", "MaDoiTac": "TESTTMN1", "MaThamChieu": REF, "ThoiGianGD": "20260921143155",
            "MaXacThuc": message["MaXacThuc"],
        }  # fmt: skip
    for ack in set(Ack) - {Ack.TAKEN, Ack.DUPLICATE}:
        assert json.loads(pp().acknowledge(ack, good).body)["MaLoi"] == "99"
    refused = json.loads(pp().acknowledge(bad.ack, bad).body)
    assert (refused["MaThamChieu"], refused["MaXacThuc"]) == ("", "")
    assert json.loads(pp().acknowledge(Ack.UNSTORED, None).body)["MaLoi"] == "99"


def test_an_acknowledgement_is_signed_where_it_is_configured() -> None:
    """`pp.ack.signature = canonical[list]` of payment facts 9."""
    strict = pp(ack_fields=("MaLoi", "MaDoiTac", "MaThamChieu"))
    said = json.loads(strict.acknowledge(Ack.TAKEN, strict.hear(by_post(signed()))).body)
    assert said["MaXacThuc"] == digest(["00", "TESTTMN1", REF])


def test_the_bill_is_asked_for_and_compared() -> None:
    """No signature covers the bill, so a hop may change it: account, bank and lines are compared (abuse case A22)."""
    said = dialogue(PROFILE)
    assert isinstance(said, Bills)
    assert body(said.bill(asked()))["LoaiBanTin"] == "GET_BILL"
    bill = body(said.create(order()))["ThongTinBienLai"]

    def compared(**changes: Any) -> tuple[bool, tuple[str, ...]]:
        told = {"MaThamChieu": REF, "MaDoiTac": "TESTTMN1", "ThongTinBienLai": bill | changes}
        read = said.billed(
            order(),
            HttpAnswer(200, {"Content-Type": "application/json; charset=utf-8"}, msgspec.json.encode(told), 1.0),
        )
        return read.readable, read.differences

    assert compared() == (True, ())
    assert compared(TKThuHuong="0099") == (True, ("beneficiary_account",))
    assert compared(MaNHThuHuong="BIDV", PhiLePhi=[]) == (True, ("beneficiary_bank", "fee_lines"))
    assert compared(TKThuHuong="") == (False, ())
    assert compared(PhiLePhi=["x"]) == (False, ())


def test_a_bill_that_is_a_document_is_for_people() -> None:
    """A PDF is neither agreement nor difference; without an address nothing is asked."""
    said = dialogue(PROFILE)
    assert isinstance(said, Bills)
    pdf = HttpAnswer(200, {"Content-Type": "application/pdf"}, b"%PDF-1.7", 1.0)
    assert not said.billed(order(), pdf).readable


def test_there_is_no_refund_at_the_platform() -> None:
    """People make it by transfer (payment facts 9: pp.refund.mode)."""
    assert pp().refund(refund()) is None
    assert pp().query_refund(refund()) is None
    assert pp().refunded(refund(), answer({})).verdict is Verdict.UNKNOWN
    assert pp().refund_queried(refund(), answer({})).verdict is Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("query", "ref", "claims"),
    [
        (f"MaThamChieu={REF}&MaLoi=00", REF, True),
        (f"MaThamChieu={REF}", REF, False),
        ("MaThamChieu=1&MaThamChieu=2", "", False),
        ("", "", False),
    ],
)
def test_a_return_is_never_signed(query: str, ref: str, claims: bool) -> None:
    """It shows at most which payment the browser means."""
    told = pp().returned(query)
    assert (told.ref, told.signed, told.claims_paid) == (ref, False, claims)


@pytest.mark.parametrize(
    "wrong",
    [
        {"code_map": {"00": "F"}},
        {"code_map": {"05": "P"}},
        {"code_map": {"05": "X"}},
        {"ack_fields": ("SoTien",)},
        {"query_answer_fields": ("MaThamChieu",)},
        {"query_answer_fields": ("X",)},
        {"fee_kinds": {"other_kind": "1"}},
        {"ref_max_len": 15},
    ],
)
def test_options_that_open_a_door_are_refused(wrong: dict[str, Any]) -> None:
    """No code but 00 means paid, and a configured signature covers what counts."""
    with pytest.raises(ValueError, match=next(iter(wrong))):
        PpOptions(**wrong)


def test_both_keys_verify_while_they_overlap() -> None:
    """See abuse case A34 for every dialect; here both stand in one account."""
    keys = {"main": (Key(id="old", value="old-secret"), key("main"))}
    both = dialogue(PROFILE, keys=keys)
    heard = both.hear(by_post(signed(secret="old-secret")))
    assert heard.statement is not None
    assert heard.statement.key_id == "old"
