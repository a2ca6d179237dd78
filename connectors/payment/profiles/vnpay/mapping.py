"""VNPAY's dialect, pure: the payment page as a signed address, its notices, questions and refunds as signed JSON.

Payment facts 3.5; amounts are đồng x100 on the wire. `pay` is the address of the payment page, `api` that of the JSON calls.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from connectors.kit.contract import Notice, Reply
from connectors.kit.errors import CannotMap
from connectors.kit.http_answers import HttpAnswer
from connectors.payment.answers import Unread, amount_of, local_moment, read_texts
from connectors.payment.canonical import Recipe, form_encoded
from connectors.payment.keyring import in_force, signing_key
from connectors.payment.model import Asked, Made, Order, RefundOrder, RefundStatement, Source, Statement, Verdict
from connectors.payment.outcomes import Answered, Operation, load_outcomes, shown
from connectors.payment.profiles.vnpay import signing
from connectors.payment.profiles.vnpay.messages import (
    SIGNATURE,
    SIGNATURE_TYPE,
    Acknowledgement,
    PaymentNotice,
    PayPage,
    QueryRequest,
    RefundRequest,
    TransactionAnswer,
)
from connectors.payment.speaking import Account, Ack, Call, Heard, Refused, Returned
from connectors.payment.strict import FormField, NotStrict, form_values, raw_values, read_form
from connectors.payment.wording import plain_text
from mappings.dates import to_portal_time

NAME = "vnpay"
SCALE = 100
VERSION = "2.1.0"
_MOST = 10**12  # twelve digits
_PAYMENT, _WHOLE_REFUND, _PART_REFUND = "01", "02", "03"
_MODERN = frozenset({"", "hmacsha512"})
_ACKS: dict[Ack, tuple[str, str]] = {
    Ack.TAKEN: ("00", "Confirm Success"),
    Ack.DUPLICATE: ("02", "Order already confirmed"),
    Ack.BAD_SIGNATURE: ("97", "Invalid signature"),
    Ack.NOT_OURS: ("97", "Invalid signature"),
    Ack.MALFORMED: ("97", "Invalid signature"),
    Ack.UNKNOWN_REFERENCE: ("01", "Order not found"),
    Ack.AMOUNT_DIFFERS: ("04", "Invalid amount"),
    Ack.REFUSED_SOURCE: ("03", "IP prohibited"),
    Ack.UNSTORED: ("99", "Unknown error"),
}


class VnpayOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What differs between contracts with VNPAY.

    `bank_code` shortens the choice on the payment page (`VNPAYQR`, `VNBANK`, `INTCARD` or a bank). `server_address` is the
    address that our questions name as theirs. `refund_done_when` (payment facts 9): when money counts as given back, which
    no document says. `status_00`: status 00 on a refund; `sent_to_bank`: already status 06; `reconciliation`: settlement only.
    `unsigned_not_found`: an answer that a reference is unknown counts although it bears no signature at all [assumed: what
    VNPAY cannot find it may not sign]; with a wrong signature it never counts, and a success never counts without one.
    """

    locale: Literal["vn", "en"] = "vn"
    order_type: str = "other"
    bank_code: str = ""
    server_address: str = "127.0.0.1"
    refund_done_when: Literal["status_00", "sent_to_bank", "reconciliation"] = "status_00"
    unsigned_not_found: bool = True


class Vnpay:
    """The dialect with an account; see `connectors.payment.speaking.Dialogue`."""

    def __init__(self, account: Account) -> None:
        """Raises `TypeError` for options of another dialect."""
        if not isinstance(account.options, VnpayOptions):
            raise TypeError("VnpayOptions")
        self._account = account
        self._options = account.options

    def create(self, order: Order) -> Made:
        """The signed address of the payment page: no call is made. Raises `CannotMap`, `CredentialsRefused`."""
        time_text = to_portal_time(order.created_at)
        page = PayPage(
            version=VERSION,
            command="pay",
            tmn_code=self._account.merchant,
            amount=_scaled(order.amount),
            create_date=time_text,
            expire_date=to_portal_time(order.expires_at),
            curr_code="VND",
            ip_addr=order.payer_address,
            locale=self._options.locale,
            order_info=plain_text(order.text, 255) or order.ref,
            order_type=self._options.order_type,
            return_url=_return_address(order.return_url),
            txn_ref=order.ref,
            bank_code=self._options.bank_code,
        )
        fields = {name: value for name, value in _fields(page).items() if value}
        signature = signing.PAGE.sign(fields, self._secret())
        query = "&".join(f"{form_encoded(name)}={form_encoded(fields[name])}" for name in sorted(fields))
        return Made(pay_url=f"{self._account.endpoints['pay']}?{query}&{SIGNATURE}={signature}", time_text=time_text)

    def created(self, order: Order, answer: HttpAnswer) -> Refused:
        """Nothing is asked when a page is made, so nothing can be answered."""
        return Refused(self._about(Source.CREATE, order.ref, Verdict.UNKNOWN, code="no_call"))

    def query(self, asked: Asked) -> Call:
        """`querydr`; every question has its own `vnp_RequestId`, unique on its day. Raises `CredentialsRefused`."""
        created = asked.time_text or to_portal_time(asked.created_at)
        return self._asking(f"{asked.ref}q{asked.number}", asked.ref, created)

    def queried(self, asked: Asked, answer: HttpAnswer) -> Statement:
        """The signed answer; without a signature of VNPAY's it is not trusted."""
        read = self._read(answer, signing.QUERY_ANSWER, question=True)
        if isinstance(read, Unread):
            return read.statement(Source.QUERY, NAME, asked.ref)
        said, key_id = read
        refund = said.transaction_type in (_WHOLE_REFUND, _PART_REFUND)
        verdict = self._verdict("query", said.response_code, said.transaction_status)
        echoed = said.txn_ref == asked.ref and said.command == "querydr"
        unknown = verdict is Verdict.NOT_FOUND and not said.secure_hash and said.txn_ref in ("", asked.ref)
        return Statement(
            source=Source.QUERY,
            provider=NAME,
            ref=asked.ref,
            # Of a reference that was refunded the newest movement is told: that says nothing new of the payment.
            verdict=Verdict.UNKNOWN if refund and verdict is Verdict.PAID else verdict,
            trusted=(bool(key_id) and echoed) or (unknown and self._options.unsigned_not_found),
            ours=said.tmn_code == self._account.merchant or (unknown and not said.tmn_code),
            amount=amount_of(said.amount, SCALE),
            txn_id=_txn(said.transaction_no),
            bank_code=said.bank_code,
            paid_at=local_moment(said.pay_date),
            time_text=said.pay_date,
            code=shown(_code(said.response_code, said.transaction_status)),
            key_id=key_id,
        )

    def refund(self, order: RefundOrder) -> Call:
        """`refund`; its `vnp_RequestId` is our reference of the refund. Raises `CannotMap`, `CredentialsRefused`."""
        request = RefundRequest(
            request_id=order.refund_ref,
            version=VERSION,
            command="refund",
            tmn_code=self._account.merchant,
            transaction_type=_WHOLE_REFUND if order.whole else _PART_REFUND,
            txn_ref=order.ref,
            amount=_scaled(order.amount),
            transaction_no=order.txn_id or "0",
            transaction_date=order.time_text,
            create_by=plain_text(order.by, 245) or "gateway",
            create_date=to_portal_time(self._account.now()),
            ip_addr=self._options.server_address,
            order_info=plain_text(f"Hoan phi {order.reason}", 255),
        )
        return self._call(request, signing.REFUND)

    def refunded(self, order: RefundOrder, answer: HttpAnswer) -> RefundStatement:
        """The signed answer to a refund."""
        return self._refund_said("refund", signing.REFUND_ANSWER, order, answer)

    def query_refund(self, order: RefundOrder) -> Call:
        """`querydr` of the reference whose money goes back: VNPAY has no other question. Raises `CredentialsRefused`."""
        return self._asking(f"{order.refund_ref}q{order.number}", order.ref, order.time_text)

    def refund_queried(self, order: RefundOrder, answer: HttpAnswer) -> RefundStatement:
        """The signed answer; an answer about the payment itself says nothing of its refund."""
        return self._refund_said("refund_query", signing.QUERY_ANSWER, order, answer)

    def hear(self, notice: Notice) -> Heard:
        """A notice (IPN): every parameter counts, in the raw text, and each may stand once (abuse case A15)."""
        try:
            fields = read_form(notice.query)
        except NotStrict:
            return Heard(Ack.BAD_SIGNATURE)
        key_id = self._signed_by(fields)
        if not key_id:
            return Heard(Ack.BAD_SIGNATURE)
        said = msgspec.convert(form_values(fields), PaymentNotice)
        statement = Statement(
            source=Source.NOTICE,
            provider=NAME,
            ref=said.txn_ref,
            verdict=self._verdict("notice", said.response_code, said.transaction_status),
            trusted=True,
            ours=said.tmn_code == self._account.merchant,
            amount=amount_of(said.amount, SCALE),
            txn_id=_txn(said.transaction_no),
            bank_code=said.bank_code,
            paid_at=local_moment(said.pay_date),
            time_text=said.pay_date,
            code=shown(_code(said.response_code, said.transaction_status)),
            key_id=key_id,
        )
        return Heard(Ack.TAKEN if statement.ours else Ack.NOT_OURS, statement)

    def returned(self, query: str) -> Returned:
        """What the browser brought back."""
        try:
            fields = read_form(query)
        except NotStrict:
            return Returned("")
        said = msgspec.convert(form_values(fields), PaymentNotice)
        verdict = self._verdict("notice", said.response_code, said.transaction_status)
        signed = bool(self._signed_by(fields)) and said.tmn_code == self._account.merchant
        return Returned(said.txn_ref, signed=signed, claims_paid=verdict is Verdict.PAID)

    def acknowledge(self, ack: Ack, heard: Heard | None) -> Reply:
        """HTTP 200 with `RspCode` and `Message` (payment facts 3.5 and 4.4)."""
        code, message = _ACKS[ack]
        return Reply(200, msgspec.json.encode(Acknowledgement(rsp_code=code, message=message)))

    def _secret(self) -> str:
        return signing_key(self._account).value

    def _signed_by(self, fields: tuple[FormField, ...]) -> str:
        """The id of the key that signed, "" for none. A legacy algorithm that is named is refused (abuse case A16)."""
        values = form_values(fields)
        if values.get(SIGNATURE_TYPE, "").lower() not in _MODERN:
            return ""
        raw = raw_values([one for one in fields if one.name not in (SIGNATURE, SIGNATURE_TYPE)])
        keys = in_force(self._account, "main")
        return signing.RAW.verified(raw, values.get(SIGNATURE, ""), keys)

    def _verdict(self, operation: Operation, code: str, status: str) -> Verdict:
        return load_outcomes(NAME).conclude(Answered(operation, code, status), self._account.now()).verdict

    def _asking(self, request_id: str, ref: str, created: str) -> Call:
        request = QueryRequest(
            request_id=request_id,
            version=VERSION,
            command="querydr",
            tmn_code=self._account.merchant,
            txn_ref=ref,
            transaction_date=created,
            create_date=to_portal_time(self._account.now()),
            ip_addr=self._options.server_address,
            order_info=f"Truy van giao dich {ref}",
        )
        return self._call(request, signing.QUERY)

    def _call(self, request: QueryRequest | RefundRequest, recipe: Recipe) -> Call:
        fields = _fields(request)
        signed = {**fields, SIGNATURE: recipe.sign(fields, self._secret())}
        return Call("api", "POST", {"Content-Type": "application/json"}, msgspec.json.encode(signed))

    def _read(self, answer: HttpAnswer, recipe: Recipe, *, question: bool) -> tuple[TransactionAnswer, str] | Unread:
        """The answer with the id of the key that signed it, "" for none."""
        texts = read_texts(answer, TransactionAnswer, question=question)
        if isinstance(texts, Unread):
            return texts
        keys = in_force(self._account, "main")
        # With a pipe inside a value the signed text would have two readings (abuse case A5).
        ambiguous = any(signing.PIPE in value for value in texts.values())
        key_id = "" if ambiguous else recipe.verified(texts, texts.get(SIGNATURE, ""), keys)
        return msgspec.convert(texts, TransactionAnswer), key_id

    def _refund_said(
        self, operation: Operation, recipe: Recipe, order: RefundOrder, answer: HttpAnswer
    ) -> RefundStatement:
        read = self._read(answer, recipe, question=operation == "refund_query")
        if isinstance(read, Unread):
            return read.refund_statement(NAME, order.refund_ref)
        said, key_id = read
        verdict = self._verdict(operation, said.response_code, said.transaction_status)
        echoed = (
            bool(key_id)
            and said.txn_ref == order.ref
            and said.tmn_code == self._account.merchant
            and amount_of(said.amount, SCALE) in (None, order.amount)
        )
        # A refusal of the request itself may come unsigned; it moves no money, so it may be believed.
        if not echoed and verdict is not Verdict.CONFIGURATION:
            verdict = Verdict.UNKNOWN
        return RefundStatement(
            provider=NAME,
            refund_ref=order.refund_ref,
            verdict=self._final(verdict, said),
            amount=amount_of(said.amount, SCALE),
            txn_id=_txn(said.transaction_no),
            code=shown(_code(said.response_code, said.transaction_status)),
        )

    def _final(self, verdict: Verdict, said: TransactionAnswer) -> Verdict:
        """When a refund is final is configuration: no document says it (payment facts 9)."""
        rule = self._options.refund_done_when
        if verdict is Verdict.REFUND_DONE and said.transaction_type not in (_WHOLE_REFUND, _PART_REFUND):
            return Verdict.UNKNOWN
        if verdict is Verdict.REFUND_DONE and rule == "reconciliation":
            return Verdict.REFUNDING
        if verdict is Verdict.REFUNDING and said.transaction_status == "06" and rule == "sent_to_bank":
            return Verdict.REFUND_DONE
        return verdict

    def _about(self, source: Source, ref: str, verdict: Verdict, *, code: str) -> Statement:
        return Statement(source=source, provider=NAME, ref=ref, verdict=verdict, trusted=False, code=code)


def _fields(message: msgspec.Struct) -> dict[str, str]:
    fields: dict[str, Any] = msgspec.to_builtins(message)
    return fields


def _scaled(amount: int) -> str:
    scaled = amount * SCALE
    if not 0 < scaled < _MOST:
        raise CannotMap("Số tiền nằm ngoài giới hạn của VNPAY (12 chữ số, đã nhân 100).")
    return str(scaled)


def _return_address(url: str) -> str:
    if not 10 <= len(url) <= 255:
        raise CannotMap("Địa chỉ trang kết quả phải dài từ 10 đến 255 ký tự theo quy định của VNPAY.")
    return url


def _txn(number: str) -> str:
    """VNPAY's number of a transaction; `0` is none."""
    return "" if number == "0" else number


def _code(code: str, status: str) -> str:
    return f"{code}/{status}" if status else code
