"""The page that a payer comes back to: shows what the store knows, decides nothing, repeats nothing of what came in.

Vietnamese, readable on a phone, without script. What the browser brought along only says which payment is meant (decision D2;
abuse cases A9, A14). Where the page says "paid", that is written down: from then on the payer has been told
(QĐ 3036/QĐ-BVHTTDL Điều 10 khoản 2).
"""

from __future__ import annotations

import hashlib
import zlib
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape

from connectors.kit.addresses import may_be_sent
from connectors.kit.contract import Change, Kit, Notice, Reply
from connectors.payment.changes import PayerTold
from connectors.payment.client import Intermediaries
from connectors.payment.entering import LEDGER, change_of
from connectors.payment.model import PAID_LIKE, State
from connectors.payment.orders import read_payment
from connectors.payment.payment import Payment
from connectors.payment.references import Referred, referred
from connectors.payment.settings import Settings

PATH = "/payments/{upstream}/{provider}/return"
MEDIA_TYPE = "text/html; charset=utf-8"

_LONGEST_QUERY = 4_096
_LOOK_AGAIN_S = 10
_LOOKS_PER_S, _BURST = 0.2, 20
_PLACES = 4096  # payments share budgets by chance rather than fill the memory of those who count

_STYLE = (
    "body{font:1.125rem/1.6 system-ui,sans-serif;margin:0;background:#f6f6f4;color:#1c1c1a}"
    "main{max-width:32rem;margin:4vh auto;padding:1.5rem;background:#fff;border-top:.4rem solid #5a5a55}"
    "main.paid{border-color:#1a7f37}main.ended{border-color:#a3171e}"
    "h1{font-size:1.5rem;line-height:1.3;margin:0 0 .75rem}"
    "dl{margin:1rem 0}dt{color:#4a4a45}dd{margin:0 0 .6rem;font-weight:600;overflow-wrap:anywhere}"
    "a{display:inline-block;margin-top:.5rem;padding:.7rem 1.2rem;background:#a3171e;color:#fff;text-decoration:none}"
    "a:focus-visible{outline:.2rem solid #1c1c1a;outline-offset:.2rem}"
)
_DIGEST = b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_DIGEST}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Content-Language": "vi",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
"""How the page is sent: nothing is loaded, run, framed, kept or referred to."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a page says. `kind`: paid, ended or waiting; a waiting page looks again by itself."""

    kind: str
    title_vi: str
    text_vi: str


CHECKING = Told(
    "waiting",
    "Đang kiểm tra giao dịch",
    "Cổng đang chờ xác nhận của đơn vị thanh toán. Nếu tài khoản của bạn đã bị trừ tiền, xin đừng thanh toán lần nữa.",
)
_PAID = Told("paid", "Đã thanh toán thành công", "Cổng đã nhận được xác nhận thanh toán. Bạn không cần làm gì thêm.")
_REFUNDED = Told("ended", "Đã hoàn tiền", "Khoản phí này đã được hoàn trả cho người nộp.")
_FAILED = Told("ended", "Thanh toán không thành công", "Giao dịch không được thực hiện. Bạn có thể thanh toán lại.")
_EXPIRED = Told("ended", "Đã hết thời hạn thanh toán", "Yêu cầu thanh toán này đã hết hạn. Bạn có thể tạo yêu cầu mới.")
_CANCELLED = Told("ended", "Đã hủy yêu cầu thanh toán", "Khoản phí này không còn phải nộp.")

_WORDS: Mapping[State, Told] = {
    State.PAID: _PAID,
    State.REFUNDING: _PAID,
    State.PARTIALLY_REFUNDED: _PAID,
    State.REFUNDED: _REFUNDED,
    State.FAILED: _FAILED,
    State.EXPIRED: _EXPIRED,
    State.CANCELLED: _CANCELLED,
}


class ReturnPage:
    """Answers the browsers of payers."""

    def __init__(self, settings: Settings, intermediaries: Intermediaries, kit: Kit) -> None:
        self._settings, self._intermediaries, self._kit = settings, intermediaries, kit

    async def show(self, notice: Notice) -> Reply:
        """The page of the payment that a browser comes back from; whoever brings no reference of ours sees no payment."""
        reference = self._reference(notice)
        if reference is not None and not await self._allowed(reference):
            return Reply(200, page(CHECKING, None, "", again=True), MEDIA_TYPE, HEADERS)
        payment = await self._meant(notice, reference)
        if payment is None:
            return Reply(200, page(CHECKING, None, ""), MEDIA_TYPE, HEADERS)
        told = _WORDS.get(payment.state, CHECKING)
        back = payment.return_url
        if back and not may_be_sent(back, self._settings.return_hosts, self._settings.allow_plain):
            back = ""  # the configuration has changed since
        shown = page(told, payment, back, again=told.kind == "waiting")
        return Reply(200, shown, MEDIA_TYPE, HEADERS, inputs=self._told(payment))

    def _reference(self, notice: Notice) -> Referred | None:
        """The reference of an attempt that a browser brought, None for none.

        Where an intermediary signs what it sends back, only that names a payment: who merely knows or guesses a reference sees
        neither its dossier nor its state, and cannot make it look as if the payer had been told (abuse case A14).
        """
        provider = self._intermediaries.named(notice.params.get("provider", ""))
        if provider is None or len(notice.query) > _LONGEST_QUERY:
            return None
        brought = provider.dialogue.returned(notice.query)
        if provider.dialect.signs_returns and not brought.signed:
            return None
        reference = referred(brought.ref)
        return reference if reference is not None and reference.kind == "a" else None

    async def _allowed(self, reference: Referred) -> bool:
        """Whether this page may be looked at once more now: each look is a row of the trail, and anybody may reload."""
        place = zlib.crc32(reference.payment_id.encode()) % _PLACES
        budget = f"{self._kit.upstream}/return/{place}"
        taken, _ = await self._kit.coordination.take(budget, 1, _LOOKS_PER_S, _BURST)
        return taken > 0

    async def _meant(self, notice: Notice, reference: Referred | None) -> Payment | None:
        """The payment of an attempt at the intermediary whose page was called."""
        if reference is None:
            return None
        entry = await self._kit.ledgers.read(LEDGER, reference.payment_id)
        payment = read_payment(entry.state) if entry is not None else None
        provider = notice.params.get("provider", "")
        known = payment is not None and any(
            attempt.number == reference.number and attempt.provider == provider for attempt in payment.attempts
        )
        return payment if known else None

    def _told(self, payment: Payment) -> tuple[Change, ...]:
        """That the payer has been told, once."""
        if payment.state not in PAID_LIKE or payment.state is State.REFUNDED or payment.payer_notified_at is not None:
            return ()
        return (change_of(payment.payment_id, PayerTold(at=self._kit.now()), payment.dossier_code),)


def page(told: Told, payment: Payment | None, back: str, *, again: bool = False) -> bytes:
    """The page. `back` is an address of the configuration's hosts, "" for none; `again`: it looks again by itself."""
    refresh = f'<meta http-equiv="refresh" content="{_LOOK_AGAIN_S}">' if again else ""
    link = f'<a href="{escape(back)}">Quay lại trang dịch vụ công</a>' if back else ""
    return (
        '<!DOCTYPE html>\n<html lang="vi"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width,initial-scale=1">{refresh}'
        f"<title>{escape(told.title_vi)}</title><style>{_STYLE}</style></head>"
        f'<body><main class="{told.kind}"><h1>{escape(told.title_vi)}</h1>'
        f'<p role="status">{escape(told.text_vi)}</p>{_facts(payment)}{link}</main></body></html>\n'
    ).encode()


def _facts(payment: Payment | None) -> str:
    """What is paid for, and how much; nothing about who pays."""
    if payment is None:
        return ""
    rows = (
        ("Hồ sơ", payment.dossier_code),
        ("Số tiền", f"{payment.amount:,} đồng".replace(",", ".")),
        ("Mã thanh toán", payment.payment_id),
    )
    return f"<dl>{''.join(f'<dt>{name}</dt><dd>{escape(value)}</dd>' for name, value in rows)}</dl>"
