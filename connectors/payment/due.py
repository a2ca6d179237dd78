"""What the national portal pulls: the fee that is due for a dossier, as a bill that its platform collects (facts 3.1, 8.7).

`POST /payments/{upstream}/pp/due` with `{MaHoSo}`; answers `error_code` 1 (due), 0 (nothing to pay), -1 (not known). Who may ask
is a list of networks, and a token where one was agreed. The attempt is on disk before its reference leaves.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from dataclasses import replace

from connectors.kit.contract import Kit, NotGenuine, Notice, Reply
from connectors.kit.errors import CannotMap
from connectors.kit.networks import networks_of, within
from connectors.payment.changes import AttemptAsked
from connectors.payment.client import Intermediaries, Intermediary
from connectors.payment.commanding import PORTAL
from connectors.payment.entering import LEDGER, change_of
from connectors.payment.model import State
from connectors.payment.orders import Addresses, order_of, read_payment
from connectors.payment.payment import Attempt, Payment
from connectors.payment.profiles._bill.mapping import FEE_KINDS, bill_of
from connectors.payment.profiles.pp.options import PpOptions
from connectors.payment.schedule import OPEN
from connectors.payment.settings import PortalPull, Settings
from connectors.payment.strict import NotStrict, read_object, text_of
from mappings.codec import encode, plain
from mappings.dates import to_portal_time

PATH = "/payments/{upstream}/pp/due"
PLATFORM = "pp"

_DOSSIER = re.compile(r"[0-9A-Za-z][0-9A-Za-z.-]{0,99}", re.ASCII)
_MOST_PAYMENTS = 50
_MOST_BYTES = 4_096
_DUE, _NOTHING, _UNKNOWN = 1, 0, -1
_PAYABLE = OPEN | {State.FAILED}


class DueBills:
    """Answers the portal."""

    def __init__(self, settings: Settings, intermediaries: Intermediaries, addresses: Addresses, kit: Kit) -> None:
        self._pull, self._intermediaries = settings.portal_pull, intermediaries
        self._addresses, self._kit = addresses, kit
        if self._pull is not None and self._pull.token:
            kit.secret(
                self._pull.token
            )  # a reference to nothing is found at the start, not by the portal's first question

    async def answer(self, notice: Notice) -> Reply:
        """What is due. Raises `NotGenuine` for whoever may not ask."""
        platform = self._intermediaries.named(PLATFORM)
        if self._pull is None or platform is None:
            raise NotGenuine(
                "Chưa bật việc Cổng DVCQG tra cứu khoản phải nộp.", code="not_offered", reply=_answer(_UNKNOWN, 404)
            )
        self._judge(notice, self._pull)
        code = _dossier(notice.body)
        payments = await self._payments(code) if code else []
        if not payments:
            return _answer(_UNKNOWN)
        payment = next((one for one in reversed(payments) if self._is_due(one)), None)
        if payment is None:
            return _answer(_NOTHING)
        open_one = _open(payment)
        if open_one is not None:
            if open_one.channel != PORTAL:
                return _answer(_NOTHING)  # the payer is at another intermediary now: nobody is asked to pay twice
            return self._bill(payment, open_one, platform, self._pull)
        return self._begun(payment, platform, self._pull)

    def _judge(self, notice: Notice, pull: PortalPull) -> None:
        refusal = _answer(_UNKNOWN, 403)
        if not within(notice.peer, networks_of(pull.sources)):
            raise NotGenuine(
                "Địa chỉ hỏi khoản phải nộp không thuộc portal_pull.sources.", code="source_refused", reply=refusal
            )
        if pull.token:
            told = notice.headers.get("authorization", "").encode("utf-8", "surrogateescape")
            if not hmac.compare_digest(told, f"Bearer {self._kit.secret(pull.token)}".encode()):
                raise NotGenuine("Mã truy cập của Cổng DVCQG không đúng.", code="bad_token", reply=refusal)

    async def _payments(self, code: str) -> list[Payment]:
        """The payments of a dossier, the oldest first."""
        mark = f"dossier/{code}/"
        found = await self._kit.ledgers.marked(LEDGER, mark, f"{mark}~", _MOST_PAYMENTS)
        entries = [await self._kit.ledgers.read(LEDGER, one.ledger_id) for one in found]
        payments = [read_payment(entry.state) for entry in entries if entry is not None]
        return sorted((one for one in payments if one.dossier_code == code), key=lambda one: one.created_at)

    def _is_due(self, payment: Payment) -> bool:
        wanted = payment.portal_pull and payment.state in _PAYABLE and payment.cancel_asked_at is None
        return wanted and self._kit.now() < payment.expires_at and not any(one.held for one in payment.attempts)

    def _begun(self, payment: Payment, platform: Intermediary, pull: PortalPull) -> Reply:
        """An attempt that the portal itself puts before its platform; asked again at the same time, it is the same one."""
        number = len(payment.attempts) + 1
        change = AttemptAsked(
            at=self._kit.now(),
            request_id=f"portal/{number}",
            provider=platform.name,
            method=platform.dialect.method,
            expires_at=payment.expires_at,
            channel=PORTAL,
        )

        async def then() -> Reply:
            entry = await self._kit.ledgers.read(LEDGER, payment.payment_id)
            now = read_payment(entry.state) if entry is not None else payment
            made = _open(now)
            if made is None or made.channel != PORTAL:
                return _answer(_NOTHING)
            return self._bill(now, made, platform, pull)

        entered = replace(change_of(payment.payment_id, change, payment.dossier_code), passing=("at",))
        return Reply(200, inputs=(entered,), then=then)

    def _bill(self, payment: Payment, attempt: Attempt, platform: Intermediary, pull: PortalPull) -> Reply:
        options = platform.options
        fee_kinds = options.fee_kinds if isinstance(options, PpOptions) else FEE_KINDS
        try:
            bill = bill_of(order_of(payment, attempt, self._addresses), fee_kinds)
        except CannotMap:
            return _answer(_UNKNOWN)
        message = {
            "client_id": pull.client_id or platform.settings.merchant,
            "transaction_id": attempt.ref,
            "MaTraCuuTT": f"{payment.dossier_code}{to_portal_time(attempt.created_at)}",
            "SoTien": str(payment.amount),
            **plain(bill),
        }
        return _answer(_DUE, message=message)


def _open(payment: Payment) -> Attempt | None:
    return next((attempt for attempt in payment.attempts if attempt.state in OPEN), None)


def _dossier(body: bytes) -> str:
    """The dossier that is asked about, "" for a request that is none."""
    try:
        code = text_of(read_object(body, _MOST_BYTES), "MaHoSo")
    except NotStrict:
        return ""
    return code if _DOSSIER.fullmatch(code) else ""


def _answer(error_code: int, status: int = 200, message: Mapping[str, object] | None = None) -> Reply:
    return Reply(status, encode({"error_code": error_code, "message": message if message is not None else []}))
