"""MoMo's dialect, pure: signed requests, signed notices, and answers without a signature that are believed by their echo.

Payment facts 3.6 and D6: what a question is answered counts where partner, order, request and amount are those asked about.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from connectors.kit.contract import Notice, Reply
from connectors.kit.errors import CannotMap
from connectors.kit.http_answers import HttpAnswer
from connectors.payment.answers import Unread, amount_of, epoch_moment, read_texts
from connectors.payment.canonical import Recipe
from connectors.payment.keyring import in_force, signing_key
from connectors.payment.model import Asked, Made, Order, RefundOrder, RefundStatement, Source, Statement, Verdict
from connectors.payment.outcomes import Answered, Conclusion, Operation, load_outcomes, shown
from connectors.payment.profiles.momo import signing
from connectors.payment.profiles.momo.messages import (
    CreateAnswer,
    CreateRequest,
    PaymentNotice,
    QueryRequest,
    RefundRequest,
    TransactionAnswer,
)
from connectors.payment.speaking import Account, Ack, Call, Heard, Refused, Returned
from connectors.payment.strict import NotStrict, form_values, read_form, read_object, texts_of, whole
from mappings.text import nfc

NAME = "momo"
MINIMUM, MAXIMUM = 1_000, 50_000_000
_REFUND_READ_S = 60.0
_STATUSES = {Ack.BAD_SIGNATURE: 400, Ack.NOT_OURS: 400, Ack.MALFORMED: 400, Ack.REFUSED_SOURCE: 403, Ack.UNSTORED: 500}


class MomoOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What differs between contracts with MoMo.

    `request_type` is the way of paying that the page offers. `capture`: with `two_step` an authorised payment (9000) is
    not yet paid. `partner_name` and `store_id` are shown to the payer.
    """

    request_type: Literal["captureWallet", "payWithATM", "payWithCC", "payWithMethod"] = "captureWallet"
    capture: Literal["one_step", "two_step"] = "one_step"
    partner_name: str = ""
    store_id: str = ""
    lang: Literal["vi", "en"] = "vi"


class Momo:
    """The dialect with an account; see `connectors.payment.speaking.Dialogue`."""

    def __init__(self, account: Account) -> None:
        """Raises `TypeError` for options of another dialect."""
        if not isinstance(account.options, MomoOptions):
            raise TypeError("MomoOptions")
        self._account = account
        self._options = account.options
        self._overriding = {"9000": "N"} if account.options.capture == "two_step" else {}

    def create(self, order: Order) -> Call:
        """The order. `requestId` is its reference, so that a repeat is recognised. Raises `CannotMap`, `CredentialsRefused`."""
        if not MINIMUM <= order.amount <= MAXIMUM:
            raise CannotMap(f"MoMo chỉ nhận từ {MINIMUM} đến {MAXIMUM} đồng cho một giao dịch.")
        request = CreateRequest(
            partner_code=self._account.merchant,
            partner_name=self._options.partner_name,
            store_id=self._options.store_id,
            request_id=order.ref,
            amount=order.amount,
            order_id=order.ref,
            order_info=nfc(order.text),
            redirect_url=order.return_url,
            ipn_url=order.notify_url,
            request_type=self._options.request_type,
            extra_data="",
            lang=self._options.lang,
            auto_capture=self._options.capture == "one_step",
            order_expire_time=max(1, int((order.expires_at - order.created_at).total_seconds()) // 60),
            signature="",
        )
        return self._call("create", request, signing.CREATE)

    def created(self, order: Order, answer: HttpAnswer) -> Made | Refused:
        """The address of the payer's page, where the order that is answered is the one that was sent."""
        texts = read_texts(answer, CreateAnswer, question=False)
        if isinstance(texts, Unread):
            return Refused(texts.statement(Source.CREATE, NAME, order.ref))
        said = msgspec.convert(texts, CreateAnswer)
        conclusion = self._conclusion("create", str(said.result_code))
        ours = said.partner_code == self._account.merchant
        echoed = ours and (said.order_id, said.request_id) == (order.ref, order.ref)
        echoed = echoed and str(said.amount) in ("", str(order.amount))
        if echoed and conclusion.verdict is Verdict.PENDING and (said.pay_url or said.qr_code_url):
            return Made(pay_url=said.pay_url, deeplink=said.deeplink, qr_text=said.qr_code_url)
        verdict = conclusion.verdict
        if verdict is Verdict.PENDING or not (echoed or verdict is Verdict.CONFIGURATION):
            verdict = Verdict.UNKNOWN
        statement = Statement(
            source=Source.CREATE,
            provider=NAME,
            ref=order.ref,
            verdict=verdict,
            trusted=echoed,
            ours=ours,
            code=shown(str(said.result_code)),
        )
        return Refused(statement, conclusion.meaning_vi)

    def query(self, asked: Asked) -> Call:
        """The question about an order; every question has its own `requestId`. Raises `CredentialsRefused`."""
        return self._asking("query", asked.ref, f"{asked.ref}q{asked.number}")

    def queried(self, asked: Asked, answer: HttpAnswer) -> Statement:
        """The answer, believed where it echoes what was asked, the amount included (abuse case A25)."""
        texts = read_texts(answer, TransactionAnswer, question=True)
        if isinstance(texts, Unread):
            return texts.statement(Source.QUERY, NAME, asked.ref)
        said = msgspec.convert(texts, TransactionAnswer)
        verdict = self._conclusion("query", str(said.result_code)).verdict
        ours = said.partner_code == self._account.merchant
        # An order that MoMo does not know has no amount; whatever says paid must have ours.
        amount = amount_of(str(said.amount))
        same_amount = amount == asked.amount or (verdict is not Verdict.PAID and amount in (None, 0))
        return Statement(
            source=Source.QUERY,
            provider=NAME,
            ref=asked.ref,
            verdict=verdict,
            trusted=ours and _echoes(said, asked.ref, f"{asked.ref}q{asked.number}") and same_amount,
            ours=ours,
            amount=amount,
            txn_id=_txn(str(said.trans_id)),
            bank_code=said.pay_type,
            paid_at=epoch_moment(str(said.response_time)),
            time_text=str(said.response_time),
            code=shown(str(said.result_code)),
        )

    def refund(self, order: RefundOrder) -> Call:
        """The refund under a reference of its own, the same at every repeat. Raises `CannotMap`, `CredentialsRefused`."""
        number = whole(order.txn_id)
        if not number:
            raise CannotMap("Thiếu mã giao dịch của MoMo (transId) nên không gửi được yêu cầu hoàn tiền.")
        request = RefundRequest(
            partner_code=self._account.merchant,
            order_id=order.refund_ref,
            request_id=order.refund_ref,
            amount=order.amount,
            trans_id=number,
            lang=self._options.lang,
            description=nfc(order.reason),
            signature="",
        )
        return self._call("refund", request, signing.REFUND, _REFUND_READ_S)

    def refunded(self, order: RefundOrder, answer: HttpAnswer) -> RefundStatement:
        """The answer, believed by its echo."""
        return self._refund_said("refund", order.refund_ref, order, answer)

    def query_refund(self, order: RefundOrder) -> Call:
        """The question about a refund. Raises `CredentialsRefused`."""
        return self._asking("refund_query", order.refund_ref, f"{order.refund_ref}q{order.number}")

    def refund_queried(self, order: RefundOrder, answer: HttpAnswer) -> RefundStatement:
        """The answer, believed by its echo."""
        return self._refund_said("refund_query", f"{order.refund_ref}q{order.number}", order, answer)

    def hear(self, notice: Notice) -> Heard:
        """A notice (IPN): signed over thirteen values as they were written; `accessKey` is ours to add."""
        try:
            members = read_object(notice.body)
            texts = texts_of(members, PaymentNotice.__struct_encode_fields__)
        except NotStrict:
            return Heard(Ack.MALFORMED)
        key_id = self._signed_by(texts)
        if not key_id:
            return Heard(Ack.BAD_SIGNATURE)
        said = msgspec.convert(texts, PaymentNotice)
        statement = Statement(
            source=Source.NOTICE,
            provider=NAME,
            ref=said.order_id,
            verdict=self._conclusion("notice", str(said.result_code)).verdict,
            trusted=True,
            ours=said.partner_code == self._account.merchant,
            amount=amount_of(str(said.amount)),
            txn_id=_txn(str(said.trans_id)),
            bank_code=said.pay_type,
            paid_at=epoch_moment(str(said.response_time)),
            time_text=str(said.response_time),
            code=shown(str(said.result_code)),
            key_id=key_id,
        )
        return Heard(Ack.TAKEN if statement.ours else Ack.NOT_OURS, statement)

    def returned(self, query: str) -> Returned:
        """What the browser brought back: the parameters of a notice."""
        try:
            texts = {
                name: value
                for name, value in form_values(read_form(query)).items()
                if name in PaymentNotice.__struct_encode_fields__
            }
        except NotStrict:
            return Returned("")
        said = msgspec.convert(texts, PaymentNotice)
        signed = bool(self._signed_by(texts)) and said.partner_code == self._account.merchant
        claims_paid = self._conclusion("notice", str(said.result_code)).verdict is Verdict.PAID
        return Returned(said.order_id, signed=signed, claims_paid=claims_paid)

    def acknowledge(self, ack: Ack, heard: Heard | None) -> Reply:
        """204 without a body stops the repeats (payment facts 3.6 and 4.4); 400 for a forgery, 500 for our own failure."""
        return Reply(_STATUSES.get(ack, 204))

    def _signed_by(self, texts: dict[str, str]) -> str:
        """The id of the key that signed, "" for none; each access key in force may be the one that was added."""
        if not signing.unambiguous(signing.NOTICE, texts):
            return ""
        keys = in_force(self._account, "main")
        presented = texts.get("signature", "")
        found = ""
        for access in in_force(self._account, "access"):
            found = signing.NOTICE.verified({**texts, "accessKey": access.value}, presented, keys) or found
        return found

    def _conclusion(self, operation: Operation, code: str) -> Conclusion:
        return load_outcomes(NAME).conclude(Answered(operation, code), self._account.now(), self._overriding)

    def _asking(self, endpoint: str, order_id: str, request_id: str) -> Call:
        request = QueryRequest(
            partner_code=self._account.merchant,
            request_id=request_id,
            order_id=order_id,
            lang=self._options.lang,
            signature="",
        )
        return self._call(endpoint, request, signing.QUERY)

    def _call(
        self,
        endpoint: str,
        request: CreateRequest | QueryRequest | RefundRequest,
        recipe: Recipe,
        read_s: float = 30.0,
    ) -> Call:
        fields: dict[str, Any] = msgspec.to_builtins(request)
        texts = {name: str(fields[name]) for name in fields if name in recipe.names}
        texts["accessKey"] = signing_key(self._account, "access").value
        fields["signature"] = recipe.sign(texts, signing_key(self._account).value)
        headers = {"Content-Type": "application/json"}
        return Call(endpoint, "POST", headers, msgspec.json.encode(fields), read_s=read_s)

    def _refund_said(
        self, operation: Operation, request_id: str, order: RefundOrder, answer: HttpAnswer
    ) -> RefundStatement:
        texts = read_texts(answer, TransactionAnswer, question=operation == "refund_query")
        if isinstance(texts, Unread):
            return texts.refund_statement(NAME, order.refund_ref)
        said = msgspec.convert(texts, TransactionAnswer)
        verdict = self._conclusion(operation, str(said.result_code)).verdict
        amount = amount_of(str(said.amount))
        echoed = said.partner_code == self._account.merchant and _echoes(said, order.refund_ref, request_id)
        # A refusal of the request itself may come without an echo; it moves no money, so it may be believed.
        if not (echoed and amount in (None, order.amount)) and verdict is not Verdict.CONFIGURATION:
            verdict = Verdict.UNKNOWN
        return RefundStatement(
            provider=NAME,
            refund_ref=order.refund_ref,
            verdict=verdict,
            amount=amount,
            txn_id=_txn(str(said.trans_id)),
            code=shown(str(said.result_code)),
        )


def _echoes(said: TransactionAnswer, order_id: str, request_id: str) -> bool:
    return (said.order_id, said.request_id) == (order_id, request_id)


def _txn(number: str) -> str:
    """MoMo's number of a transaction; `0` is none."""
    return "" if number == "0" else number
