"""The simulated hubs PP, KeyPay and PayGov: their vectors are taken, bills add up, callbacks say what the books say."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

import pytest
from aiohttp import web

from tests.connectors.payment.vectors import VECTORS, Vector
from tests.connectors.payment_simulator.conftest import Ground, OpenGround

_BY_ID = {vector.id: vector for vector in VECTORS}
_REF = "260921-000123-a1"
_PP = "PP-TEST-SECRET-0001"
_CONFIRM = "LoaiBanTin MaLoi MaDoiTac MaThamChieu SoTien MaTienTe MaGiaoDich MaNganHang ThoiGianGD ThongTinGiaoDich"


def bill(*amounts: int, **changes: Any) -> dict[str, Any]:
    """A bill of a fee (payment facts 8.1) with one line for each amount."""
    lines = [
        {"LoaiPhiLePhi": "1", "MaPhiLePhi": f"PTD0{number}", "TenPhiLePhi": "Phí thẩm định", "SoTien": str(amount)}
        for number, amount in enumerate(amounts)
    ]
    return {
        "MaDichVu": "2",
        "MaDVC": "1.001234.01",
        "TenDVC": "Cấp giấy phép",
        "MaTTHC": "1.001234",
        "TenTTHC": "Cấp giấy phép",
        "MaDonVi": "000.00.00.G11",
        "TenDonVi": "Cục",
        "MaHoSo": "000.00.00.G11-260921-000123",
        "TKThuHuong": "0011001234567",
        "MaNHThuHuong": "VIETCOMBANK",
        "TenTKThuHuong": "CUC",
        "HoTenNguoiNop": "Nguyễn Văn A",
        "SoCMNDNguoiNop": "001090000000",
        "DiaChiNguoiNop": "Hà Nội",
        "NoiDungThanhToan": "Nộp phí hồ sơ",
        "PhiLePhi": lines,
        "DSKhoanNop": [{"NoiDung": "Phí thẩm định", "SoTien": str(amount)} for amount in amounts],
        **changes,
    }


def _sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _init(vector: Vector, **changes: Any) -> dict[str, Any]:
    return {**vector.texts(), "ThongTinBienLai": bill(450_000, 50_000), "MaXacThuc": vector.signature, **changes}


def _ask(kind: str, ref: str = _REF, time_text: str = "20260921143005") -> dict[str, str]:
    fields = {
        "LoaiBanTin": kind,
        "PhienBan": "1.0.6",
        "MaDoiTac": "BVHTTDL",
        "MaThamChieu": ref,
        "ThoiGianGD": time_text,
    }
    return {**fields, "MaXacThuc": _sha("|".join([*fields.values(), _PP]))}


async def _begun(ground: Ground, **changes: Any) -> Any:
    answer = await ground.post("/pp/init", _init(_BY_ID["pp-init-ascii"], **changes))
    assert answer["MaLoi"] == "00", answer
    return answer


@pytest.mark.parametrize("vector_id", ["pp-init-ascii", "pp-init-diacritics-nfc"])
async def test_the_platform_takes_the_orders_of_the_vectors(open_ground: OpenGround, vector_id: str) -> None:
    """Accents in NFC; the same text in NFD under that signature is not taken."""
    async with open_ground() as ground:
        assert (await ground.post("/pp/init", _init(_BY_ID[vector_id])))["MaLoi"] == "00"
        other = _BY_ID["pp-init-diacritics-nfd"]
        answer = await ground.post("/pp/init", {**_init(other), "MaXacThuc": other.presented})
        assert answer["MaLoi"] == "01"


@pytest.mark.parametrize(
    "changes",
    [
        {"ThongTinBienLai": bill(450_000, 49_999)},
        {"ThongTinBienLai": bill(500_000, TKThuHuong="")},
        {"ThongTinBienLai": bill(500_000, PhiLePhi=[])},
        {"ThongTinBienLai": bill(500_000, MaDichVu="1")},
        {"ThongTinBienLai": bill(500_000, TenTTHC="x" * 251)},
        {"ThongTinBienLai": bill(250_000, 250_000, DSKhoanNop=[{"NoiDung": "Phí", "SoTien": "1"}])},
        {"ThongTinBienLai": None},
        {"Them": "1"},
    ],
)
async def test_the_platform_refuses_bills_that_do_not_add_up_or_lack_something(
    open_ground: OpenGround, changes: dict[str, Any]
) -> None:
    """No signature covers a bill, so it is read all the more strictly."""
    async with open_ground() as ground:
        assert (await ground.post("/pp/init", _init(_BY_ID["pp-init-ascii"], **changes)))["MaLoi"] == "03"


async def test_confirm_is_signed_and_repeated_until_00(open_ground: OpenGround) -> None:
    """Its amount is a number; a failure is code 99 with nothing between its pipes."""
    async with open_ground() as ground:
        made = await _begun(ground)
        ground.merchant.script = [web.json_response({"MaLoi": "99"}), web.json_response({"MaLoi": "99"})]
        did = await ground.does("pay", address=made["UrlThanhToan"])
        assert len(ground.merchant.heard) == 3
        told = json.loads(ground.merchant.heard[0].body)
        assert told["MaXacThuc"] == _sha("|".join([*(str(told[name]) for name in _CONFIRM.split()), _PP]))
        assert (told["MaLoi"], told["SoTien"]) == ("00", 500_000)
        assert told["MaGiaoDich"] == (await ground.standing(_REF))["transactions"][0]["txn_id"]
        assert did["location"].endswith(f"/payments/payment/pp/return?MaThamChieu={_REF}&MaLoi=00")


async def test_query_needs_the_time_that_stood_in_init(open_ground: OpenGround) -> None:
    """3 while nothing is known, 4 when it failed, 1 when it is paid."""
    async with open_ground() as ground:
        made = await _begun(ground)
        assert (await ground.post("/pp/query", _ask("QUERY")))["TrangThaiGD"] == "3"
        assert "TrangThaiGD" not in await ground.post("/pp/query", _ask("QUERY", time_text="20260921023005"))
        await ground.does("pay", address=made["UrlThanhToan"])
        paid = await ground.post("/pp/query", _ask("QUERY"))
        assert (paid["TrangThaiGD"], paid["SoTien"], paid["MaThamChieu"]) == ("1", "500000", _REF)
        assert (await ground.post("/pp/query", {**_ask("QUERY"), "MaXacThuc": "0" * 64}))["MaLoi"] == "01"


async def test_a_bill_shows_the_account_that_the_platform_was_told(open_ground: OpenGround) -> None:
    """Changed by a hop on the way when ordered (A22); a PDF where the contract has one; nothing before it is paid."""
    async with open_ground() as ground:
        await ground.lie("other_beneficiary")
        made = await _begun(ground)
        assert (await ground.post("/pp/bill", _ask("GET_BILL")))["MaLoi"] != "00"
        await ground.does("pay", address=made["UrlThanhToan"])
        told = await ground.post("/pp/bill", _ask("GET_BILL"))
        assert told["ThongTinBienLai"]["TKThuHuong"] != "0011001234567"
    async with open_ground(pp_bill="pdf") as ground:
        made = await _begun(ground)
        await ground.does("pay", address=made["UrlThanhToan"])
        _, headers, raw = await ground.call("POST", "/pp/bill", data=json.dumps(_ask("GET_BILL")).encode())
        assert (headers["Content-Type"], raw[:5]) == ("application/pdf", b"%PDF-")


async def test_an_lgsp_wraps_answers_into_a_text_and_wants_its_token(open_ground: OpenGround) -> None:
    """JSON inside a text inside JSON; without the token nothing is answered."""
    own = {"merchant": "BVHTTDL", "secrets": [_PP], "bearer": "the-lgsp"}
    async with open_ground(pp=own, pp_wrapper="lgsp_string") as ground:
        body = json.dumps(_init(_BY_ID["pp-init-ascii"])).encode()
        assert (await ground.call("POST", "/pp/init", data=body))[0] == 401
        headers = {"Authorization": "Bearer the-lgsp"}
        answer = json.loads((await ground.call("POST", "/pp/init", data=body, headers=headers))[2])
        assert answer["error_code"] == "0"
        assert json.loads(answer["message"])["UrlThanhToan"].startswith("http")


async def test_the_portal_pulls_what_is_due_and_confirms_it_with_the_dossier(open_ground: OpenGround) -> None:
    """What is pulled is checked like a bill; CONFIRM then carries the dossier's code."""
    dossier = "000.00.00.G11-260921-000123"
    answers: list[dict[str, Any]] = []

    async def due(request: web.Request) -> web.Response:
        assert json.loads(await request.read()) == {"MaHoSo": dossier}
        return web.json_response(answers.pop(0))

    async with open_ground() as ground:
        message = {"client_id": "BVHTTDL", "transaction_id": "bichua000000a1", "MaTraCuuTT": f"{dossier}20260921143005"}
        message |= {"SoTien": "500000", **bill(450_000, 50_000)}
        answers += [{"error_code": 0, "message": []}, {"error_code": 1, "message": {**message, "SoTien": "400000"}}]
        answers += [{"error_code": 1, "message": message}]
        ground.merchant.due = due
        assert (await ground.control("POST", "pull", {"dossier": dossier}))["ref"] == ""
        assert "sum" in (await ground.control("POST", "pull", {"dossier": dossier}))["fault"]
        assert (await ground.control("POST", "pull", {"dossier": dossier}))["ref"] == "bichua000000a1"
        told = json.loads(ground.merchant.heard[0].body)
        assert (told["MaHoSo"], told["MaThamChieu"], told["SoTien"]) == (dossier, "bichua000000a1", 500_000)


# KeyPay


def _keyed(fields: dict[str, Any], names: str, key: str = "KP3-HASH-KEY-ONE") -> dict[str, Any]:
    text = "|".join(str(fields[name]) for name in sorted(names.split()))
    return {**fields, "check_sum": hmac.new(key.encode(), text.encode(), "sha256").hexdigest()}


_KEYPAY = "addition_fee client_id command trans_amount transaction_id version"


def _keypay(**changes: Any) -> dict[str, Any]:
    vector = _BY_ID["keypay3-create"]
    more = {
        "description": "Nộp phí",
        "locale": "vn",
        "country_code": "vi",
        "currency_code": "VND",
        "environment": "1",
        "bill_info": bill(500_000),
        "return_url": "https://cong.example.gov.vn/return",
    }
    return {**vector.texts(), **more, "check_sum": vector.signature, **changes}


def _detail() -> dict[str, Any]:
    vector = _BY_ID["keypay3-detail"]
    return {**vector.texts(), "check_sum": vector.signature}


async def test_keypay_takes_the_vectors_and_signs_its_callback_with_the_second_key(open_ground: OpenGround) -> None:
    """The status is outside that signature, so flipping it changes nothing of it (A4)."""
    async with open_ground() as ground:
        made = await ground.post("/keypay/create", _keypay())
        assert made["error"] == "0"
        assert (await ground.post("/keypay/detail", _detail()))["data"]["status"] == "1"
        await ground.lie("status_flipped")
        await ground.does("fail", address=made["payment_url"])
        told = json.loads(ground.merchant.heard[0].body)
        assert told["status"] == "0"
        assert told["check_sum"] == _keyed(told, _KEYPAY, "KP3-HASH-KEY-TWO")["check_sum"]
        assert (await ground.post("/keypay/detail", _detail()))["data"]["status"] == "2"


async def test_keypay_refuses_what_is_not_signed_doubled_or_unfit(open_ground: OpenGround) -> None:
    """By error numbers of its own."""
    async with open_ground() as ground:
        assert (await ground.post("/keypay/create", _keypay(trans_amount="5000")))["error"] == "2"
        assert (await ground.post("/keypay/create", _keypay(bill_info=bill(1))))["error"] == "1"
        assert (await ground.post("/keypay/create", _keypay(environment="3")))["error"] == "1"
        assert (await ground.post("/keypay/create", _keypay()))["error"] == "0"
        assert (await ground.post("/keypay/create", _keypay()))["error"] == "3"


async def test_keypay_pays_later_by_qr_and_refunds_once(open_ground: OpenGround) -> None:
    """A picture and an address; a refund beyond the rest is refused."""
    async with open_ground() as ground:
        made = await ground.post("/keypay/create", _keypay(bill_id="HD1"))
        assert made["data"]["qrcode_pay"].startswith("data:image/")
        await ground.does("pay", address=made["data"]["url_pay"])
        fields = {"amount": "500000", "client_id": "bvhttdl01", "command": "REFUND", "reason": "Nộp trùng phí"}
        refund = _keyed({**fields, "transaction_id": _REF}, "amount client_id command reason transaction_id")
        assert refund["check_sum"] == _BY_ID["keypay3-refund-diacritics"].signature
        told = await ground.post("/keypay/refund", refund)
        assert (told["error"], told["data"]["amount_refund"]) == ("0", "500000")
        assert (await ground.post("/keypay/refund", refund))["error"] == "5"
        code = told["data"]["transaction_refund_code"]
        ask = {"client_id": "bvhttdl01", "command": "REFUND_DETAIL", "transaction_refund_code": code}
        answer = await ground.post("/keypay/refund_detail", _keyed(ask, "client_id command transaction_refund_code"))
        assert answer["data"]["status"] == "0"


# PayGov


def _paygov(**changes: Any) -> dict[str, Any]:
    vector = _BY_ID["paygov-create"]
    more = {"returnUrl": "https://cong.example.gov.vn/return", "orderInfo": "Nop phi", "ipAddress": "10.0.0.15"}
    return {**vector.texts(), **more, "amount": 500_000, "checksum": vector.signature, **changes}


async def test_paygov_takes_the_vector_and_every_reading_of_the_same_digits(open_ground: OpenGround) -> None:
    """Its checksum has no separators, so a digit may move from one field into the next (A5): a witness must not be wiser."""
    async with open_ground() as ground:
        assert "data" in await ground.post("/paygov/create", _paygov())
        moved = _BY_ID["paygov-concat-ambiguity-b"]
        told = {**_paygov(), **moved.texts(), "amount": int(moved.texts()["amount"]), "checksum": moved.signature}
        told["orderId"] = moved.texts()["orderId"]
        again = await ground.post("/paygov/create", {**told, "accessKey": "paygov-access"})
        assert again["error_code"] == "FAILED"  # The signature was right: the order only exists already.
        assert (await ground.post("/paygov/create", _paygov(amount=5)))["error_code"] == "SIGNATURE_WRONG"
        assert (await ground.post("/paygov/create", _paygov(orderInfo="Nộp phí")))["error_code"] == "FAILED"


async def test_paygov_tells_of_success_and_failure_until_it_is_successful(open_ground: OpenGround) -> None:
    """Each with its code; what the checksum is over is not public."""
    async with open_ground() as ground:
        made = await ground.post("/paygov/create", _paygov())
        ground.merchant.script = [web.json_response({"error_code": "FAILED", "error_message": ""})]
        await ground.does("pay", address=made["data"]["url"])
        told = [json.loads(heard.body) for heard in ground.merchant.heard]
        assert [one["errorCode"] for one in told] == ["00", "00"]
        assert (
            told[0]["transactionNo"] == (await ground.control("GET", "books"))["orders"][0]["transactions"][0]["txn_id"]
        )
