"""Attacks on XML signatures (signing facts 7), each a function from a signed document of ours to a forged one.

`ATTACKS` maps the name of the defect to the mutation; the name begins with the row of the table. Built with lxml and bytes only,
nothing of the reader. The signed document holds one line of content, `SIGNED`, which every wrapping replaces by `FORGED`.
"""

from __future__ import annotations

import base64
import copy
import re
from collections.abc import Callable

from lxml import etree

DS = "http://www.w3.org/2000/09/xmldsig#"
XADES = "http://uri.etsi.org/01903/v1.3.2#"
NS = {"ds": DS, "x": XADES}
SIGNED, FORGED = b"<so-tien>100</so-tien>", b"<so-tien>999</so-tien>"
SOURCE = b"<kq:KetQua xmlns:kq='urn:kq' Id='goc'><so-tien>100</so-tien></kq:KetQua>"
Mutation = Callable[[bytes], bytes]
Tree = etree._Element


def _tree(mutate: Callable[[Tree, Tree], Tree | None]) -> Mutation:
    """A mutation of the tree: gets root and signature, gives another root or changes the one it has."""

    def mutation(raw: bytes) -> bytes:
        root = etree.fromstring(raw)
        signature = root.find(".//ds:Signature", NS)
        assert signature is not None
        changed = mutate(root, signature)
        return etree.tostring(root if changed is None else changed, encoding="utf-8")

    return mutation


def _forged() -> Tree:
    return etree.fromstring(SOURCE.replace(SIGNED, FORGED))


def _original(root: Tree) -> Tree:
    """The content as it was signed, without its signature."""
    kept = copy.deepcopy(root)
    inside = kept.find("ds:Signature", NS)
    assert inside is not None
    kept.remove(inside)
    return kept


def _xsw1(root: Tree, signature: Tree) -> Tree:
    forged = _forged()
    root.remove(signature)
    signature.append(_original_of(root))
    forged.append(signature)
    return forged


def _original_of(root: Tree) -> Tree:
    return copy.deepcopy(root)


def _xsw2(root: Tree, signature: Tree) -> Tree:
    forged = _forged()
    root.remove(signature)
    forged.append(copy.deepcopy(root))
    forged.append(signature)
    return forged


def _xsw3(root: Tree, signature: Tree) -> Tree:
    outer = etree.Element("tap-ket-qua")
    outer.append(_forged())
    outer.append(root)
    return outer


def _xsw4(root: Tree, signature: Tree) -> Tree:
    forged = _forged()
    forged.append(root)
    return forged


def _xsw5(root: Tree, signature: Tree) -> Tree:
    forged = _forged()
    original = _original(root)
    forged.append(signature)
    forged.append(original)
    return forged


def _xsw6(root: Tree, signature: Tree) -> Tree:
    forged = _forged()
    original = _original(root)
    forged.append(signature)
    holder = signature.find("ds:Object", NS)
    assert holder is not None
    holder.append(original)
    return forged


def _xsw7(root: Tree, signature: Tree) -> None:
    etree.SubElement(root, "mo-rong").append(_forged())


def _xsw8(root: Tree, signature: Tree) -> Tree:
    forged = _forged()
    original = _original(root)
    etree.SubElement(signature, f"{{{DS}}}Object").append(original)
    forged.append(signature)
    return forged


def _second_object(root: Tree, signature: Tree) -> None:
    etree.SubElement(signature, f"{{{DS}}}Object").append(_forged())


def _forged_properties_content(root: Tree, signature: Tree) -> None:
    holder = etree.SubElement(signature, f"{{{DS}}}Object")
    etree.SubElement(etree.SubElement(holder, f"{{{DS}}}SignatureProperties"), f"{{{DS}}}SignatureProperty").append(
        _forged()
    )


def _nested(root: Tree, signature: Tree) -> None:
    holder = etree.SubElement(signature, f"{{{DS}}}Object")
    holder.append(copy.deepcopy(signature))


def _sibling_copy(root: Tree, signature: Tree) -> None:
    root.append(copy.deepcopy(signature))


def _into_content(root: Tree, signature: Tree) -> None:
    content = root.find("so-tien")
    assert content is not None
    content.append(signature)


def _rename_id(name: str) -> Mutation:
    def mutation(raw: bytes) -> bytes:
        return raw.replace(SIGNED, SIGNED + b'<a %s="signature-1-properties"/>' % name.encode(), 1)

    return mutation


def _replace(old: bytes, new: bytes, times: int = 1) -> Mutation:
    def mutation(raw: bytes) -> bytes:
        assert old in raw, old
        return raw.replace(old, new, times)

    return mutation


def _pattern(old: bytes, new: bytes) -> Mutation:
    def mutation(raw: bytes) -> bytes:
        changed, count = re.subn(old, new, raw, count=1, flags=re.DOTALL)
        assert count == 1, old
        return changed

    return mutation


def _second_properties(root: Tree, signature: Tree) -> None:
    found = signature.find(".//x:SignedProperties", NS)
    assert found is not None
    forged = copy.deepcopy(found)
    forged.set("Id", "khac")
    forged[0][0].text = "2020-01-01T00:00:00Z"
    found.addprevious(forged)


def _second_qualifying(root: Tree, signature: Tree) -> None:
    found = signature.find(".//x:QualifyingProperties", NS)
    assert found is not None
    forged = copy.deepcopy(found)
    inner = forged[0]
    inner.set("Id", "khac")
    etree.SubElement(signature, f"{{{DS}}}Object").append(forged)


def _properties_moved(root: Tree, signature: Tree) -> None:
    """The signed properties go to the content, forged ones take their place."""
    found = signature.find(".//x:SignedProperties", NS)
    assert found is not None
    holder = found.getparent()
    assert holder is not None
    forged = copy.deepcopy(found)
    forged.set("Id", "khac")
    forged[0][0].text = "2020-01-01T00:00:00Z"
    holder.replace(found, forged)
    etree.SubElement(root, "mo-rong").append(found)


def _key_value(root: Tree, signature: Tree) -> None:
    info = signature.find("ds:KeyInfo", NS)
    assert info is not None
    value = etree.SubElement(etree.SubElement(info, f"{{{DS}}}KeyValue"), f"{{{DS}}}RSAKeyValue")
    etree.SubElement(value, f"{{{DS}}}Modulus").text = base64.b64encode(b"\xc1" * 256).decode()
    etree.SubElement(value, f"{{{DS}}}Exponent").text = "AQAB"


def _retrieval(root: Tree, signature: Tree) -> None:
    info = signature.find("ds:KeyInfo", NS)
    assert info is not None
    etree.SubElement(info, f"{{{DS}}}RetrievalMethod", URI="http://127.0.0.1:9/k")


def _certificate_twice(root: Tree, signature: Tree) -> None:
    found = signature.find(".//ds:X509Certificate", NS)
    assert found is not None and found.text is not None
    der = base64.b64decode(found.text)
    found.text = base64.b64encode(der + der).decode()


def _comment_in(name: str) -> Mutation:
    def change(root: Tree, signature: Tree) -> None:
        found = signature.find(f".//ds:{name}", NS)
        assert found is not None and found.text is not None
        text = found.text
        found.text = text[:8]
        comment = etree.Comment("x")
        comment.tail = text[8:]
        found.insert(0, comment)

    return _tree(change)


def _utf16_without_mark(raw: bytes) -> bytes:
    return raw.decode().encode("utf-16-le")


def _bomb(raw: bytes) -> bytes:
    entities = b"".join(b'<!ENTITY e%d "%s">' % (n, b"&e%d;" % (n - 1) * 10) for n in range(1, 12))
    return b'<!DOCTYPE r [<!ENTITY e0 "x">' + entities + b"]>" + raw.replace(b"100", b"&e11;", 1)


TRANSFORM = b'<ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"></ds:Transform>'
REFERENCE = rb'<ds:Reference Id="signature-1-content".*?</ds:Reference>'
BASE64 = TRANSFORM.replace(b"2001/10/xml-exc-c14n#", b"2000/09/xmldsig#base64")
XPATH = b'<ds:Transform Algorithm="http://www.w3.org/TR/1999/REC-xpath-19991116"><ds:XPath>not(self::so-tien)</ds:XPath></ds:Transform>'

ATTACKS: dict[str, Mutation] = {
    "x1-original-in-the-signature-of-a-forged-root": _tree(_xsw1),
    "x2-original-beside-the-signature-in-a-forged-root": _tree(_xsw2),
    "x3-forged-element-before-the-original": _tree(_xsw3),
    "x4-forged-element-wraps-the-original": _tree(_xsw4),
    "x5-signature-in-the-forged-element-original-at-the-end": _tree(_xsw5),
    "x6-original-inside-the-properties-object": _tree(_xsw6),
    "x7-forged-element-in-an-extension": _tree(_xsw7),
    "x8-original-in-an-object-of-its-own": _tree(_xsw8),
    "x8-forged-element-in-an-unsigned-object": _tree(_second_object),
    "x8-forged-element-in-an-unsigned-signature-property": _tree(_forged_properties_content),
    "x9-id-twice-as-Id": _rename_id("Id"),
    "x9-id-twice-as-ID": _rename_id("ID"),
    "x9-id-twice-as-id": _rename_id("id"),
    "x9-id-twice-as-xml-id": _rename_id("xml:id"),
    "x9-id-twice-outside-of-the-signed-bytes": _replace(b"<ds:Object>", b'<ds:Object Id="signature-1-properties">'),
    "x10-signature-nested-in-an-object": _tree(_nested),
    "x10-signature-twice-as-siblings": _tree(_sibling_copy),
    "x10-signature-inside-of-content": _tree(_into_content),
    "x11-xpointer-to-the-root": _replace(b'URI=""', b'URI="#xpointer(/)"'),
    "x11-xpointer-by-id": _replace(b'URI=""', b"URI=\"#xpointer(id('goc'))\""),
    "x11-xpath-transform": _replace(TRANSFORM, XPATH + TRANSFORM),
    "x11-xslt-transform": _replace(TRANSFORM, XPATH.replace(b"REC-xpath-19991116", b"REC-xslt-19991116") + TRANSFORM),
    "x11-base64-transform-not-declared": _replace(
        TRANSFORM, TRANSFORM.replace(b"2001/10/xml-exc-c14n#", b"2000/09/xmldsig#base64")
    ),
    "x11-decrypt-transform": _replace(
        TRANSFORM, TRANSFORM.replace(b"2001/10/xml-exc-c14n#", b"2002/07/decrypt#XML") + TRANSFORM
    ),
    "x12-reference-to-http": _replace(b'URI=""', b'URI="http://127.0.0.1:9/a.xml"'),
    "x12-reference-to-a-file": _replace(b'URI=""', b'URI="file:///etc/passwd"'),
    "x12-reference-to-a-relative-uri": _replace(b'URI=""', b'URI="a.xml"'),
    "x12-reference-without-uri": _replace(b' URI=""', b""),
    "x12-retrieval-method": _tree(_retrieval),
    "x13-doctype": lambda raw: b"<!DOCTYPE KetQua>" + raw,
    "x13-doctype-behind-a-comment": lambda raw: b"<!-- a - b --><?a b?>\n<!DOCTYPE KetQua>" + raw,
    "x13-entity-bomb": _bomb,
    "x13-external-entity": lambda raw: (
        b'<!DOCTYPE r [<!ENTITY e SYSTEM "file:///etc/passwd">]>' + raw.replace(b"100", b"&e;", 1)
    ),
    "x14-instruction-in-content": _replace(b"100", b"1<?x?>00"),
    "x15-empty-declaration-as-text": _replace(b"100", b'10 xmlns=""0'),
    "x15-empty-declaration": _replace(b"<kq:KetQua xmlns:kq='urn:kq'", b"<kq:KetQua xmlns:kq='urn:kq' xmlns='urn:moi'"),
    "x16-no-reference": _pattern(rb"<ds:Reference .*</ds:Reference>", b""),
    "x16-content-not-referenced": _pattern(REFERENCE, b""),
    "x16-empty-signed-info": _pattern(rb"(<ds:SignedInfo[^>]*>).*</ds:SignedInfo>", rb"\1</ds:SignedInfo>"),
    "x16-no-digest-value": _pattern(rb"<ds:DigestValue>[^<]*</ds:DigestValue></ds:Reference>", b"</ds:Reference>"),
    "x16-empty-digest-value": _pattern(rb"<ds:DigestValue>[^<]*<", b"<ds:DigestValue><"),
    "x16-no-signature-value": _pattern(rb"<ds:SignatureValue.*</ds:SignatureValue>", b""),
    "x16-signed-info-twice": _pattern(rb"(<ds:SignedInfo.*</ds:SignedInfo>)", rb"\1\1"),
    "x17-second-signed-properties": _tree(_second_properties),
    "x17-second-qualifying-properties": _tree(_second_qualifying),
    "x17-signed-properties-moved-into-content": _tree(_properties_moved),
    "x17-target-is-another-signature": _replace(b'Target="#signature-1"', b'Target="#signature-2"'),
    "x17-reference-without-its-type": _replace(b'Type="http://uri.etsi.org/01903#SignedProperties" ', b""),
    "x17-signing-time-changed": _pattern(rb"<xades:SigningTime>....", b"<xades:SigningTime>2019"),
    "x20-prefix-bound-anew": _replace(b"xmlns:kq='urn:kq'", b"xmlns:kq='urn:khac'"),
    "x20-prefix-list-hides-a-binding": _replace(
        TRANSFORM,
        TRANSFORM.replace(
            b"></", b'><InclusiveNamespaces xmlns="http://www.w3.org/2001/10/xml-exc-c14n#" PrefixList="kq"/></'
        ),
    ),
    "x21-utf-16-without-a-mark": _utf16_without_mark,
    "x21-declared-utf-16-is-utf-8": lambda raw: b"<?xml version='1.0' encoding='UTF-16'?>" + raw,
    "x21-declared-utf-7": lambda raw: b"<?xml version='1.0' encoding='UTF-7'?>" + raw,
    "x21-mark-of-utf-8-declared-latin": lambda raw: b"\xef\xbb\xbf<?xml version='1.0' encoding='ISO-8859-1'?>" + raw,
    "x21-carriage-return-by-reference": _replace(b"100", b"100&#13;"),
    "x21-surrogate-bytes": _replace(b"100", b"\xed\xa0\x80"),
    "x22-comment-in-the-digest-value": _comment_in("DigestValue"),
    "x22-comment-in-the-signature-value": _comment_in("SignatureValue"),
    "x22-comment-in-the-certificate": _comment_in("X509Certificate"),
    "x22-padding-bits-in-a-digest": _pattern(rb"(<ds:DigestValue>[^<=]*)[^<=](=<)", rb"\1B\2"),
    "x22-letters-outside-base64": _pattern(rb"(<ds:SignatureValue[^>]*>)", rb"\1*"),
    "x22-no-break-space-in-base64": _pattern(rb"(<ds:SignatureValue[^>]*>)", b"\\1\xc2\xa0"),
    "x22-certificate-twice-in-one-value": _tree(_certificate_twice),
    "k1-hmac-by-the-public-key": _replace(b"2001/04/xmldsig-more#rsa-sha256", b"2001/04/xmldsig-more#hmac-sha256"),
    "k1-hmac-output-length": _replace(
        b'more#rsa-sha256"></ds:SignatureMethod>',
        b'more#rsa-sha256"><ds:HMACOutputLength>8</ds:HMACOutputLength></ds:SignatureMethod>',
    ),
    "k2-key-value-of-another-key": _tree(_key_value),
    "k3-sha1-named": _replace(b"2001/04/xmldsig-more#rsa-sha256", b"2000/09/xmldsig#rsa-sha1"),
    "k5-digest-method-named-otherwise": _replace(b"xmlenc#sha256", b"xmlenc#sha512"),
    "value-of-zeros": _pattern(rb"(<ds:SignatureValue[^>]*>)[^<]*", b"\\1" + base64.b64encode(bytes(256))),
}
"""X14 with a comment, X18 and X19 need a document of their own: test_attacks.py."""
