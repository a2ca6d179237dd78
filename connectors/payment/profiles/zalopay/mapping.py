"""ZaloPay's dialect, pure: orders, questions and refunds as signed JSON, callbacks verified over their text as it came.

Payment facts 3.7. ZaloPay tells successes only, so everything else is asked about. Its references are ours behind the date
in Viet Nam (`yyMMdd_`), which this dialect adds and takes off.
"""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any

import msgspec

from connectors.kit.contract import Notice, Reply
from connectors.kit.errors import CannotMap
from connectors.kit.http_answers import HttpAnswer
from connectors.payment.answers import Unread, amount_of, epoch_moment, epoch_ms, read_texts
from connectors.payment.canonical import Recipe
from connectors.payment.keyring import in_force, signing_key
from connectors.payment.model import Asked, Made, Order, RefundOrder, RefundStatement, Source, Statement, Verdict
from connectors.payment.outcomes import Answered, Conclusion, Operation, load_outcomes, shown
from connectors.payment.profiles.zalopay import signing
from connectors.payment.profiles.zalopay.messages import (
    Acknowledgement,
    Callback,
    CallbackOrder,
    CreateAnswer,
    CreateRequest,
    QueryAnswer,
    QueryRequest,
    Redirect,
    RefundAnswer,
    RefundQueryRequest,
    RefundRequest,
)
from connectors.payment.speaking import Account, Ack, Call, Heard, Refused, Returned
from connectors.payment.strict import (
    NotStrict,
    as_object,
    form_values,
    read_form,
    read_json_text,
    read_object,
    texts_of,
    whole,
)
from mappings.dates import to_portal_time
from mappings.text import nfc

NAME = "zalopay"
_SHORTEST_S, _LONGEST_S = 300, 2_592_000
_DATED = re.compile(r"[0-9]{6}_(.+)", re.ASCII | re.DOTALL)
_ACKS: dict[Ack, tuple[int, str]] = {
    Ack.TAKEN: (1, "success"),
    Ack.DUPLICATE: (2, "duplicate"),
    Ack.BAD_SIGNATURE: (-1, "mac not equal"),
    Ack.MALFORMED: (-1, "mac not equal"),
    Ack.REFUSED_SOURCE: (-1, "source not allowed"),
    Ack.NOT_OURS: (2, "another application"),
    Ack.UNKNOWN_REFERENCE: (2, "order not found"),
    Ack.AMOUNT_DIFFERS: (2, "amount differs"),
    Ack.UNSTORED: (0, "try again"),
}


class ZaloPayOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What differs between contracts with ZaloPay.

    `app_user` stands for all payers: no person is named to ZaloPay. `bank_code` shortens the choice on its page (`zalopayapp`,
    `CC`, a bank). `refund_mac_with_fee`: the refund is signed with `refund_fee` 0 in it (payment facts 9, [assumed]).
    """

    app_user: str = "nguoi-nop"
    bank_code: str = ""
    refund_mac_with_fee: bool = False


class ZaloPay:
    """The dialect with an account; see `connectors.payment.speaking.Dialogue`. The merchant is the app id, digits."""

    def __init__(self, account: Account) -> None:
        """Raises `TypeError` for options of another dialect, `ValueError` for an app id that is no number."""
        if not isinstance(account.options, ZaloPayOptions):
            raise TypeError("ZaloPayOptions")
        app_id = whole(account.merchant)
        if app_id is None:
            raise ValueError("merchant: app_id của ZaloPay là một số")
        self._account = account
        self._options = account.options
        self._app_id = app_id

    def create(self, order: Order) -> Call:
        """The order, dated in Viet Nam. Raises `CannotMap` for no amount at all, `CredentialsRefused`."""
        if order.amount <= 0:
            raise CannotMap("Số tiền phải lớn hơn 0.")
        now = self._account.now()
        left = int((order.expires_at - now).total_seconds())
        request = CreateRequest(
            app_id=self._app_id,
            app_user=self._options.app_user,
            app_trans_id=dated(order.created_at, order.ref),
            app_time=epoch_ms(now),
            expire_duration_seconds=min(max(left, _SHORTEST_S), _LONGEST_S),
            amount=order.amount,
            description=nfc(order.text),
            callback_url=order.notify_url,
            item=_items(order),
            embed_data=_json_text({"redirecturl": order.return_url}),
            bank_code=self._options.bank_code,
            mac="",
        )
        return self._call("create", request, signing.CREATE)

    def created(self, order: Order, answer: HttpAnswer) -> Made | Refused:
        """The address of the payer's page."""
        texts = read_texts(answer, CreateAnswer, question=False)
        if isinstance(texts, Unread):
            return Refused(texts.statement(Source.CREATE, NAME, order.ref))
        said = msgspec.convert(texts, CreateAnswer)
        conclusion = self._conclusion("create", str(said.return_code), str(said.sub_return_code))
        if conclusion.verdict is Verdict.PENDING and said.order_url:
            time_text = dated(order.created_at, "")
            return Made(pay_url=said.order_url, provider_ref=said.zp_trans_token, time_text=time_text)
        statement = Statement(
            source=Source.CREATE,
            provider=NAME,
            ref=order.ref,
            verdict=Verdict.UNKNOWN if conclusion.verdict is Verdict.PENDING else conclusion.verdict,
            trusted=conclusion.verdict is not Verdict.PENDING,
            code=_code(said.return_code, said.sub_return_code),
        )
        return Refused(statement, conclusion.meaning_vi)

    def query(self, asked: Asked) -> Call:
        """The question about an order. Raises `CredentialsRefused`."""
        request = QueryRequest(app_id=self._app_id, app_trans_id=dated(asked.created_at, asked.ref), mac="")
        return self._call("query", request, signing.QUERY)

    def queried(self, asked: Asked, answer: HttpAnswer) -> Statement:
        """The answer; it names no reference, so a success is believed only with the amount that was asked about."""
        texts = read_texts(answer, QueryAnswer, question=True)
        if isinstance(texts, Unread):
            return texts.statement(Source.QUERY, NAME, asked.ref)
        said = msgspec.convert(texts, QueryAnswer)
        message = f"is_processing={str(said.is_processing).lower()} return_code={said.return_code}"
        verdict = self._conclusion("query", str(said.return_code), str(said.sub_return_code), message).verdict
        amount = amount_of(str(said.amount))
        return Statement(
            source=Source.QUERY,
            provider=NAME,
            ref=asked.ref,
            verdict=verdict,
            trusted=amount == asked.amount or (verdict is not Verdict.PAID and amount in (None, 0)),
            amount=amount,
            txn_id=_txn(said.zp_trans_id),
            paid_at=epoch_moment(str(said.server_time)),
            time_text=str(said.server_time),
            code=_code(said.return_code, said.sub_return_code),
        )

    def refund(self, order: RefundOrder) -> Call:
        """The refund under an id of ours, the same at every repeat. Raises `CannotMap`, `CredentialsRefused`."""
        if not whole(order.txn_id):
            raise CannotMap("Thiếu mã giao dịch của ZaloPay (zp_trans_id) nên không gửi được yêu cầu hoàn tiền.")
        with_fee = self._options.refund_mac_with_fee
        request = RefundRequest(
            m_refund_id=self._refund_id(order),
            app_id=self._app_id,
            zp_trans_id=order.txn_id,
            amount=order.amount,
            timestamp=epoch_ms(self._account.now()),
            description=nfc(order.reason).replace(signing.PIPE, " "),
            mac="",
            refund_fee=0 if with_fee else None,
        )
        return self._call("refund", request, signing.REFUND_WITH_FEE if with_fee else signing.REFUND)

    def refunded(self, order: RefundOrder, answer: HttpAnswer) -> RefundStatement:
        """The answer to a refund."""
        return self._refund_said("refund", order, answer)

    def query_refund(self, order: RefundOrder) -> Call:
        """The question about a refund. Raises `CredentialsRefused`."""
        request = RefundQueryRequest(
            app_id=self._app_id,
            m_refund_id=self._refund_id(order),
            timestamp=epoch_ms(self._account.now()),
            mac="",
        )
        return self._call("query_refund", request, signing.REFUND_QUERY)

    def refund_queried(self, order: RefundOrder, answer: HttpAnswer) -> RefundStatement:
        """The answer."""
        return self._refund_said("refund_query", order, answer)

    def hear(self, notice: Notice) -> Heard:
        """A callback: `mac` over the text of `data` exactly as it came; only then is the text read (abuse case A19)."""
        try:
            texts = texts_of(read_object(notice.body), Callback.__struct_fields__)
        except NotStrict:
            return Heard(Ack.MALFORMED)
        key_id = signing.CALLBACK.verified_text(
            texts.get("data", ""), texts.get("mac", ""), in_force(self._account, "second")
        )
        if not key_id:
            return Heard(Ack.BAD_SIGNATURE)
        try:
            data = as_object(read_json_text(texts["data"]))
            said = msgspec.convert(texts_of(data, CallbackOrder.__struct_fields__), CallbackOrder)
        except NotStrict:
            return Heard(Ack.MALFORMED)
        if not said.zp_trans_id:
            return Heard(Ack.TAKEN)  # an agreement, not a payment
        statement = Statement(
            source=Source.NOTICE,
            provider=NAME,
            ref=undated(said.app_trans_id),
            verdict=self._conclusion("notice", texts.get("type", "1"), "").verdict,
            trusted=True,
            ours=str(said.app_id) == self._account.merchant,
            amount=amount_of(str(said.amount)),
            txn_id=_txn(said.zp_trans_id),
            paid_at=epoch_moment(str(said.server_time)),
            time_text=str(said.server_time),
            code="callback",
            key_id=key_id,
        )
        return Heard(Ack.TAKEN if statement.ours else Ack.NOT_OURS, statement)

    def returned(self, query: str) -> Returned:
        """What the browser brought back, with its checksum under key 2."""
        try:
            values = form_values(read_form(query))
        except NotStrict:
            return Returned("")
        known = {name: values[name] for name in Redirect.__struct_fields__ if name in values}
        said = msgspec.convert(known, Redirect)
        piped = any(signing.PIPE in value for value in known.values())
        key_id = "" if piped else signing.REDIRECT.verified(known, said.checksum, in_force(self._account, "second"))
        signed = bool(key_id) and said.appid == self._account.merchant
        return Returned(undated(said.apptransid), signed=signed, claims_paid=said.status == "1")

    def acknowledge(self, ack: Ack, heard: Heard | None) -> Reply:
        """HTTP 200 with `return_code`: 1 and 2 stop the repeats, 0 asks for one (payment facts 3.7 and 4.4)."""
        code, message = _ACKS[ack]
        return Reply(200, msgspec.json.encode(Acknowledgement(return_code=code, return_message=message)))

    def _refund_id(self, order: RefundOrder) -> str:
        return dated(order.asked_at, f"{self._app_id}_{order.refund_ref}")

    def _conclusion(self, operation: Operation, code: str, sub_code: str, message: str = "") -> Conclusion:
        return load_outcomes(NAME).conclude(Answered(operation, code, sub_code, message), self._account.now())

    def _call(
        self,
        endpoint: str,
        request: CreateRequest | QueryRequest | RefundRequest | RefundQueryRequest,
        recipe: Recipe,
    ) -> Call:
        fields: dict[str, Any] = msgspec.to_builtins(request)
        texts = {name: str(fields[name]) for name in recipe.names}
        fields["mac"] = recipe.sign(texts, signing_key(self._account).value)
        return Call(endpoint, "POST", {"Content-Type": "application/json"}, msgspec.json.encode(fields))

    def _refund_said(self, operation: Operation, order: RefundOrder, answer: HttpAnswer) -> RefundStatement:
        texts = read_texts(answer, RefundAnswer, question=operation == "refund_query")
        if isinstance(texts, Unread):
            return texts.refund_statement(NAME, order.refund_ref)
        said = msgspec.convert(texts, RefundAnswer)
        verdict = self._conclusion(operation, str(said.return_code), str(said.sub_return_code)).verdict
        amount = amount_of(str(said.amount))
        # Neither has to be there; where it is there, it is of our refund.
        if said.m_refund_id not in ("", self._refund_id(order)) or amount not in (None, order.amount):
            verdict = Verdict.UNKNOWN
        return RefundStatement(
            provider=NAME,
            refund_ref=order.refund_ref,
            verdict=verdict,
            amount=amount,
            txn_id=_txn(said.refund_id),
            code=_code(said.return_code, said.sub_return_code),
        )


def dated(moment: datetime, reference: str) -> str:
    """`reference` behind `yyMMdd_` of the moment's day in Viet Nam: at 00:03 there it is still yesterday in UTC."""
    return f"{to_portal_time(moment)[2:8]}_{reference}"


def undated(app_trans_id: str) -> str:
    """Our reference in ZaloPay's; what is not dated comes back as it is, and is nobody's."""
    match = _DATED.fullmatch(app_trans_id)
    return match[1] if match else app_trans_id


def _items(order: Order) -> str:
    """The fee's lines as ZaloPay shows them: no personal data."""
    return _json_text(
        [
            {"itemid": line.code, "itemname": nfc(line.name), "itemprice": line.amount, "itemquantity": 1}
            for line in order.fee_lines
        ]
    )


def _json_text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _txn(number: int | str) -> str:
    """ZaloPay's number of a transaction; `0` is none."""
    return "" if str(number) == "0" else str(number)


def _code(code: int | str, sub_code: int | str) -> str:
    return shown(f"{code}/{sub_code}" if str(sub_code) else str(code))
