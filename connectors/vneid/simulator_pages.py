"""The pages of the simulated identity provider for a person in a browser: Vietnamese, accessible, without any script.

Whatever comes from outside is escaped; a page holds no number of anybody but those of the invented accounts that it offers.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

_STYLE = """
:root{color-scheme:light}
body{font:1.125rem/1.5 system-ui,sans-serif;margin:0;background:#f4f5f7;color:#1b1b1b}
main{max-width:28rem;margin:2rem auto;padding:1.5rem 2rem;background:#fff;border:1px solid #c9ccd1;border-radius:.5rem}
h1{font-size:1.5rem;margin:0 0 .25rem}
label{display:block;font-weight:600;margin:1rem 0 .25rem}
input{font:inherit;width:100%;box-sizing:border-box;padding:.5rem;border:1px solid #595d63;border-radius:.25rem}
input{background:#fff;color:#1b1b1b}
button{font:inherit;padding:.6rem 1.25rem;margin:1.25rem .5rem 0 0;border-radius:.25rem;border:2px solid #9c1c1c;cursor:pointer}
button.main{background:#9c1c1c;color:#fff}
button.second{background:#fff;color:#9c1c1c}
:focus-visible{outline:3px solid #0b57d0;outline-offset:2px}
.fault{border-left:.4rem solid #9c1c1c;background:#fbe9e9;color:#5c1010;padding:.5rem .75rem}
.note{color:#4a4d52;font-size:1rem}
"""
_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode("ascii")

_MOST_LISTED = 12

HEADERS = {
    # No form-action: browsers hold every redirect after a form against it, and the way leads on to the client.
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_HASH}'; frame-ancestors 'none'; base-uri 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
"""What every page is sent with."""


@dataclass(frozen=True, slots=True, repr=False)
class Form:
    """One form of a page: where it goes, its hidden key, and the fault to show above it ("": none)."""

    action: str
    key: str
    title: str
    fault: str = ""


def login(form: Form, client: str, accounts: Sequence[str], password: str) -> str:
    """The login page: account and password, and the accounts that exist here."""
    listed = "".join(f"<li><code>{escape(name)}</code></li>" for name in accounts[:_MOST_LISTED])
    told = ' aria-invalid="true" aria-describedby="fault"' if form.fault else ""
    fields = (
        '<label for="username">Số định danh cá nhân hoặc tên đăng nhập</label>'
        f'<input id="username" name="username" autocomplete="username" required autofocus{told}>'
        '<label for="password">Mật khẩu</label>'
        f'<input id="password" name="password" type="password" autocomplete="current-password" required{told}>'
    )
    aside = (
        f"<details><summary>Tài khoản thử nghiệm</summary><ul>{listed}</ul>"
        f"<p>Mật khẩu chung: <code>{escape(password)}</code></p></details>"
    )
    lead = f"<p>Ứng dụng <strong>{escape(client)}</strong> đề nghị xác thực danh tính của bạn.</p>"
    return _page("Đăng nhập", form.title, lead + _form(form, fields, "Đăng nhập") + aside, fault=bool(form.fault))


def second_factor(form: Form) -> str:
    """The page for the one-time code."""
    told = ' aria-invalid="true" aria-describedby="fault"' if form.fault else ""
    fields = (
        '<label for="otp">Mã xác thực một lần (OTP)</label>'
        f'<input id="otp" name="otp" inputmode="numeric" autocomplete="one-time-code" required autofocus{told}>'
    )
    return _page("Xác thực bước hai", form.title, _form(form, fields, "Xác nhận"), fault=bool(form.fault))


def farewell_question(form: Form) -> str:
    """Whether the person really wants to sign out."""
    return _page("Đăng xuất", form.title, _form(form, "<p>Bạn có muốn đăng xuất không?</p>", "Đăng xuất"))


def note(title: str, heading: str, text: str, *, fault: bool = False) -> str:
    """A page that only says something."""
    kind = ' class="fault" role="alert"' if fault else ""
    return _page(heading, title, f"<p{kind}>{escape(text)}</p>", fault=fault)


def _form(form: Form, fields: str, verb: str) -> str:
    fault = f'<p class="fault" role="alert" id="fault">{escape(form.fault)}</p>' if form.fault else ""
    return (
        f'{fault}<form method="post" action="{escape(form.action)}">'
        f'<input type="hidden" name="sessionDataKey" value="{escape(form.key)}">{fields}'
        f'<button class="main" type="submit" name="decision" value="allow">{escape(verb)}</button>'
        '<button class="second" type="submit" name="decision" value="deny" formnovalidate>Hủy</button></form>'
    )


def _page(heading: str, title: str, body: str, *, fault: bool = False) -> str:
    return (
        '<!doctype html><html lang="vi"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{'Lỗi - ' if fault else ''}{escape(heading)} - {escape(title)} (mô phỏng)</title>"
        f"<style>{_STYLE}</style></head><body><main>"
        f'<h1>{escape(heading)}</h1><p class="note">{escape(title)} - hệ thống mô phỏng, dữ liệu hư cấu</p>{body}'
        "</main></body></html>"
    )
