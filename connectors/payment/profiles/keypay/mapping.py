"""KeyPay v3's dialect, pure: create, detail, refund and refund detail as signed JSON; callbacks that only make us ask.

Payment facts 3.2. `create`, `detail` and, with refunds, `refund` and `refund_detail` are the addresses of the calls. The
signature of a callback does not cover its status (abuse case A4), so a callback is never trusted for more than its reference.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from connectors.kit.contract import Notice, Reply
from connectors.kit.errors import CannotMap
from connectors.kit.http_answers import HttpAnswer
from connectors.payment.answers import Judged, Unread, amount_of, local_moment, read_answer
from connectors.payment.keyring import in_force, signing_key
from connectors.payment.model import Asked, Made, Order, RefundOrder, RefundStatement, Source, Statement, Verdict
from connectors.payment.outcomes import Answered, Operation, load_outcomes, shown
from connectors.payment.profiles._bill.mapping import bill_of
from connectors.payment.profiles.keypay import signing
from connectors.payment.profiles.keypay.messages import Acknowledgement, Create, Detail, Refund, RefundDetail
from connectors.payment.profiles.keypay.options import KeypayOptions
from connectors.payment.speaking import Account, Ack, Call, Heard, Refused, Returned
from connectors.payment.strict import (
    Json,
    NotStrict,
    as_object,
    form_values,
    read_form,
    read_object,
    scalars_of,
)
from mappings.text import nfc, shorten

NAME: Final = "keypay"
VERSION: Final = "3.0"
_SIGNATURE = "check_sum"
_LONGEST_REF = 20
_LONGEST_TEXT = 255
_ENVIRONMENTS: Mapping[str, str] = {"app": "2"}  # every other channel is the web
_WEB = "1"
_NO_CODE = "none"
_HEADERS: Mapping[str, str] = {"Content-Type": "application/json; charset=utf-8", "Accept": "application/json"}
_TITLES_VI: Mapping[Ack, str] = {
    Ack.TAKEN: "Thành công",
    Ack.DUPLICATE: "Thành công",
    Ack.BAD_SIGNATURE: "check_sum không đúng",
    Ack.UNKNOWN_REFERENCE: "Không có giao dịch này",
    Ack.AMOUNT_DIFFERS: "Số tiền không khớp",
    Ack.NOT_OURS: "client_id không đúng",
    Ack.REFUSED_SOURCE: "Địa chỉ gửi không được chấp nhận",
    Ack.MALFORMED: "Thông báo không đúng cấu trúc",
    Ack.UNSTORED: "Lỗi hệ thống, đề nghị gửi lại",
}


class Keypay:
    """The dialect with an account; see `connectors.payment.speaking.Dialogue`."""

    def __init__(self, account: Account) -> None:
        """Raises `TypeError` for options of another dialect."""
        if not isinstance(account.options, KeypayOptions):
            raise TypeError("KeypayOptions")
        self._account = account
        self._options = account.options

    def create(self, order: Order) -> Call:
        """create, or the pay-later create with `bill_id`. Raises `CannotMap`, `CredentialsRefused`."""
        if len(order.ref) > _LONGEST_REF:
            raise CannotMap("Mã giao dịch gửi KeyPay dài hơn 20 ký tự.")
        signed = {
            "addition_fee": self._options.addition_fee,
            "client_id": self._account.merchant,
            "command": self._options.commands.pay,
            "trans_amount": str(order.amount),
            "transaction_id": order.ref,
            "version": VERSION,
        }
        message = Create(
            **signed,
            description=shorten(nfc(order.text), _LONGEST_TEXT, _LONGEST_TEXT - 3),
            locale=self._options.locale,
            country_code=self._options.country_code,
            currency_code="VND",
            environment=_ENVIRONMENTS.get(order.channel, _WEB),
            bill_info=bill_of(order, self._options.fee_kinds),
            return_url=order.return_url,
            check_sum=signing.ORDER.sign(signed, self._secret()),
            bill_id=order.ref if self._options.mode == "pay_later" else "",
        )
        return _call("create", message)

    def created(self, order: Order, answer: HttpAnswer) -> Made | Refused:
        """Where the payer goes; `error` other than 0 is a refusal for good, an answer that says neither is not known."""
        read = _read(answer, question=False)
        if isinstance(read, Unread):
            return Refused(read.statement(Source.CREATE, NAME, order.ref))
        error, said = read
        url = said.get("url_pay") or said.get("payment_url", "")
        if error == "0" and url:
            return Made(pay_url=url, provider_ref=said.get("transaction_code", ""))
        verdict = Verdict.UNKNOWN if error == "0" else self._verdict("create", error)
        return Refused(
            Statement(
                source=Source.CREATE, provider=NAME, ref=order.ref, verdict=verdict, trusted=True, code=shown(error)
            )
        )

    def query(self, asked: Asked) -> Call:
        """detail, with the word that its contract names. Raises `CredentialsRefused`."""
        signed = {
            "client_id": self._account.merchant,
            "command": self._options.commands.detail,
            "transaction_id": asked.ref,
        }
        return _call("detail", Detail(**signed, check_sum=signing.DETAIL.sign(signed, self._secret())))

    def queried(self, asked: Asked, answer: HttpAnswer) -> Statement:
        """What KeyPay knows; trusted by its echo over TLS, or by a signature where one is configured."""
        read = _read(answer, question=True)
        if isinstance(read, Unread):
            return read.statement(Source.QUERY, NAME, asked.ref)
        error, said = read
        status = said.get("status", "")
        key_id, verified = self._answer_signature(said, self._options.detail_answer_fields)
        refused = error not in ("0", _NO_CODE)  # a refusal names no transaction; it is about what was asked
        trusted = refused or (said.get("transaction_id") == asked.ref and "client_id" in said and verified)
        verdict = Verdict.UNKNOWN
        if trusted:
            told = "" if refused else self._options.status_map.get(status, "")
            verdict = Verdict(told) if told else self._verdict("query", error, status)
        judged = Judged(Source.QUERY, verdict, trusted, f"{error}/{status}" if status else error, key_id)
        return self._statement({"client_id": self._account.merchant, **said, "transaction_id": asked.ref}, judged)

    def refund(self, order: RefundOrder) -> Call | None:
        """refund; None where the contract or its address is missing. It bears no reference of ours: only people may repeat it.

        Raises `CredentialsRefused`.
        """
        if not self._options.refunds or "refund" not in self._account.endpoints:
            return None
        signed = {
            "amount": str(order.amount),
            "client_id": self._account.merchant,
            "command": self._options.commands.refund,
            "reason": " ".join(nfc(order.reason).replace(signing.PIPE, " ").split())[:_LONGEST_TEXT],
            "transaction_id": order.ref,
        }
        return _call("refund", Refund(**signed, check_sum=signing.REFUND.sign(signed, self._secret())))

    def refunded(self, order: RefundOrder, answer: HttpAnswer) -> RefundStatement:
        """Taken means under way: only refund detail says that it is done."""
        return self._refund_said("refund", order, answer)

    def query_refund(self, order: RefundOrder) -> Call | None:
        """refund detail, by KeyPay's own code of the refund; None while that is not known. Raises `CredentialsRefused`."""
        if not order.refund_txn_id or "refund_detail" not in self._account.endpoints:
            return None
        signed = {
            "client_id": self._account.merchant,
            "command": self._options.commands.refund_detail,
            "transaction_refund_code": order.refund_txn_id,
        }
        check_sum = signing.REFUND_DETAIL.sign(signed, self._secret())
        return _call("refund_detail", RefundDetail(**signed, check_sum=check_sum))

    def refund_queried(self, order: RefundOrder, answer: HttpAnswer) -> RefundStatement:
        """What became of a refund."""
        return self._refund_said("refund_query", order, answer)

    def hear(self, notice: Notice) -> Heard:
        """A callback: verified over its six fields with key 2, and even then trusted for its reference alone."""
        try:
            said = scalars_of(read_object(notice.body))
        except NotStrict:
            return Heard(Ack.MALFORMED)
        if any(signing.PIPE in said.get(name, "") for name in signing.ORDER.names):
            return Heard(Ack.MALFORMED)
        key_id = signing.ORDER.verified(said, said.get(_SIGNATURE, ""), in_force(self._account, "second"))
        if not key_id:
            return Heard(Ack.BAD_SIGNATURE)
        status = said.get("status", "")
        judged = Judged(Source.NOTICE, self._verdict("notice", status or _NO_CODE), False, status, key_id)
        statement = self._statement(said, judged)
        return Heard(Ack.TAKEN if statement.ours else Ack.NOT_OURS, statement)

    def returned(self, query: str) -> Returned:
        """The transaction that a browser names; nothing of a return is signed."""
        try:
            said = form_values(read_form(query))
        except NotStrict:
            return Returned("")
        return Returned(said.get("transaction_id", ""), claims_paid=said.get("status") == "0")

    def acknowledge(self, ack: Ack, heard: Heard | None) -> Reply:
        """`return_code` 0 or -1 (payment facts 4.4), as text for the pay-later variant."""
        code = 0 if ack in (Ack.TAKEN, Ack.DUPLICATE) else -1
        written = str(code) if self._options.mode == "pay_later" else code
        return Reply(200, msgspec.json.encode(Acknowledgement(return_code=written, return_msg=_TITLES_VI[ack])))

    def _secret(self) -> str:
        return signing_key(self._account).value

    def _answer_signature(self, said: Mapping[str, str], names: tuple[str, ...]) -> tuple[str, bool]:
        """The key that signed an answer, and whether that is enough: where nothing is signed, the echo has to do."""
        if not names:
            return "", True
        recipe = signing.recipe_of(names)
        if any(signing.PIPE in said.get(name, "") for name in names):
            return "", False
        key_id = recipe.verified(said, said.get(_SIGNATURE, ""), in_force(self._account, "second"))
        return key_id, bool(key_id)

    def _refund_said(self, operation: Operation, order: RefundOrder, answer: HttpAnswer) -> RefundStatement:
        read = _read(answer, question=operation == "refund_query")
        if isinstance(read, Unread):
            return read.refund_statement(NAME, order.refund_ref)
        error, said = read
        status, amount = said.get("status", ""), amount_of(said.get("amount_refund", ""))
        verified = self._answer_signature(said, self._options.refund_answer_fields)[1]
        same = operation == "refund" or said.get("transaction_refund_code", "") in ("", order.refund_txn_id)
        refused = error not in ("0", _NO_CODE)
        echoed = refused or (verified and same and amount in (None, order.amount))
        return RefundStatement(
            provider=NAME,
            refund_ref=order.refund_ref,
            verdict=self._verdict(operation, error, status) if echoed else Verdict.UNKNOWN,
            amount=amount,
            txn_id=said.get("transaction_refund_code", ""),
            code=shown(f"{error}/{status}" if status else error),
        )

    def _verdict(self, operation: Operation, code: str, status: str = "") -> Verdict:
        answered = Answered(operation, code, status)
        return load_outcomes(NAME).conclude(answered, self._account.now(), self._options.code_map).verdict

    def _statement(self, said: Mapping[str, str], judged: Judged) -> Statement:
        time_text = said.get("update_at") or said.get("created_at", "")
        return Statement(
            source=judged.source,
            provider=NAME,
            ref=said.get("transaction_id", ""),
            verdict=judged.verdict,
            trusted=judged.trusted,
            ours=said.get("client_id", "") == self._account.merchant,
            amount=amount_of(said.get("trans_amount", "")),
            currency=said.get("currency_code", ""),
            txn_id=said.get("transaction_code", ""),
            paid_at=local_moment(time_text) if judged.verdict is Verdict.PAID else None,
            time_text=time_text,
            code=shown(judged.code),
            key_id=judged.key_id,
        )


def _call(endpoint: str, message: msgspec.Struct) -> Call:
    return Call(endpoint, "POST", _HEADERS, msgspec.json.encode(message))


def _read(answer: HttpAnswer, *, question: bool) -> tuple[str, dict[str, str]] | Unread:
    """`error`, and the members of `data` where there is one, else those of the answer itself."""
    members = read_answer(answer, question=question)
    if isinstance(members, Unread):
        return members
    try:
        inner: dict[str, Json] = as_object(members["data"]) if members.get("data") is not None else members
    except NotStrict as fault:
        return Unread(Verdict.UNKNOWN, f"unreadable-{fault.fault}")
    return scalars_of(members).get("error") or _NO_CODE, scalars_of(inner)
