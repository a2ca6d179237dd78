"""PP's dialect, pure: INIT, QUERY and GET_BILL as signed JSON, and CONFIRM read, verified and acknowledged.

Payment facts 3.1. `init`, `query` and, where there is one, `bill` are the addresses of the calls. The key `main` is the secret
shared with the platform, `lgsp` the token of the LGSP in between, where one stands there. No refunds: they are made by transfer.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from connectors.kit.contract import Notice, Reply
from connectors.kit.errors import CannotMap
from connectors.kit.http_answers import HttpAnswer
from connectors.payment.answers import Judged, Unread, amount_of, local_moment, read_answer
from connectors.payment.keyring import in_force, signing_key
from connectors.payment.model import Asked, Made, Order, RefundOrder, RefundStatement, Source, Statement, Verdict
from connectors.payment.outcomes import Answered, Operation, load_outcomes, shown
from connectors.payment.profiles._bill.mapping import bill_of
from connectors.payment.profiles.pp import signing
from connectors.payment.profiles.pp.messages import Acknowledgement, Init, Query
from connectors.payment.profiles.pp.options import SUCCESS, PpOptions
from connectors.payment.speaking import Account, Ack, Billed, Call, Heard, Refused, Returned
from connectors.payment.strict import (
    Json,
    NotStrict,
    as_object,
    form_values,
    read_form,
    read_json_text,
    read_object,
    scalars_of,
    text_of,
    texts_of,
)
from mappings.dates import to_portal_time
from mappings.text import nfc, shorten

NAME = "pp"
VERSION = "1.0.6"
READ_S = 60.0
_SIGNATURE = "MaXacThuc"
_REFUSED = "99"
_NO_CODE = "none"
_LONGEST_TEXT = 255
_ECHOED = ("MaDoiTac", "MaThamChieu", "ThoiGianGD", _SIGNATURE)
_TITLES_VI: Mapping[Ack, str] = {
    Ack.BAD_SIGNATURE: "Mã xác thực không đúng",
    Ack.UNKNOWN_REFERENCE: "Không có mã tham chiếu này",
    Ack.AMOUNT_DIFFERS: "Số tiền không khớp",
    Ack.NOT_OURS: "Mã đối tác không đúng",
    Ack.REFUSED_SOURCE: "Địa chỉ gửi không được chấp nhận",
    Ack.MALFORMED: "Bản tin không đúng cấu trúc",
    Ack.UNSTORED: "Lỗi hệ thống, đề nghị gửi lại",
}


class Pp:
    """The dialect with an account; see `connectors.payment.speaking.Dialogue` and `Bills`."""

    def __init__(self, account: Account) -> None:
        """Raises `TypeError` for options of another dialect."""
        if not isinstance(account.options, PpOptions):
            raise TypeError("PpOptions")
        self._account = account
        self._options = account.options

    def create(self, order: Order) -> Call:
        """INIT. Its time is kept: every later question has to repeat that very text. Raises `CannotMap`, `CredentialsRefused`."""
        if len(order.ref) > self._options.ref_max_len:
            raise CannotMap("Mã tham chiếu dài hơn giới hạn của nền tảng thanh toán (ref_max_len).")
        unsigned = Init(
            LoaiBanTin="INIT",
            PhienBan=VERSION,
            MaDoiTac=self._account.merchant,
            MaThamChieu=order.ref,
            SoTien=str(order.amount),
            LoaiHinhThanhToan="PAY",
            MaKenhThanhToan=self._options.channel,
            MaThietBi=self._options.device,
            NgonNgu=self._options.language,
            MaTienTe="VND",
            MaNganHang=self._options.bank,
            ThongTinGiaoDich=_signable(order.text),
            ThoiGianGD=to_portal_time(order.created_at),
            Ip=order.payer_address,
            ThongTinBienLai=bill_of(order, self._options.fee_kinds),
        )
        signature = signing.INIT.sign(_texts(unsigned, signing.INIT.names), self._secret())
        return self._call("init", msgspec.structs.replace(unsigned, MaXacThuc=signature))

    def created(self, order: Order, answer: HttpAnswer) -> Made | Refused:
        """Where the payer goes; any code but 00, and an answer without an address, leave it to QUERY."""
        read = self._read(answer, question=False)
        if isinstance(read, Unread):
            return Refused(read.statement(Source.CREATE, NAME, order.ref))
        said = scalars_of(read)
        code, url = said.get("MaLoi") or _NO_CODE, said.get("UrlThanhToan", "")
        if code == SUCCESS and url:
            shows_bill = "bill" in self._account.endpoints
            return Made(pay_url=url, time_text=to_portal_time(order.created_at), shows_bill=shows_bill)
        verdict = Verdict.UNKNOWN if code == SUCCESS else self._verdict("create", code)
        return Refused(
            Statement(
                source=Source.CREATE, provider=NAME, ref=order.ref, verdict=verdict, trusted=True, code=shown(code)
            )
        )

    def query(self, asked: Asked) -> Call:
        """QUERY with the time text of INIT. Raises `CredentialsRefused`."""
        return self._asking("query", "QUERY", asked)

    def queried(self, asked: Asked, answer: HttpAnswer) -> Statement:
        """What the platform knows; trusted by its echo over TLS, or by a signature where one is configured."""
        read = self._read(answer, question=True)
        if isinstance(read, Unread):
            return read.statement(Source.QUERY, NAME, asked.ref)
        said = scalars_of(read)
        code, status = said.get("MaLoi") or _NO_CODE, said.get("TrangThaiGD", "")
        key_id, verified = self._query_signature(said)
        echoed = said.get("MaThamChieu") == asked.ref and "MaDoiTac" in said
        # A refusal may name no transaction; it is about what was asked, and it never says that somebody paid.
        refused = code not in (SUCCESS, _NO_CODE) and not status and "MaThamChieu" not in said
        trusted = verified and (echoed or refused)
        verdict = self._verdict("query", code, status) if trusted else Verdict.UNKNOWN
        judged = Judged(Source.QUERY, verdict, trusted, f"{code}/{status}" if status else code, key_id)
        return self._statement({"MaDoiTac": self._account.merchant, **said, "MaThamChieu": asked.ref}, judged)

    def bill(self, asked: Asked) -> Call | None:
        """GET_BILL; None where it has no address. Raises `CredentialsRefused`."""
        return self._asking("bill", "GET_BILL", asked) if "bill" in self._account.endpoints else None

    def billed(self, order: Order, answer: HttpAnswer) -> Billed:
        """Whether the bill names our account and our lines; a PDF (by its content type) is for people."""
        kind = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        read = self._read(answer, question=True) if kind == "application/json" else None
        if not isinstance(read, dict):
            return Billed(readable=False)
        try:
            return _compared(order, as_object(read.get("ThongTinBienLai")), text_of(read, "MaThamChieu"))
        except NotStrict:
            return Billed(readable=False)

    def refund(self, order: RefundOrder) -> None:
        """No refund of the platform is known (payment facts 9): people make it by transfer."""

    def refunded(self, order: RefundOrder, answer: HttpAnswer) -> RefundStatement:
        """Nothing was asked, so nothing is known."""
        return RefundStatement(provider=NAME, refund_ref=order.refund_ref, verdict=Verdict.UNKNOWN)

    def query_refund(self, order: RefundOrder) -> None:
        """Nothing can be asked."""

    def refund_queried(self, order: RefundOrder, answer: HttpAnswer) -> RefundStatement:
        """Nothing was asked, so nothing is known."""
        return self.refunded(order, answer)

    def hear(self, notice: Notice) -> Heard:
        """CONFIRM. `MaHoSo` stands outside the signature: it only says which dossier the portal meant."""
        try:
            said = texts_of(read_object(notice.body), (*signing.CONFIRM.names, _SIGNATURE, "MaHoSo"))
        except NotStrict:
            return Heard(Ack.MALFORMED)
        if not signing.unambiguous(signing.CONFIRM, said):
            return Heard(Ack.MALFORMED)
        key_id = signing.CONFIRM.verified(said, said.get(_SIGNATURE, ""), in_force(self._account, "main"))
        if not key_id:
            return Heard(Ack.BAD_SIGNATURE)
        echo = {name: said.get(name, "") for name in _ECHOED}
        if said.get("LoaiBanTin") != "CONFIRM":
            return Heard(Ack.MALFORMED, echo=echo)
        code = said.get("MaLoi") or _NO_CODE
        judged = Judged(Source.NOTICE, self._verdict("notice", code), True, code, key_id)
        statement = self._statement(said, judged)
        return Heard(Ack.TAKEN if statement.ours else Ack.NOT_OURS, statement, echo)

    def returned(self, query: str) -> Returned:
        """The reference, where the platform appends one; nothing of a return is signed."""
        try:
            said = form_values(read_form(query))
        except NotStrict:
            return Returned("")
        return Returned(said.get("MaThamChieu", ""), claims_paid=said.get("MaLoi") == SUCCESS)

    def acknowledge(self, ack: Ack, heard: Heard | None) -> Reply:
        """`MaLoi` 00 or 99 (payment facts 4.4); only a verified notice is echoed."""
        good = ack in (Ack.TAKEN, Ack.DUPLICATE)
        echo = heard.echo if heard is not None else {}
        fields = {name: echo.get(name, "") for name in _ECHOED}
        fields |= {"MaLoi": SUCCESS if good else _REFUSED, "MoTaLoi": _TITLES_VI.get(ack, "")}
        if self._options.ack_fields and echo:
            fields[_SIGNATURE] = signing.recipe_of(self._options.ack_fields).sign(fields, self._secret())
        return Reply(200, msgspec.json.encode(msgspec.convert(fields, Acknowledgement)))

    def _asking(self, endpoint: str, kind: str, asked: Asked) -> Call:
        unsigned = Query(
            LoaiBanTin=kind,
            PhienBan=VERSION,
            MaDoiTac=self._account.merchant,
            MaThamChieu=asked.ref,
            ThoiGianGD=asked.time_text or to_portal_time(asked.created_at),
        )
        signature = signing.QUERY.sign(_texts(unsigned, signing.QUERY.names), self._secret())
        return self._call(endpoint, msgspec.structs.replace(unsigned, MaXacThuc=signature))

    def _call(self, endpoint: str, message: Init | Query) -> Call:
        headers = {"Content-Type": "application/json; charset=utf-8", "Accept": "application/json"}
        tokens = in_force(self._account, "lgsp")
        if tokens:
            headers["Authorization"] = f"Bearer {tokens[0].value}"
        return Call(endpoint, "POST", headers, msgspec.json.encode(message), read_s=READ_S)

    def _secret(self) -> str:
        return signing_key(self._account).value

    def _read(self, answer: HttpAnswer, *, question: bool) -> dict[str, Json] | Unread:
        """The answer's own members, out of the wrapper of an LGSP where one is configured."""
        members = read_answer(answer, question=question)
        if isinstance(members, Unread) or self._options.wrapper == "none":
            return members
        try:
            code = text_of(members, "error_code")
            if code != "0":
                return Unread(Verdict.UNKNOWN, shown(f"lgsp-{code or _NO_CODE}"))
            return as_object(read_json_text(text_of(members, "message")))
        except NotStrict as fault:
            return Unread(Verdict.UNKNOWN, f"unreadable-{fault.fault}")

    def _query_signature(self, said: Mapping[str, str]) -> tuple[str, bool]:
        """The key that signed an answer, and whether that is enough: where nothing is signed, the echo has to do."""
        if not self._options.query_answer_fields:
            return "", True
        recipe = signing.recipe_of(self._options.query_answer_fields)
        if not signing.unambiguous(recipe, said):
            return "", False
        key_id = recipe.verified(said, said.get(_SIGNATURE, ""), in_force(self._account, "main"))
        return key_id, bool(key_id)

    def _verdict(self, operation: Operation, code: str, status: str = "") -> Verdict:
        answered = Answered(operation, code, status)
        return load_outcomes(NAME).conclude(answered, self._account.now(), self._options.code_map).verdict

    def _statement(self, said: Mapping[str, str], judged: Judged) -> Statement:
        time_text = said.get("ThoiGianGD", "")
        return Statement(
            source=judged.source,
            provider=NAME,
            ref=said.get("MaThamChieu", ""),
            verdict=judged.verdict,
            trusted=judged.trusted,
            ours=said.get("MaDoiTac", "") == self._account.merchant,
            amount=amount_of(said.get("SoTien", "")),
            currency=said.get("MaTienTe", ""),
            txn_id=said.get("MaGiaoDich", ""),
            bank_code=said.get("MaNganHang", ""),
            paid_at=local_moment(time_text) if judged.verdict is Verdict.PAID else None,
            time_text=time_text,
            code=shown(judged.code),
            key_id=judged.key_id,
            dossier_code=said.get("MaHoSo", ""),
        )


def _texts(message: Init | Query, names: tuple[str, ...]) -> dict[str, str]:
    return {name: getattr(message, name) for name in names}


def _signable(text: str) -> str:
    """The text in NFC on one line and without a pipe, which would read as the next field."""
    words = "".join(sign if sign.isprintable() and sign != signing.PIPE else " " for sign in nfc(text)).split()
    return shorten(" ".join(words), _LONGEST_TEXT, _LONGEST_TEXT - 3)


def _compared(order: Order, bill: dict[str, Json], ref: str) -> Billed:
    """Field by field; a bill that names no account proves nothing. Raises `NotStrict`."""
    if not text_of(bill, "TKThuHuong") or ref != order.ref:
        return Billed(readable=False)
    lines = bill.get("PhiLePhi")
    told = [as_object(line) for line in lines] if isinstance(lines, list) else []
    mine = sorted((line.code, str(line.amount)) for line in order.fee_lines)
    theirs = sorted((text_of(line, "MaPhiLePhi"), text_of(line, "SoTien")) for line in told)
    differs = {
        "beneficiary_account": text_of(bill, "TKThuHuong") != order.beneficiary.account,
        "beneficiary_bank": text_of(bill, "MaNHThuHuong") != order.beneficiary.bank_code,
        "fee_lines": mine != theirs,
    }
    return Billed(readable=True, differences=tuple(name for name, wrong in differs.items() if wrong))
