"""Signatures by a tool that is not ours (python-xmlsec, libxmlsec1), so that the reader does not judge its own writer."""

from __future__ import annotations

import base64
import hashlib
import importlib
from dataclasses import dataclass
from typing import Any

from lxml import etree

from tests import pki

xmlsec: Any = importlib.import_module("xmlsec")  # its stubs name a quarter of what it has
DS = "http://www.w3.org/2000/09/xmldsig#"
C14N = {
    "exclusive": xmlsec.Transform.EXCL_C14N,
    "inclusive": xmlsec.Transform.C14N,
    "inclusive 1.1": xmlsec.Transform.C14N11,
}


@dataclass(frozen=True, slots=True)
class Shape:
    """How a foreign tool writes its signature. `uri`: of the one Reference; `into`: path of the element that takes it."""

    prefix: str | None = "ds"
    c14n: str = "exclusive"
    uri: str = ""
    into: str = "."
    method: str = "RSA_SHA256"


def signed(content: bytes, shape: Shape = Shape(), signer: str = "official") -> bytes:
    """The document with a Signature as the last child of the element at `into`."""
    root = etree.fromstring(content)
    way = C14N[shape.c14n]
    template = xmlsec.template.create(root, way, getattr(xmlsec.Transform, shape.method), ns=shape.prefix)
    place = root.find(shape.into)
    assert place is not None
    place.append(template)
    reference = xmlsec.template.add_reference(template, xmlsec.Transform.SHA256, uri=shape.uri)
    if shape.uri == "":
        xmlsec.template.add_transform(reference, xmlsec.Transform.ENVELOPED)
    xmlsec.template.add_transform(reference, way)
    holder = xmlsec.template.add_x509_data(xmlsec.template.ensure_key_info(template))
    xmlsec.template.x509_data_add_certificate(holder)
    for name in ("Id", "ID", "id"):
        xmlsec.tree.add_ids(root, [name])
    _sign(template, signer)
    return etree.tostring(root.getroottree(), encoding="utf-8")


def signed_template(inside: str, transform: str, signer: str = "official") -> bytes:
    """An enveloping signature: the Object holds this text, its Reference goes through this one transform."""
    root = etree.fromstring(
        f'<Signature xmlns="{DS}"><SignedInfo><CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/>'
        '<SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"/><Reference URI="#tep"><Transforms>'
        f'<Transform Algorithm="{transform}"/></Transforms><DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/>'
        "<DigestValue/></Reference></SignedInfo><SignatureValue/><KeyInfo><X509Data><X509Certificate/></X509Data></KeyInfo>"
        f'<Object Id="tep">{inside}</Object></Signature>'
    )
    xmlsec.tree.add_ids(root, ["Id"])
    _sign(root, signer)
    return etree.tostring(root.getroottree(), encoding="utf-8")


def signed_invoice(signer: str = "official") -> bytes:
    """An electronic invoice as local software writes it: data by id, signing time in a signed property, default namespace."""
    c14n = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
    sha256 = "http://www.w3.org/2001/04/xmlenc#sha256"
    end = f'<DigestMethod Algorithm="{sha256}"/><DigestValue/></Reference>'
    root = etree.fromstring(
        '<HDon><DLHDon Id="data"><Ten>Công ty Đất Việt</Ten></DLHDon><DSCKS><NBan>'
        f'<Signature xmlns="{DS}" Id="NBan-1"><SignedInfo><CanonicalizationMethod Algorithm="{c14n}"/>'
        '<SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"/><Reference URI="#data"><Transforms>'
        f'<Transform Algorithm="{DS}enveloped-signature"/></Transforms>{end}<Reference URI="#time-1">{end}</SignedInfo>'
        '<SignatureValue/><KeyInfo><X509Data><X509Certificate/></X509Data></KeyInfo><Object Id="time-1"><SignatureProperties>'
        '<SignatureProperty Target="#NBan-1"><SigningTime>2026-11-22T08:30:00</SigningTime></SignatureProperty>'
        "</SignatureProperties></Object></Signature></NBan></DSCKS></HDon>"
    )
    node = xmlsec.tree.find_node(root, "Signature")
    xmlsec.tree.add_ids(root, ["Id"])
    _sign(node, signer)
    return etree.tostring(root.getroottree(), encoding="utf-8")


def verifies(raw: bytes, signer: str) -> bool:
    """What python-xmlsec says of a signed document under this signer's certificate; it knows RSASSA-PSS."""
    root = etree.fromstring(raw)
    xmlsec.tree.add_ids(root, ["Id"])
    context = xmlsec.SignatureContext()
    context.key = xmlsec.Key.from_memory(pki.certificate(signer), xmlsec.KeyFormat.CERT_DER)
    try:
        context.verify(xmlsec.tree.find_node(root, "Signature"))
    except xmlsec.Error:
        return False
    return True


def signed_manifest(signer: str = "official") -> bytes:
    """An enveloping signature whose one Reference is a Manifest, which lists an Object with its right digest."""
    content = f'<Object xmlns="{DS}" Id="tep">noi dung</Object>'.encode()
    sha256 = "http://www.w3.org/2001/04/xmlenc#sha256"
    digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
    root = etree.fromstring(
        f'<Signature xmlns="{DS}"><SignedInfo><CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/>'
        f'<SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"/>'
        f'<Reference URI="#ds" Type="{DS}Manifest"><DigestMethod Algorithm="{sha256}"/><DigestValue/>'
        "</Reference></SignedInfo><SignatureValue/><KeyInfo><X509Data>"
        '<X509Certificate/></X509Data></KeyInfo><Object Id="tep">noi dung</Object><Object><Manifest Id="ds">'
        f'<Reference URI="#tep"><DigestMethod Algorithm="{sha256}"/><DigestValue>{digest}</DigestValue>'
        "</Reference></Manifest></Object></Signature>"
    )
    xmlsec.tree.add_ids(root, ["Id"])
    _sign(root, signer)
    return etree.tostring(root.getroottree(), encoding="utf-8")


def _sign(node: etree._Element, signer: str) -> None:
    context = xmlsec.SignatureContext()
    context.key = xmlsec.Key.from_file(str(pki.key_file(signer)), xmlsec.KeyFormat.PEM)
    context.key.load_cert_from_memory(pki.certificate(signer), xmlsec.KeyFormat.CERT_DER)
    context.sign(node)
