"""Until when a published answer says that it holds, read from its outermost fields only, so that a list of 20 MB costs nothing.

Whether it is genuine is the judge's question; this is for the cache. Sources: RFC 6960 4.2.1, RFC 5280 5.1.2.5.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from datetime import datetime

from signing import der
from signing.der import DerError
from signing.errands import ErrandKind

_PEM = re.compile(rb"\s*-----BEGIN [A-Z0-9 ]+-----\s*([A-Za-z0-9+/=\s]+?)-----END [A-Z0-9 ]+-----\s*", re.ASCII)
_TIMES = (der.GENERALIZED_TIME, der.UTC_TIME)


@dataclass(frozen=True, slots=True)
class Published:
    """One answer, DER. `dated`: of a kind that says until when it holds; `until`: what it says, None where it does not."""

    content: bytes
    dated: bool
    until: datetime | None = None


def published(kind: ErrandKind, content: bytes) -> Published | None:
    """The answer as it may be kept; None for what is no answer of this kind at all (an error page, a refusal, a fragment)."""
    plain = _plain(content)
    try:
        match kind:
            case ErrandKind.OCSP:
                return Published(plain, True, _of_response(plain))
            case ErrandKind.CRL:
                return Published(plain, True, _of_list(plain))
            case ErrandKind.ISSUER:
                der.whole(plain, der.SEQUENCE)
                return Published(plain, False)
    except (DerError, ValueError):
        return None


def _plain(content: bytes) -> bytes:
    """DER, out of PEM where somebody publishes that."""
    found = _PEM.fullmatch(content) if content.lstrip()[:5] == b"-----" else None
    if found is None:
        return content
    try:
        return base64.b64decode(found[1])
    except binascii.Error:
        return content


def _of_list(raw: bytes) -> datetime | None:
    """nextUpdate of a CertificateList: the second time among the fields of what is signed."""
    fields = der.children(der.whole(raw, der.SEQUENCE), 3)
    if not fields:
        raise DerError("an empty list")
    signed = fields[0]
    times = [der.moment(field) for field in der.children(signed, 8) if field.tag in _TIMES]
    if not times:
        raise DerError("no thisUpdate")
    return times[1] if len(times) > 1 else None


def _of_response(raw: bytes) -> datetime | None:
    """The earliest nextUpdate of the answers in an OCSPResponse that is successful; raises `DerError` for a refusal."""
    fields = der.children(der.whole(raw, der.SEQUENCE), 2)
    if len(fields) != 2 or fields[0].content != b"\x00":
        raise DerError("no answer")
    typed = der.children(der.sole(fields[1]), 2)
    basic = der.children(der.whole(typed[-1].content, der.SEQUENCE), 4) if len(typed) == 2 else []
    answers = next((one for one in der.children(basic[0], 6) if one.tag == der.SEQUENCE), None) if basic else None
    if answers is None:
        raise DerError("no answers")
    ends = []
    for single in der.children(answers, 64):
        ends += [der.moment(der.sole(one)) for one in der.children(single, 6) if one.tag == 0xA0][-1:]
    return min(ends) if ends else None
