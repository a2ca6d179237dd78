"""How the simulated population database puts an answer or a refusal on the wire, and what it says wrongly by order.

Both shapes and their names from identity facts 2.3, 2.6 and 2.7; header blocks repeated unchanged and in order, with
`requestHash` (2.8).
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from aiohttp import web

from connectors.vneid.simulator_envelope import (
    Identifier,
    Problem,
    Request,
    Tree,
    collection,
    envelope,
    fault,
    inner_fault,
    verdict,
)
from connectors.vneid.simulator_lies import Lie, Lies
from connectors.vneid.simulator_register import VERIFY, Found

POPULATION = "population"
"""By which name lies of the population database are ordered."""

_HTML = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"
_PROXIES = {
    Lie.CLIENT_PROXY_FAULT: Problem("Server.ClientProxy.NetworkError", "Could not connect to any target host"),
    Lie.SERVER_PROXY_FAULT: Problem("Server.ServerProxy.ServiceFailed", "Service failed"),
}
_STRANGER: Tree = {
    "SoDinhDanh": "001000000000",
    "HoVaTen": {"Ho": "", "ChuDem": "", "Ten": "NGƯỜI KHÁC"},
    "NgayThangNamSinh": {"Nam": "2000"},
}


@dataclass(frozen=True, slots=True)
class Style:
    """How one route says things. `status` is that of a business refusal; X-Road's own are always faults with 500."""

    route: str
    errors: Literal["fault", "inside"]
    status: int
    stub_names: bool = False


@dataclass(frozen=True, slots=True, repr=False)
class Spoken:
    """An answer on the wire. `html` replaces it; `problem` is why there is none, for routes that say so in their own way."""

    body: bytes
    status: int
    html: web.Response | None = None
    problem: Problem | None = None


def spoken(answer: Found | Problem, asked: Request | None, style: Style, lies: Lies, raw: bytes) -> Spoken:
    """The answer to a request (None: it could not be read) whose bytes were `raw`."""

    def tells(lie: Lie) -> bool:
        return lies.tells(lie, POPULATION)

    if tells(Lie.HTML_PAGE):
        return Spoken(b"", 200, web.Response(text=_HTML, content_type="text/html"))
    for lie, problem in _PROXIES.items():
        if tells(lie):
            answer = problem
    request_id = asked.fields.get("MaYeuCau", "") if asked is not None else ""
    blocks = _echo(asked, raw, tells) if style.route == "F" and asked is not None else {}
    if isinstance(answer, Problem):
        inside = style.errors == "inside" and answer.code and asked is not None
        if inside and asked is not None:
            return Spoken(envelope(inner_fault(_answer_name(asked, style), answer), blocks), 200, problem=answer)
        status = style.status if answer.code else answer.status
        return Spoken(envelope(fault(answer, request_id)), status, problem=answer)
    body = _body(answer, asked, style, tells)
    return Spoken(_spoilt(envelope(body, blocks), tells), 200)


def _body(answer: Found, asked: Request | None, style: Style, tells: Callable[[Lie], bool]) -> str:
    name = _answer_name(asked, style) if asked is not None else "KetQuaXacThuc"
    if tells(Lie.INNER_FAULT):
        return inner_fault(name, Problem("Server", "Dịch vụ tạm dừng", "500"))
    if answer.verdict is not None:
        body = verdict(name, answer.said)
    else:
        rows = answer.rows
        if tells(Lie.OTHER_PERSON):
            rows = (_STRANGER,)
        if tells(Lie.NAMELESS):
            rows = tuple({**row, "HoVaTen": {"Ho": "", "ChuDem": "", "Ten": ""}} for row in rows)
        if tells(Lie.HUGE_TEXT):
            rows = ({**_STRANGER, "SoSoHoKhau": "x" * 3_000_000},)
        about = {"SoCongDan": str(len(rows)), "ThoiDiemDuLieu": answer.as_of} if rows else {}
        body = collection(rows, about, response=name if style.stub_names else "")
    if tells(Lie.WRAPPED_BODY):
        body = f'<w:Wrapper xmlns:w="urn:khach-la">{body}</w:Wrapper>'
    return body + body if tells(Lie.SECOND_BODY) else body


def _answer_name(asked: Request, style: Style) -> str:
    """`KetQuaXacThuc`; stubs say `…Response` (2.3)."""
    operation = asked.operation.removesuffix("Request")
    plain = "KetQuaXacThuc" if operation == VERIFY else operation
    return f"{plain}Response" if style.stub_names or operation != VERIFY else plain


def _echo(asked: Request, raw: bytes, tells: Callable[[Lie], bool]) -> Mapping[str, str | Identifier]:
    """The request's header blocks, unchanged and in order, and the hash of the request (2.8)."""
    if tells(Lie.NO_ECHO):
        return {}
    blocks = dict(asked.blocks)
    if tells(Lie.WRONG_ECHO):
        blocks["id"] = "00000000-0000-4000-8000-00000000dead"
    return {**blocks, "requestHash": base64.b64encode(hashlib.sha512(raw).digest()).decode()}


def _spoilt(raw: bytes, tells: Callable[[Lie], bool]) -> bytes:
    if tells(Lie.TRUNCATED):
        return raw[: len(raw) // 2]
    if tells(Lie.DOCTYPE):
        head, _, rest = raw.partition(b"?>")
        return head + b'?><!DOCTYPE x [<!ENTITY e "x">]>' + rest
    return raw
