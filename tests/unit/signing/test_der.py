"""The strict reader of encodings: each value has one form, and every other form of it is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from signing import der

REFUSED_INTEGERS = {"empty": b"", "zero before": b"\x00\x01", "ones before": b"\xff\x80"}


@pytest.mark.parametrize("form", REFUSED_INTEGERS)
def test_an_integer_has_one_form(form: str) -> None:
    """X.690 8.3.2: the first nine bits are neither all zero nor all one."""
    with pytest.raises(der.DerError):
        der.integer(der.element(der.encode(der.INTEGER, REFUSED_INTEGERS[form])))


@pytest.mark.parametrize(
    ("value", "content"), [(0, "00"), (127, "7f"), (128, "0080"), (-1, "ff"), (-128, "80"), (-129, "ff7f")]
)
def test_an_integer_is_written_in_its_one_form(value: int, content: str) -> None:
    """At the edges of an octet, on both sides of zero."""
    assert der.encode_integer(value) == der.encode(der.INTEGER, bytes.fromhex(content))


REFUSED_IDENTIFIERS = {
    "empty": b"",
    "cut": b"\x2a\x86",
    "zeros before an arc": b"\x2a\x80\x01",
    "of a hundred octets": b"\x2a" * 100,
}


@pytest.mark.parametrize("form", REFUSED_IDENTIFIERS)
def test_an_identifier_has_one_form(form: str) -> None:
    """X.690 8.19.2: each arc in as few octets as it needs; longer than anybody's are refused."""
    with pytest.raises(der.DerError):
        der.oid(der.element(der.encode(der.OID, REFUSED_IDENTIFIERS[form])))


TIMES = {
    "UTCTime": (der.encode(der.UTC_TIME, b"261120030000Z"), datetime(2026, 11, 20, 3, tzinfo=UTC)),
    "UTCTime of the last century": (der.encode(der.UTC_TIME, b"500101000000Z"), datetime(1950, 1, 1, tzinfo=UTC)),
    "GeneralizedTime": (der.encode(der.GENERALIZED_TIME, b"20500101000000Z"), datetime(2050, 1, 1, tzinfo=UTC)),
    "nanoseconds": (
        der.encode(der.GENERALIZED_TIME, b"20261120030000.123456789Z"),
        datetime(2026, 11, 20, 3, 0, 0, 123456, tzinfo=UTC),
    ),
}
REFUSED_TIMES = {
    "without seconds": der.encode(der.UTC_TIME, b"2611200300Z"),
    "with an offset": der.encode(der.UTC_TIME, b"261120030000+0700"),
    "UTCTime with a fraction": der.encode(der.UTC_TIME, b"261120030000.5Z"),
    "thirtieth of February": der.encode(der.GENERALIZED_TIME, b"20260230000000Z"),
    "fraction that ends in zero": der.encode(der.GENERALIZED_TIME, b"20261120030000.10Z"),
    "point without a fraction": der.encode(der.GENERALIZED_TIME, b"20261120030000.Z"),
    "digits of another script": der.encode(der.GENERALIZED_TIME, "２０２６１１２０".encode()),
    "letters": der.encode(der.GENERALIZED_TIME, b"2026112003000xZ"),
    "a sign": der.encode(der.GENERALIZED_TIME, b"+026112003000 Z"),
    "another type": der.encode(der.OCTET_STRING, b"20261120030000Z"),
}


@pytest.mark.parametrize("form", TIMES)
def test_a_time_is_read_in_both_types(form: str) -> None:
    """RFC 5280 4.1.2.5, with the fractions of RFC 3161."""
    encoded, expected = TIMES[form]
    assert der.moment(der.element(encoded)) == expected


@pytest.mark.parametrize("form", REFUSED_TIMES)
def test_a_time_in_another_form_is_refused(form: str) -> None:
    """Local time, missing seconds and calendar nonsense are no times."""
    with pytest.raises(der.DerError):
        der.moment(der.element(REFUSED_TIMES[form]))


@pytest.mark.parametrize(
    ("at", "tag"),
    [
        (datetime(2026, 11, 20, 10, tzinfo=timezone(timedelta(hours=7))), der.UTC_TIME),
        (datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC), der.UTC_TIME),
        (datetime(2050, 1, 1, tzinfo=UTC), der.GENERALIZED_TIME),
        (datetime(1949, 1, 1, tzinfo=UTC), der.GENERALIZED_TIME),
    ],
)
def test_a_time_is_written_in_the_type_that_its_year_asks_for(at: datetime, tag: int) -> None:
    """UTCTime from 1950 to 2049, GeneralizedTime else (RFC 5652 11.3); any zone becomes Z."""
    written = der.element(der.encode_moment(at))
    assert written.tag == tag and der.moment(written) == at


@pytest.mark.parametrize("length", [0, 127, 128, 255, 256, 65_535, 65_536])
def test_a_length_has_one_form(length: int) -> None:
    """The shortest; a longer one for the same number is a BER length, which `definite` brings into form."""
    content = bytes(length)
    encoded = der.encode(der.OCTET_STRING, content)
    assert der.octets(der.whole(encoded, der.OCTET_STRING)) == content
    loose = b"\x04\x84" + length.to_bytes(4, "big") + content
    with pytest.raises(der.BerLength):
        der.element(loose)
    assert der.definite(loose) == (encoded, len(loose))
    assert der.object_size(encoded + b"\x00\x00") == len(encoded)


def test_what_is_expected_is_there_alone_or_refused() -> None:
    """Another tag, something behind, two for one, too many, a primitive where values belong, a truth that is neither."""
    number = der.encode_integer(1)
    with pytest.raises(der.DerError, match="tag"):
        der.whole(number, der.OCTET_STRING)
    with pytest.raises(der.DerError, match="behind"):
        der.whole(number + b"\x00", der.INTEGER)
    with pytest.raises(der.DerError, match="one value"):
        der.sole(der.element(der.sequence(number, number)))
    with pytest.raises(der.DerError, match="more than 2"):
        der.children(der.element(der.sequence(number, number, number)), 2)
    with pytest.raises(der.DerError, match="not constructed"):
        der.children(der.element(number))
    with pytest.raises(der.DerError, match="boolean"):
        der.boolean(der.element(der.encode(der.BOOLEAN, b"\x01")))
    assert der.boolean(der.element(der.encode(der.BOOLEAN, b"\xff")))
    assert not der.boolean(der.element(der.encode(der.BOOLEAN, b"\x00")))
    assert der.object_size(b"\x1f\x00") is None


def test_a_set_is_written_in_its_order() -> None:
    """X.690 11.6: ascending encodings, whatever the order in which they were handed in."""
    parts = [der.encode_integer(300), der.encode_integer(2), der.encode(der.OCTET_STRING, b"")]
    assert der.set_of(parts) == der.set_of(reversed(parts)) == b"\x31\x09\x02\x01\x02\x02\x02\x01\x2c\x04\x00"
