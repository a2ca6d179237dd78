"""The payer's page of a simulated intermediary: Vietnamese, readable on a phone, without any script.

Whatever comes from outside is escaped; a page names no person.
"""

from __future__ import annotations

import base64
import hashlib
from html import escape

from aiohttp import web

from connectors.payment.simulator_books import Charge
from connectors.payment.simulator_wire import VIET_NAM

_STYLE = """
:root{color-scheme:light}
body{font:1.125rem/1.5 system-ui,sans-serif;margin:0;background:#f4f5f7;color:#1b1b1b}
main{max-width:28rem;margin:0 auto;padding:1.25rem;background:#fff;min-height:100vh;box-sizing:border-box}
@media (min-width:32rem){main{margin:2rem auto;min-height:0;border:1px solid #c9ccd1;border-radius:.5rem;padding:1.5rem 2rem}}
h1{font-size:1.375rem;margin:0 0 .25rem}
dl{margin:1rem 0}
dt{color:#4a4d52;font-size:1rem}
dd{margin:0 0 .5rem;overflow-wrap:anywhere}
.sum{font-size:1.75rem;font-weight:700}
button{font:inherit;display:block;width:100%;min-height:3rem;margin:.75rem 0 0;padding:.6rem 1rem;border-radius:.25rem}
button{border:2px solid #0b4f8a;background:#fff;color:#0b4f8a;cursor:pointer}
button.main{background:#0b4f8a;color:#fff;font-weight:600}
:focus-visible{outline:3px solid #c2410c;outline-offset:2px}
label{display:block;font-weight:600;margin:1rem 0 .25rem}
textarea{font:inherit;width:100%;box-sizing:border-box;padding:.5rem;border:1px solid #595d63;border-radius:.25rem}
textarea{background:#fff;color:#1b1b1b}
details{margin-top:1.25rem}
summary{cursor:pointer;min-height:2.75rem}
.fault{border-left:.4rem solid #9c1c1c;background:#fbe9e9;color:#5c1010;padding:.5rem .75rem}
.done{border-left:.4rem solid #1a6b32;background:#e8f5ec;color:#0f3d1c;padding:.5rem .75rem}
.note{color:#4a4d52;font-size:1rem}
"""
_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode("ascii")

_HEADERS = {
    # No form-action: browsers hold every redirect after a form against it, and the way leads back to the merchant.
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_HASH}'; frame-ancestors 'none'; base-uri 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

_STANDING = {
    "open": ("note", "Đang chờ thanh toán"),
    "processing": ("note", "Ngân hàng đang xử lý"),
    "paid": ("done", "Đã thanh toán"),
    "failed": ("fault", "Thanh toán không thành công"),
    "expired": ("fault", "Đã hết hạn thanh toán"),
    "held": ("fault", "Giao dịch đang được kiểm tra"),
}
_MAIN = (("pay", "Thanh toán"), ("cancel", "Hủy giao dịch"))
_TRIALS = (
    ("fail", "Không đủ số dư"),
    ("pay_twice", "Thanh toán hai lần"),
    ("pay_late", "Thanh toán muộn (sau khi hết hạn)"),
    ("process", "Ngân hàng không trả lời"),
    ("hold", "Nghi ngờ gian lận (đã trừ tiền)"),
    ("abandon", "Rời khỏi trang, không làm gì"),
)


def answer(page: str, status: int = 200) -> web.Response:
    """A page as an answer."""
    return web.Response(status=status, text=page, content_type="text/html", headers=_HEADERS)


def onward(location: str, status: int = 303) -> web.Response:
    """The browser goes on, to exactly this address: it may be signed over its raw text."""
    return web.Response(status=status, headers={"Location": location, "Cache-Control": "no-store"})


def order(title: str, charge: Charge, fault: str) -> str:
    """An order with everything that its payer can do, and the `fault` of what was just tried ("": none)."""
    kind, standing = _STANDING[charge.standing.value]
    until = charge.expires_at.astimezone(VIET_NAM).strftime("%H:%M:%S ngày %d/%m/%Y")
    told = f'<p class="fault" role="alert">{escape(fault)}</p>' if fault else ""
    rows = (
        f'<dt>Số tiền</dt><dd class="sum">{dong(charge.amount)}</dd>'
        f"<dt>Nội dung</dt><dd>{escape(charge.text)}</dd>"
        f"<dt>Mã giao dịch</dt><dd><code>{escape(charge.ref)}</code></dd>"
        f"<dt>Thanh toán trước</dt><dd>{until}</dd>"
    )
    body = f'{told}<p class="{kind}">{standing}</p><dl>{rows}</dl>'
    if charge.live:
        buttons = "".join(_button(value, label, main=value == "pay") for value, label in _MAIN)
        trials = "".join(_button(value, label) for value, label in _TRIALS)
        body += (
            f'<form method="post">{buttons}</form><details><summary>Tình huống thử nghiệm</summary>'
            f'<form method="post">{trials}</form></details>'
        )
    return _page("Thanh toán", title, body, fault=bool(fault))


def scan(title: str, fault: str) -> str:
    """Where a payer puts the text of a QR, as a camera would read it."""
    told = f'<p class="fault" role="alert" id="fault">{escape(fault)}</p>' if fault else ""
    marked = ' aria-invalid="true" aria-describedby="fault"' if fault else ""
    form = (
        f'<form method="post"><label for="qr">Nội dung mã QR</label>'
        f'<textarea id="qr" name="qr" rows="5" required autocomplete="off" spellcheck="false"{marked}></textarea>'
        f'<button class="main" type="submit">Tiếp tục</button></form>'
    )
    return _page("Quét mã QR", title, told + form, fault=bool(fault))


def left(title: str) -> str:
    """Nothing leads back to the merchant from here."""
    return _page("Chưa kết thúc", title, "<p>Bạn có thể đóng trang này. Kết quả sẽ được báo cho cơ quan thu phí.</p>")


def refused(title: str, code: str, message: str) -> str:
    """A request that the intermediary does not take."""
    text = f'<p class="fault" role="alert">{escape(message)} (mã {escape(code)})</p>'
    return _page("Không thực hiện được", title, text, fault=True)


def dong(amount: int) -> str:
    """An amount as it is read in Viet Nam."""
    return f"{amount:,}".replace(",", ".") + " đồng"


def _button(value: str, label: str, *, main: bool = False) -> str:
    kind = ' class="main"' if main else ""
    return f'<button{kind} type="submit" name="action" value="{value}">{escape(label)}</button>'


def _page(heading: str, title: str, body: str, *, fault: bool = False) -> str:
    return (
        '<!doctype html><html lang="vi"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{'Lỗi - ' if fault else ''}{escape(heading)} - {escape(title)} (mô phỏng)</title>"
        f"<style>{_STYLE}</style></head><body><main>"
        f'<h1>{escape(heading)}</h1><p class="note">{escape(title)} - hệ thống mô phỏng, không có tiền thật</p>{body}'
        "</main></body></html>"
    )
