"""VietQR's dialect, pure: the text of a transfer code, and lines of a bank's feed matched by reference and amount, exactly.

Payment facts 3.13. A code is no payment: only a line of the bank is. Banks copy the purpose alone, in capitals as they like,
so our reference stands in the bill number and in the purpose, and is found whatever the case. The merchant is `BIN:account`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import msgspec

from connectors.kit.contract import Notice, Reply
from connectors.kit.errors import CannotMap
from connectors.kit.http_answers import HttpAnswer
from connectors.payment.answers import Unread, amount_of, local_moment, read_answer
from connectors.payment.canonical import Algorithm, Recipe
from connectors.payment.keyring import in_force
from connectors.payment.model import Asked, Made, Order, RefundOrder, RefundStatement, Source, Statement, Verdict
from connectors.payment.outcomes import Answered, Operation, load_outcomes, shown
from connectors.payment.profiles.vietqr.emvco import NotVietQr, Transfer, pays_into, write_transfer
from connectors.payment.profiles.vietqr.messages import Acknowledgement, BankLine
from connectors.payment.speaking import Account, Ack, Call, Heard, Refused, Returned
from connectors.payment.strict import Json, NotStrict, as_object, read_object, texts_of
from connectors.payment.wording import plain_text
from mappings.dates import to_portal_time

NAME = "vietqr"
SIGNED = Recipe(Algorithm.HMAC_SHA_256)
"""Of a notice: HMAC-SHA256 in hex over its body as it came [assumed]."""

_REFERENCE = re.compile(r"(?<![0-9a-z])[0-9a-v]{13}a[1-9][0-9]{0,2}(?![0-9a-z])", re.ASCII | re.IGNORECASE)
_TXN = re.compile(r"[0-9A-Za-z._/:-]{1,64}", re.ASCII)
_STATUSES = {
    Ack.BAD_SIGNATURE: 401,
    Ack.NOT_OURS: 403,
    Ack.REFUSED_SOURCE: 403,
    Ack.MALFORMED: 400,
    Ack.UNSTORED: 503,
}


class VietQrOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What differs between banks.

    `accounts` are further accounts of ours that the feed tells of, each as `BIN:account`: only into these and the merchant's
    a code may pay. `signature_header` carries the signature of a notice (role `main`); `purpose` stands before the reference.
    A feed that can be asked is the endpoint `feed`; the role `feed` is its bearer token.
    """

    accounts: tuple[str, ...] = ()
    signature_header: str = "x-signature"
    purpose: str = "TT"


class VietQr:
    """The dialect with an account; see `connectors.payment.speaking.Dialogue`."""

    def __init__(self, account: Account) -> None:
        """Raises `TypeError` for options of another dialect, `ValueError` for accounts that are not `BIN:account`."""
        if not isinstance(account.options, VietQrOptions):
            raise TypeError("VietQrOptions")
        self._account = account
        self._options = account.options
        named = [account.merchant, *account.options.accounts]
        self._ours = [(one.partition(":")[0], one.partition(":")[2]) for one in named]
        for bank_bin, number in self._ours:
            try:
                write_transfer(Transfer(bank_bin, number))
            except NotVietQr:
                raise ValueError("merchant và options.accounts: dạng BIN:số_tài_khoản, BIN có 6 chữ số") from None

    def create(self, order: Order) -> Made:
        """The text of the code: no call is made. Raises `CannotMap` for an account that no feed of ours watches."""
        bank_bin, number = self._beneficiary(order)
        purpose = plain_text(f"{self._options.purpose} {order.ref.upper()}", 25)
        if not purpose.endswith(order.ref.upper()):
            raise CannotMap("Nội dung chuyển khoản dài quá 25 ký tự nên không chứa hết mã tham chiếu.")
        try:
            text = write_transfer(Transfer(bank_bin, number, order.amount, order.ref.upper(), purpose))
        except NotVietQr as fault:
            raise CannotMap(f"Không lập được mã VietQR ({fault.fault}).") from None
        if not pays_into(text, bank_bin, number):
            raise CannotMap("Mã VietQR lập ra không đúng tài khoản thụ hưởng.")
        return Made(qr_text=text, time_text=to_portal_time(order.created_at))

    def created(self, order: Order, answer: HttpAnswer) -> Refused:
        """Nothing is asked when a code is made, so nothing can be answered."""
        unread = Unread(Verdict.UNKNOWN, "no_call")
        return Refused(unread.statement(Source.CREATE, NAME, order.ref))

    def query(self, asked: Asked) -> Call | None:
        """The question to the feed, where the bank has one; otherwise its notices and statements alone tell."""
        if "feed" not in self._account.endpoints:
            return None
        day = (asked.time_text or to_portal_time(asked.created_at))[:8]
        tokens = in_force(self._account, "feed")
        headers = {"Authorization": f"Bearer {tokens[0].value}"} if tokens else {}
        return Call("feed", "GET", headers, query={"reference": asked.ref.upper(), "from": day})

    def queried(self, asked: Asked, answer: HttpAnswer) -> Statement:
        """What the lines with this reference in an account of ours amount to; a line of any other account is not looked at."""
        members = read_answer(answer, question=True)
        if isinstance(members, Unread):
            return members.statement(Source.QUERY, NAME, asked.ref)
        try:
            lines = _lines(members.get("lines"))
        except NotStrict as fault:
            return Unread(Verdict.UNKNOWN, f"unreadable-{fault.fault}").statement(Source.QUERY, NAME, asked.ref)
        seen = [line for line in lines if self._is_ours(line) and reference_in(line.text) == asked.ref]
        line, code, status = _weighed(seen, asked.amount)
        if line is None:
            # A feed that has more lines than it told may have ours among them.
            verdict = self._verdict("query", "" if members.get("more") is True else code, status)
            return Statement(
                source=Source.QUERY, provider=NAME, ref=asked.ref, verdict=verdict, trusted=True, code=code
            )
        return self._statement(Source.QUERY, line, asked.ref, (code, status))

    def refund(self, order: RefundOrder) -> None:
        """Money goes back by a transfer that people make."""

    def refunded(self, order: RefundOrder, answer: HttpAnswer) -> RefundStatement:
        """Nobody was asked."""
        return Unread(Verdict.UNKNOWN, "no_call").refund_statement(NAME, order.refund_ref)

    def query_refund(self, order: RefundOrder) -> None:
        """Nobody can be asked."""

    def refund_queried(self, order: RefundOrder, answer: HttpAnswer) -> RefundStatement:
        """Nobody was asked."""
        return Unread(Verdict.UNKNOWN, "no_call").refund_statement(NAME, order.refund_ref)

    def hear(self, notice: Notice) -> Heard:
        """One line of the feed, signed over its body as it came. A line without a reference of ours is only acknowledged."""
        try:
            text = notice.body.decode("utf-8")
        except UnicodeDecodeError:
            return Heard(Ack.MALFORMED)
        presented = notice.headers.get(self._options.signature_header.lower(), "")
        key_id = SIGNED.verified_text(text, presented, in_force(self._account, "main"))
        if not key_id:
            return Heard(Ack.BAD_SIGNATURE)
        try:
            line = _line(read_object(notice.body))
        except NotStrict:
            return Heard(Ack.MALFORMED)
        reference = reference_in(line.text)
        if not reference:
            return Heard(Ack.TAKEN)
        code = "credit" if line.direction == "C" else "debit"
        statement = self._statement(Source.NOTICE, line, reference, (code, "one"), key_id)
        return Heard(Ack.TAKEN if statement.ours else Ack.NOT_OURS, statement)

    def returned(self, query: str) -> Returned:
        """No browser comes back from a transfer."""
        return Returned("")

    def acknowledge(self, ack: Ack, heard: Heard | None) -> Reply:
        """HTTP 200 for whatever need not come again; a reference that is not ours is the bank's daily business."""
        status = _STATUSES.get(ack, 200)
        body = msgspec.json.encode(Acknowledgement(accepted=status == 200, reason=ack.value))
        return Reply(status, body)

    def _beneficiary(self, order: Order) -> tuple[str, str]:
        chosen = order.beneficiary
        if not chosen.bin and chosen.account in ("", self._ours[0][1]):
            return self._ours[0]
        if (chosen.bin, chosen.account) not in self._ours:
            raise CannotMap("Tài khoản thụ hưởng không thuộc các tài khoản có sao kê của kênh VietQR.")
        return chosen.bin, chosen.account

    def _is_ours(self, line: BankLine) -> bool:
        return (line.bank_bin, line.account) in self._ours

    def _verdict(self, operation: Operation, code: str, status: str) -> Verdict:
        return load_outcomes(NAME).conclude(Answered(operation, code, status), self._account.now()).verdict

    def _statement(
        self, source: Source, line: BankLine, ref: str, said: tuple[str, str], key_id: str = ""
    ) -> Statement:
        """A line in our words. A transaction without a usable number cannot be kept apart from others (guard G7): people look."""
        code, status = said
        verdict = self._verdict("notice" if source is Source.NOTICE else "query", code, status)
        known = bool(_TXN.fullmatch(line.txn_id))
        return Statement(
            source=source,
            provider=NAME,
            ref=ref,
            verdict=verdict if known or verdict is not Verdict.PAID else Verdict.HOLD,
            trusted=True,
            ours=self._is_ours(line),
            amount=amount_of(str(line.amount)),
            currency=line.currency,
            txn_id=line.txn_id if known else "",
            bank_code=line.bank_bin,
            paid_at=local_moment(line.booked_at),
            time_text=line.booked_at,
            code=shown(f"{code}-{status}"),
            key_id=key_id,
        )


def reference_in(text: str) -> str:
    """The one reference of ours in a text of a bank, "" for none and for several: exactly its signs, whatever the case."""
    found = {one.lower() for one in _REFERENCE.findall(text)}
    return found.pop() if len(found) == 1 else ""


def _weighed(lines: Sequence[BankLine], amount: int) -> tuple[BankLine | None, str, str]:
    """The line that counts, with what it is and how it stands to the amount: an exact one before any other, the oldest first."""
    came = sorted((line for line in lines if line.direction == "C"), key=lambda line: (line.booked_at, line.txn_id))
    if not came:
        return None, "none", ""
    exact = [line for line in came if amount_of(str(line.amount)) == amount]
    if exact:
        went = sum(line.direction == "D" for line in lines)
        return exact[0], "credit", "returned" if went >= len(exact) else "equal"
    return came[0], "credit", "more" if (amount_of(str(came[0].amount)) or 0) > amount else "less"


def _lines(value: Json) -> Sequence[BankLine]:
    if not isinstance(value, list):
        raise NotStrict("not_object")
    return [_line(as_object(one)) for one in value]


def _line(members: Mapping[str, Json]) -> BankLine:
    names = BankLine.__struct_fields__
    return msgspec.convert({**dict.fromkeys(names, ""), **texts_of(members, names)}, BankLine)
