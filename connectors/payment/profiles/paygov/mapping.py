"""PayGov's dialect, pure: create with its checksum, and callbacks that prove nothing until their signature is known.

Payment facts 3.4. `create` is the one address that is called: PayGov has no question that is known. Keys: `main` the secret,
`access` the access key that stands in the body, and where the LGSP wants them `lgsp` (bearer) and `lgsp_access`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from connectors.kit.contract import Notice, Reply
from connectors.kit.http_answers import HttpAnswer
from connectors.payment.answers import Unread, amount_of, local_moment, read_answer
from connectors.payment.keyring import in_force, signing_key
from connectors.payment.model import Asked, Made, Order, RefundOrder, RefundStatement, Source, Statement, Verdict
from connectors.payment.outcomes import Answered, Operation, load_outcomes, shown
from connectors.payment.profiles.paygov import signing
from connectors.payment.profiles.paygov.messages import Acknowledgement, Callback, Create
from connectors.payment.profiles.paygov.options import PaygovOptions
from connectors.payment.speaking import Account, Ack, Call, Heard, Refused, Returned
from connectors.payment.strict import NotStrict, as_object, form_values, read_form, read_object, scalars_of, texts_of
from connectors.payment.wording import plain_text

NAME: Final = "paygov"
READ_S: Final = 60.0
_SIGNATURE = "checksum"
_NO_CODE = "none"
_LONGEST_TEXT = 255
_FAILED = "FAILED"
_ACKS: Mapping[Ack, tuple[str, str]] = {
    Ack.TAKEN: ("SUCCESSFUL", "Thành công"),
    Ack.DUPLICATE: ("SUCCESSFUL", "Thành công"),
    Ack.BAD_SIGNATURE: ("SIGNATURE_WRONG", "checksum không đúng"),
    Ack.UNKNOWN_REFERENCE: (_FAILED, "Không có giao dịch này"),
    Ack.AMOUNT_DIFFERS: (_FAILED, "Số tiền không khớp"),
    Ack.NOT_OURS: (_FAILED, "Giao dịch không thuộc đơn vị này"),
    Ack.REFUSED_SOURCE: (_FAILED, "Địa chỉ gửi không được chấp nhận"),
    Ack.MALFORMED: (_FAILED, "Thông báo không đúng cấu trúc"),
    Ack.UNSTORED: (_FAILED, "Lỗi hệ thống, đề nghị gửi lại"),
}


class Paygov:
    """The dialect with an account; see `connectors.payment.speaking.Dialogue`."""

    def __init__(self, account: Account) -> None:
        """Raises `TypeError` for options of another dialect."""
        if not isinstance(account.options, PaygovOptions):
            raise TypeError("PaygovOptions")
        self._account = account
        self._options = account.options

    def create(self, order: Order) -> Call:
        """create. Order and request bear one reference, so that no digit can move between them. Raises `CredentialsRefused`."""
        unit = self._options.unit_of(order.unit_code)
        access = signing_key(self._account, "access").value
        signed = {
            "accessKey": access,
            "partnerCode": self._account.merchant,
            "orderId": order.ref,
            "requestCode": order.ref,
            "amount": str(order.amount),
        }
        message = Create(
            partner_code=self._account.merchant,
            return_url=order.return_url,
            order_id=order.ref,
            amount=order.amount,
            order_info=plain_text(order.text, _LONGEST_TEXT) or order.ref,
            request_code=order.ref,
            ip_address=order.payer_address,
            checksum=signing.CREATE.sign(signed, signing_key(self._account).value) if "checksum" in unit.fields else "",
            access_key=access if "accessKey" in unit.fields else "",
            service_code=unit.service_code if "serviceCode" in unit.fields else "",
        )
        return Call("create", "POST", self._headers(), msgspec.json.encode(message), read_s=READ_S)

    def created(self, order: Order, answer: HttpAnswer) -> Made | Refused:
        """Where the payer goes."""
        read = read_answer(answer, question=False)
        if isinstance(read, Unread):
            return Refused(read.statement(Source.CREATE, NAME, order.ref))
        try:
            page = as_object(read["data"]) if read.get("data") is not None else {}
        except NotStrict:
            page = {}
        url, code = scalars_of(page).get("url", ""), scalars_of(read).get("error_code") or _NO_CODE
        verdict = self._verdict("create", code)
        if url and verdict is Verdict.PENDING:
            return Made(pay_url=url)
        if verdict is Verdict.PENDING:
            verdict = Verdict.UNKNOWN
        return Refused(
            Statement(
                source=Source.CREATE, provider=NAME, ref=order.ref, verdict=verdict, trusted=True, code=shown(code)
            )
        )

    def query(self, asked: Asked) -> None:
        """No question is known."""

    def queried(self, asked: Asked, answer: HttpAnswer) -> Statement:
        """Nothing was asked, so nothing is known."""
        return Statement(
            source=Source.QUERY, provider=NAME, ref=asked.ref, verdict=Verdict.UNKNOWN, trusted=False, code="no_query"
        )

    def refund(self, order: RefundOrder) -> None:
        """No refund of the hub is known: people make it by transfer."""

    def refunded(self, order: RefundOrder, answer: HttpAnswer) -> RefundStatement:
        """Nothing was asked, so nothing is known."""
        return RefundStatement(provider=NAME, refund_ref=order.refund_ref, verdict=Verdict.UNKNOWN)

    def query_refund(self, order: RefundOrder) -> None:
        """Nothing can be asked."""

    def refund_queried(self, order: RefundOrder, answer: HttpAnswer) -> RefundStatement:
        """Nothing was asked, so nothing is known."""
        return self.refunded(order, answer)

    def hear(self, notice: Notice) -> Heard:
        """A callback: what it claims, and trusted only where the contract names what its checksum signs."""
        try:
            said = texts_of(read_object(notice.body), Callback.__struct_encode_fields__)
        except NotStrict:
            return Heard(Ack.MALFORMED)
        key_id, trusted = "", bool(self._options.callback_fields)
        if trusted:
            key_id = self._signed_by(said)
            if not key_id:
                return Heard(Ack.BAD_SIGNATURE)
        code = said.get("errorCode") or _NO_CODE
        statement = self._claimed(said, code, key_id)
        # What we sent as both is answered as both; a digit that moved between values changes one of them (abuse case A5).
        if said.get("requestCode", "") != statement.ref:
            return Heard(Ack.UNKNOWN_REFERENCE, statement)
        return Heard(Ack.TAKEN, statement)

    def returned(self, query: str) -> Returned:
        """The order that a browser names; nothing of a return is signed."""
        try:
            said = form_values(read_form(query))
        except NotStrict:
            return Returned("")
        return Returned(said.get("orderId", ""), claims_paid=said.get("errorCode") == "00")

    def acknowledge(self, ack: Ack, heard: Heard | None) -> Reply:
        """`error_code` SUCCESSFUL, FAILED or SIGNATURE_WRONG (payment facts 4.4)."""
        code, message = _ACKS[ack]
        return Reply(200, msgspec.json.encode(Acknowledgement(error_code=code, error_message=message)))

    def _headers(self) -> dict[str, str]:
        headers = {"Content-Type": "application/json; charset=utf-8", "Accept": "application/json"}
        tokens, access = in_force(self._account, "lgsp"), in_force(self._account, "lgsp_access")
        if tokens:
            headers["Authorization"] = f"Bearer {tokens[0].value}"
        if access:
            headers["lgspaccesstoken"] = access[0].value
        return headers

    def _signed_by(self, said: Mapping[str, str]) -> str:
        """The id of the key that signed, "" for none. The access key and the partner code are ours, they do not travel."""
        recipe = signing.callback_of(self._options.callback_fields, self._options.callback_separator)
        for access in in_force(self._account, "access"):
            fields = {**said, "accessKey": access.value, "partnerCode": self._account.merchant}
            key_id = recipe.verified(fields, said.get(_SIGNATURE, ""), in_force(self._account, "main"))
            if key_id:
                return key_id
        return ""

    def _claimed(self, said: Mapping[str, str], code: str, key_id: str) -> Statement:
        verdict = self._verdict("notice", code)
        time_text = said.get("payDate", "")
        return Statement(
            source=Source.NOTICE,
            provider=NAME,
            ref=said.get("orderId", ""),
            verdict=verdict,
            trusted=bool(key_id),
            amount=amount_of(said.get("amount", "")),
            txn_id=said.get("transactionNo") or said.get("transactionCode", ""),
            bank_code=said.get("paygate", ""),
            paid_at=local_moment(time_text) if verdict is Verdict.PAID else None,
            time_text=time_text,
            code=shown(code),
            key_id=key_id,
        )

    def _verdict(self, operation: Operation, code: str) -> Verdict:
        return load_outcomes(NAME).conclude(Answered(operation, code), self._account.now()).verdict
