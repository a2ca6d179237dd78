"""A genuine signature over something else, wrapped into a document of an attacker's: nothing unsigned stands beside it."""

from __future__ import annotations

import base64
from hashlib import sha256

import pytest

from signing.grounds import Grounds
from signing.model import Indication
from signing.report import Report
from signing.verifying import verify
from tests import pki
from tests.signed import raw_signature
from tests.unit.signing.xml.mutations import DS

_CONTENT = b"noi dung da ky"
_FORGED = ("<KetQua><Duyet>co</Duyet>", "</KetQua>")


def _signed(before: str = "", after: str = "") -> bytes:
    """A detached signature over a file named a.bin, as any tool writes it; its SignedInfo is written canonically."""
    digest = base64.b64encode(sha256(_CONTENT).digest()).decode()
    info = (
        '<CanonicalizationMethod Algorithm="http://www.w3.org/TR/2001/REC-xml-c14n-20010315"></CanonicalizationMethod>'
        '<SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"></SignatureMethod>'
        '<Reference URI="a.bin"><DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"></DigestMethod>'
        f"<DigestValue>{digest}</DigestValue></Reference></SignedInfo>"
    )
    value = raw_signature("official", sha256(f'<SignedInfo xmlns="{DS}">{info}'.encode()).digest())
    chain = (pki.certificate("official"), *pki.chain("official"))
    certificates = "".join(f"<X509Certificate>{base64.b64encode(one).decode()}</X509Certificate>" for one in chain)
    return (
        f'{before}<Signature xmlns="{DS}"><SignedInfo>{info}<SignatureValue>{base64.b64encode(value).decode()}'
        f"</SignatureValue><KeyInfo><X509Data>{certificates}</X509Data></KeyInfo></Signature>{after}"
    ).encode()


def _report(raw: bytes) -> Report:
    return verify(raw, Grounds(pki.trust(), pki.NOW, pki.evidence()), {"a.bin": _CONTENT})


@pytest.mark.parametrize(("before", "after"), [("", ""), ("<ChuKy>", "</ChuKy>")])
def test_a_detached_signature_alone_or_in_a_container_passes(before: str, after: str) -> None:
    """The document is a signature and nothing else."""
    assert _report(_signed(before, after)).conclusion is Indication.TOTAL_PASSED


@pytest.mark.parametrize(
    ("before", "after"),
    [
        _FORGED,
        ("<KetQua duyet='co'>", "</KetQua>"),
        ("<KetQua>duyet", "</KetQua>"),
        ('<?xml-stylesheet href="gia.xsl"?>', ""),
    ],
)
def test_content_beside_a_detached_signature_never_passes(before: str, after: str) -> None:
    """What the detached bytes prove says nothing of the document that carries the signature (X1 to X8)."""
    assert _report(_signed(before, after)).conclusion is not Indication.TOTAL_PASSED


def test_text_inside_of_a_signature_is_refused() -> None:
    """The schema has no place for it, nothing signs it, and people who read the file see it."""
    raw = _signed().replace(b"</SignedInfo>", b"</SignedInfo>Toi dong y")
    assert _report(raw).conclusion is Indication.TOTAL_FAILED
