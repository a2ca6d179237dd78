"""An answer for every row of the outcome tables, and the way of every example through reading, mapping and writing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import astuple
from datetime import date
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import msgspec

from connectors.kit.case import Example, OutcomeTrigger
from connectors.kit.inspect import outcome_rows
from connectors.kit.soap.reading import Envelope, loosely, opened
from connectors.vneid.profiles._claims.accounts import Login, Rules
from connectors.vneid.profiles._claims.reading import Claims
from connectors.vneid.profiles.cdvcqg import mapping as cdvcqg
from connectors.vneid.profiles.cdvcqg import messages as cdvcqg_messages
from connectors.vneid.profiles.dancu import mapping, messages
from connectors.vneid.profiles.dancu.rules import RequestRules
from connectors.vneid.profiles.vneid import mapping as vneid
from connectors.vneid.profiles.vneid import messages as vneid_messages
from signing.canonical import parse_xml

DANCU = "dancu"
_PROFILES = Path(__file__).parent / "profiles"
_MANY = frozenset({"CongDan"})
_TYPES: Mapping[str, type[msgspec.Struct]] = {
    "CongdanCollection": messages.CongdanCollection,
    "KetQuaXacThuc": messages.KetQuaXacThuc,
    "Loi": messages.Loi,
}
_WIRE = "TraCuuThongTinCongDan"
_AT = date(2026, 1, 1)
_SAID = {
    "": "Lý do khác",
    "quota": "Đã vượt quá số lượt tra cứu",
    "đang bận": "Hệ thống đang bận",
    "lỗi (": "Lỗi hệ thống",
    "could not": "Could not connect to any target host",
    "callback": "Callback url mismatch",
}
"""By how a pattern of a table begins: words that it fits."""
_CODES = {"5*": "503", "4*": "422", "*": "099", "Client*": "Client.Sai", "Server*": "Server"}
_ACCOUNTS = {
    "cdvcqg": (cdvcqg.to_account, cdvcqg_messages.CLAIM_SET, cdvcqg_messages.CLAIMS),
    "vneid": (vneid.to_account, vneid_messages.CLAIM_SET, vneid_messages.CLAIMS),
}


def population_outcomes() -> tuple[OutcomeTrigger, ...]:
    """One answer of the JSON facade for each row of `dancu/outcomes.csv`."""
    return tuple(_population(row) for row in outcome_rows(_PROFILES / DANCU))


def sign_on_outcomes(profile: str) -> tuple[OutcomeTrigger, ...]:
    """One answer of the token endpoint for each row of the table of a sign-on profile."""
    return tuple(_token_answer(profile, row) for row in outcome_rows(_PROFILES / profile))


def round_trip(example: Example) -> object:
    """The message of an example after reading its document, mapping it, writing it and reading it again."""
    if example.profile in _ACCOUNTS:
        return _claims(example)
    raw = (_PROFILES / DANCU / "examples" / str(example.tree["xml"])).read_bytes()
    kind = str(example.tree["kind"])
    if kind == "Fault":
        fault = _envelope(raw).fault
        assert fault is not None
        return {"faultcode": fault.code, "faultstring": fault.text, "detail": dict(fault.detail)}
    tree = _tree(raw, kind)
    if kind == "YeuCau":
        return mapping.request(_asked(example), RequestRules())
    message: Any = messages.from_tree(tree, _TYPES[kind])
    if isinstance(message, messages.CongdanCollection):
        mapping.people(message, _asked(example), _AT)
    if isinstance(message, messages.KetQuaXacThuc):
        mapping.verdict(message)
    again: Any = messages.from_tree(loosely(parse_xml(messages.encoded(message)), _MANY), _TYPES[kind])
    return messages.to_tree(again)


def _population(row: Mapping[str, str]) -> OutcomeTrigger:
    signal, code = row["signal"], row["code"]
    words = next(
        text
        for start, text in _SAID.items()
        if row["pattern"].lower().startswith(start) and (start or not row["pattern"])
    )
    played = _CODES.get(code, code.replace("*", ".Khac"))
    status, body = 200, ""
    expect: tuple[str, ...] = ()
    if signal == "answer":
        name = {"found": "tracuu-response.xml", "none": "tracuu-response-empty.xml"}.get(code)
        body = _facade(_document(name)) if name else "<html>"
        expect = ("receipt",) if name else ()
    elif signal == "business":
        inside = f"<fault><faultCode>{played}</faultCode><faultString>{escape(words)}</faultString></fault>"
        body = _facade(_enveloped(f"<{_WIRE}Response>{inside}</{_WIRE}Response>"))
    elif signal == "fault":
        told = f"<faultcode>{played}</faultcode><faultstring>{escape(words)}</faultstring>"
        body = _facade(_enveloped(f"<s:Fault>{told}</s:Fault>"))
    elif signal == "gateway":
        body = json.dumps({"error_code": played, "message": words})
    else:
        status = 302 if code == "*" else int(played)
    return OutcomeTrigger(
        profile=DANCU,
        row={name: row[name] for name in ("signal", "code", "pattern")},
        operation="look_up",
        match=_WIRE,
        status=status,
        body=body,
        expect=expect,
        asked="ask",
    )


def _token_answer(profile: str, row: Mapping[str, str]) -> OutcomeTrigger:
    words = next(
        text
        for start, text in _SAID.items()
        if row["message_pattern"].startswith(start) and (start or not row["message_pattern"])
    )
    code = "unknown_error" if row["code"] == "*" else row["code"]
    return OutcomeTrigger(
        profile=profile,
        row={name: row[name] for name in ("operation", "code", "message_pattern")},
        operation=profile,
        match="token",
        status=400,
        body=json.dumps({"error": code, "error_description": words}),
        # What the provider rejects ends the sign-on, not the connection: the person begins again.
        expect=("refused",) if row["family"] == "rejected" else (),
        asked="sign_on",
    )


def _claims(example: Example) -> object:
    """Claims become an account; what is written again are those that the profile knows."""
    to_account, names, known = _ACCOUNTS[example.profile]
    message: Any = example.message
    account = to_account(Claims(message), Login(), Rules(example.profile, names))
    assert account.subject_key
    spoken = {*known, *astuple(names.person), *astuple(names.organisation)}
    return {name: value for name, value in message.items() if name in spoken}


def _asked(example: Example) -> mapping.Asked:
    said: Any = example.message if example.tree["kind"] == "YeuCau" else {}
    return mapping.Asked(
        operation="look_up",
        full_name=str(example.tree.get("full_name", "")),
        personal_id=said.get("SoDinhDanh", "001090000000"),
        cmnd="",
        birth=str(example.tree.get("birth", "")),
        request_id=said.get("MaYeuCau", ""),
        procedure_code=said.get("MaDVC", ""),
        unit=said.get("MaDonVi", ""),
        officer=said.get("MaCanBo", ""),
    )


def _tree(raw: bytes, kind: str) -> Any:
    """The tree of a document by local names: the body of an envelope, the detail of its fault, or the document itself."""
    if b"Envelope" not in raw:
        return loosely(parse_xml(raw), _MANY)
    envelope = _envelope(raw)
    if envelope.fault is not None:
        return envelope.fault.detail[kind]
    assert envelope.body is not None
    return loosely(envelope.body, _MANY)


def _envelope(raw: bytes) -> Envelope:
    return opened(raw)


def _document(name: str) -> str:
    return (_PROFILES / DANCU / "examples" / name).read_text(encoding="utf-8")


def _enveloped(inner: str) -> str:
    opening = '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>'
    return f"{opening}{inner}</s:Body></s:Envelope>"


def _facade(envelope: str) -> str:
    return json.dumps({"error_code": "0", "message": envelope})
