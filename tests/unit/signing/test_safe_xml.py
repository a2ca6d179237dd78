"""Reading XML from strangers: attacks are refused with a stable code, and nothing but that is ever raised."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signing.canonical import XmlLimits, XmlRefused, parse_xml

LAUGHS = (
    '<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">'
    '<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;"><!ENTITY d "&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;">]><a>&d;</a>'
)


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (LAUGHS.encode(), "xml_co_dtd"),
        (b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>', "xml_co_dtd"),
        (b'<?xml version="1.0"?>\n<!DOCTYPE a SYSTEM "http://127.0.0.1:9/a.dtd"><a/>', "xml_co_dtd"),
        (b'<!DOCTYPE a PUBLIC "-//X//EN" "x.dtd"><a/>', "xml_co_dtd"),
        (b"<a><!DOCTYPE b></a>", "xml_sai_cu_phap"),
        (b"<a>&unknown;</a>", "xml_sai_cu_phap"),
        (b'<a x="&unknown;"/>', "xml_sai_cu_phap"),
        (b"<a>" * 33 + b"</a>" * 33, "xml_qua_sau"),
        (b"<a>" * 9_000 + b"</a>" * 9_000, "xml_sai_cu_phap"),
        (b"<a>" + b"<b/>" * 20_001 + b"</a>", "xml_qua_lon"),
        (b"<a>" + b"<b></b>" * 20_001 + b"</a>", "xml_qua_lon"),
        (b'<a x="' + b"y" * 70_000 + b'"/>', "xml_qua_lon"),
        (b"<a " + b" ".join(b'x%d=""' % n for n in range(65)) + b"/>", "xml_qua_lon"),
        (b"<a>" + b"y" * 1_048_576 + b"</a>", "xml_qua_lon"),
        ("<a/>".encode("utf-16"), "xml_khong_phai_utf8"),
        ("<a/>".encode("utf-16-le"), "xml_khong_phai_utf8"),
        ("<a/>".encode("utf-16-be"), "xml_khong_phai_utf8"),
        ("<a/>".encode("utf-32"), "xml_khong_phai_utf8"),
        (b'<?xml version="1.0" encoding="ISO-8859-1"?><a>\xe9</a>', "xml_khong_phai_utf8"),
        (b'<?xml version="1.0" encoding="ISO-8859-1"?><a/>', "xml_khong_phai_utf8"),
        (b'<?xml version="1.0" encoding="UTF-7"?><a/>', "xml_khong_phai_utf8"),
        (b"<a>\xff</a>", "xml_khong_phai_utf8"),
        (b'<a x="1" x="2"/>', "xml_sai_cu_phap"),
        (b'<a xmlns:p="u" xmlns:q="u" p:x="1" q:x="2"/>', "xml_sai_cu_phap"),
        (b"<p:a/>", "xml_sai_cu_phap"),
        (b"<?target data?><a/>", "xml_co_chi_thi"),
        (b'<a><?xml-stylesheet href="x"?></a>', "xml_co_chi_thi"),
        (b"<a/><?target data?>", "xml_co_chi_thi"),
        (b"<!-- x --><a/>", "xml_co_chu_thich"),
        (b"<a>0<!-- x -->9</a>", "xml_co_chu_thich"),
        (b"<a/><!-- x -->", "xml_co_chu_thich"),
        (b"<!-- x --><!DOCTYPE a><a/>", "xml_co_chu_thich"),
        (b"", "xml_sai_cu_phap"),
        (b"   ", "xml_sai_cu_phap"),
        (b"<a", "xml_sai_cu_phap"),
        (b"<a/><b/>", "xml_sai_cu_phap"),
        (b"{}", "xml_sai_cu_phap"),
        (b"<a>\x00</a>", "xml_sai_cu_phap"),
        (b"<a>&#1;</a>", "xml_sai_cu_phap"),
        (b"<a>&#xD800;</a>", "xml_sai_cu_phap"),
    ],
)
def test_each_attack_is_refused_with_its_own_code(raw: bytes, code: str) -> None:
    """No attack reaches a tree; the sentence says what to do and repeats nothing of the content."""
    with pytest.raises(XmlRefused) as refused:
        parse_xml(raw)
    assert refused.value.code == code
    assert "passwd" not in refused.value.message_vi and not refused.value.message_vi.isascii()


def test_an_honest_document_is_read_whole() -> None:
    """Declaration, byte order mark, namespaces, CDATA, references to characters, Vietnamese."""
    raw = (
        '\ufeff<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\r\n'
        '<a xmlns="urn:x" m="&lt;&#226;">Đã<b><![CDATA[<ký>]]></b>&amp;</a>\n'
    ).encode()
    root = parse_xml(raw)
    assert (root.tag, dict(root.attrib), root.text) == ("{urn:x}a", {"m": "<â"}, "Đã")
    assert (root[0].tag, root[0].text, root[0].tail) == ("{urn:x}b", "<ký>", "&")


def test_nothing_is_fetched_for_an_inclusion() -> None:
    """XInclude is data like any other: never followed."""
    raw = b'<a xmlns:xi="http://www.w3.org/2001/XInclude"><xi:include href="file:///etc/passwd" parse="text"/></a>'
    root = parse_xml(raw)
    assert root[0].attrib["href"] == "file:///etc/passwd" and not "".join(str(text) for text in root.itertext())


def test_the_limits_are_the_callers_own() -> None:
    """Each measure holds exactly: one less passes, one more does not."""
    limits = XmlLimits(max_bytes=60, max_depth=2, max_elements=3, max_attributes=1, max_attribute_bytes=4)
    parse_xml(b'<a x="1234"><b/><b/></a>', limits)
    for raw in (
        b"<a><b><c/></b></a>",
        b"<a><b/><b/><b/></a>",
        b'<a x="" y=""/>',
        b'<a x="12345"/>',
        b"<a>" + b" " * 60,
    ):
        with pytest.raises(XmlRefused):
            parse_xml(raw, limits)


_PIECES = st.sampled_from(
    [b"<a>", b"</a>", b"<a/>", b"<!DOCTYPE a>", b"<!--", b"-->", b"<?x", b"?>", b"<![CDATA[", b"]]>", b"&lt;", b"&x;", b"x='1'",
     b"<a ", b">", b"xmlns='u'", b"\xef\xbb\xbf", b"\xff", b"\x00", b"<?xml version='1.0'?>", "ký".encode(), b"<!ENTITY a 'b'>"]
)  # fmt: skip


@given(st.one_of(st.binary(max_size=200), st.lists(_PIECES, max_size=20).map(b"".join)))
def test_whatever_the_bytes_there_is_a_tree_or_a_refusal(raw: bytes) -> None:
    """No other exception, whatever is sent."""
    try:
        root = parse_xml(raw)
    except XmlRefused as refused:
        assert refused.code.startswith("xml_")
    else:
        assert root.tag and root.getroottree().docinfo.doctype == ""


_SHAPES = st.recursive(
    st.just(b""), lambda inner: st.lists(inner, max_size=4).map(lambda parts: b"".join(b"<b>%s</b>" % p for p in parts))
)


@given(_SHAPES, st.integers(0, 5), st.sampled_from((0, 9, 201)), st.integers(1, 6), st.integers(1, 12))
def test_the_short_way_over_a_plain_message_judges_as_the_long_way(
    inside: bytes, attributes: int, length: int, depth: int, elements: int
) -> None:
    """What counting bytes proves need not be looked for in the tree: same limits, same verdict."""
    limits = XmlLimits(max_depth=depth, max_elements=elements, max_attributes=3, max_attribute_bytes=200)
    start = b"<a" + b"".join(b' x%d="%s"' % (each, b"y" * length) for each in range(attributes)) + b">"
    said = []
    for text in (b"", b"y" * 300):  # the second could hide a long attribute: counting proves nothing
        try:
            parse_xml(start + text + inside + b"</a>", limits)
            said.append("")
        except XmlRefused as refused:
            said.append(refused.code)
    assert said[0] == said[1]
