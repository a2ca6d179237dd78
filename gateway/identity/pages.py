"""What a person sees when a sign-on cannot go on: one page in Vietnamese, without script, without a word of what came in."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Mapping
from html import escape

_STYLE = (
    "body{font:1.125rem/1.6 system-ui,sans-serif;margin:0;background:#f6f6f4;color:#1c1c1a}"
    "main{max-width:36rem;margin:10vh auto;padding:2rem;background:#fff;border-top:.4rem solid #a3171e}"
    "h1{font-size:1.5rem;line-height:1.3;margin:0 0 1rem}"
    "a{display:inline-block;margin-top:1rem;padding:.6rem 1.2rem;background:#a3171e;color:#fff}"
    "a:focus{outline:.2rem solid #1c1c1a;outline-offset:.2rem}"
)
_DIGEST = b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_DIGEST}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Content-Language": "vi",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
}
"""How such a page is sent: nothing is loaded, run, framed, kept or referred to."""

MEDIA_TYPE = "text/html; charset=utf-8"


def page(title_vi: str, text_vi: str, back: str = "") -> bytes:
    """The page. `back` is an address of the configuration (with codes of ours), empty for none."""
    link = f'<a href="{escape(back)}">Quay lại trang dịch vụ công</a>' if back else ""
    return (
        '<!DOCTYPE html>\n<html lang="vi"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title_vi)}</title><style>{_STYLE}</style></head>"
        f"<body><main><h1>{escape(title_vi)}</h1><p>{escape(text_vi)}</p>{link}</main></body></html>\n"
    ).encode()
