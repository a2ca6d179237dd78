"""Signature values and keys at the edges (signing facts 7 K3, K4): everything around them is right, so the value alone decides.

Vectors are made here, in the manner of Wycheproof: each is one deviation from a value that verifies, and the first of each table
is that value, so that a table whose maker is wrong fails.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

from signing import der
from signing.algorithms import DIGESTS, Scheme, algorithm
from signing.cms import identifiers as ids
from signing.cms.making import signed_attributes
from tests import pki
from tests.unit.signing.cms.making import (
    CONTENT,
    P256,
    RSA_SHA256,
    Parts,
    failed,
    issuer_and_serial,
    raw_signature,
    read,
)

ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Of P-256 (SEC 2 2.4.2)."""


def _message(value: bytes, name: str, certificate: bytes | None = None) -> bytes:
    """A message that is right but for its value, and the certificate where one is given."""
    chosen = P256 if "p256" in name else RSA_SHA256
    own = certificate or pki.certificate(name)
    attributes = signed_attributes(chosen.digest.of(CONTENT), own, chosen)
    parts = Parts(
        name, chosen, signature_algorithm=ids.signature_identifier(chosen), signed_set=attributes, value=value
    )
    return replace(parts, certificates=der.encode(0xA0, own), identifier=issuer_and_serial(own)).message()


def _digest(name: str, certificate: bytes | None = None) -> bytes:
    chosen = P256 if "p256" in name else RSA_SHA256
    attributes = signed_attributes(chosen.digest.of(CONTENT), certificate or pki.certificate(name), chosen)
    return chosen.digest.of(attributes)


# ---------------------------------------------------------------- ECDSA


def _ecdsa() -> dict[str, tuple[bytes, bool]]:
    good = raw_signature("official-p256", P256, _digest("official-p256"))
    r, s = utils.decode_dss_signature(good)

    def pair(first: bytes, second: bytes) -> bytes:
        return der.sequence(first, second)

    number = der.encode_integer
    body = good[2:]
    wide = der.encode(der.INTEGER, b"\x00" + der.element(number(r)).content)
    return {
        "as made": (good, True),
        "s turned round the order, which ECDSA allows": (pair(number(r), number(ORDER - s)), True),
        "r zero": (pair(number(0), number(s)), False),
        "s zero": (pair(number(r), number(0)), False),
        "both zero": (pair(number(0), number(0)), False),
        "both one": (pair(number(1), number(1)), False),
        "r the order": (pair(number(ORDER), number(s)), False),
        "s the order": (pair(number(r), number(ORDER)), False),
        "r beyond the order": (pair(number(r + ORDER), number(s)), False),
        "s beyond the order": (pair(number(r), number(s + ORDER)), False),
        "r negative": (pair(number(-r), number(s)), False),
        "s negative": (pair(number(r), number(-s)), False),
        "r less the order": (pair(number(r - ORDER), number(s)), False),
        "r and s exchanged": (pair(number(s), number(r)), False),
        "r of a thousand octets": (pair(number(r + (ORDER << 8000)), number(s)), False),
        "plain r and s": (r.to_bytes(32, "big") + s.to_bytes(32, "big"), False),
        "long form of a short length": (b"\x30\x81" + good[1:], False),
        "indefinite length": (b"\x30\x80" + body + b"\x00\x00", False),
        "r with a zero before it": (pair(wide, number(s)), False),
        "bytes behind": (good + b"\x00", False),
        "a third number": (der.sequence(number(r), number(s), number(0)), False),
        "r alone": (der.sequence(number(r)), False),
        "r as a string": (pair(der.encode(der.OCTET_STRING, r.to_bytes(32, "big")), number(s)), False),
        "nothing inside": (der.sequence(), False),
        "nothing": (b"", False),
        "zeros": (bytes(70), False),
    }


ECDSA = _ecdsa()


@pytest.mark.parametrize("value", ECDSA)
def test_an_ecdsa_value_is_good_only_as_der_of_two_numbers_in_range(value: str) -> None:
    """FIPS 186-5 6.4.2 and RFC 3279 2.2.3: out of range, out of form, or not two numbers is no signature."""
    encoded, good = ECDSA[value]
    assert failed(read(_message(encoded, "official-p256"))) == (set() if good else {"signature_value"})


def _with_key(name: str, key: bytes) -> bytes:
    """The named certificate with another SubjectPublicKeyInfo (nobody here looks at who signed the certificate)."""
    outer = der.children(der.element(pki.certificate(name)))
    fields = der.children(outer[0])
    changed = der.sequence(*(key if at == 6 else field.raw for at, field in enumerate(fields)))
    return der.sequence(changed, outer[1].raw, outer[2].raw)


def _point(name: str) -> tuple[bytes, bytes]:
    fields = der.children(der.children(der.element(pki.certificate(name)))[0])
    algorithm_of_key, bits = der.children(fields[6])
    return algorithm_of_key.raw, bits.content[1:]


def _curve_key(point: bytes, parameters: bytes | None = None, kind: str = "1.2.840.10045.2.1") -> bytes:
    named = der.encode_oid("1.2.840.10045.3.1.7") if parameters is None else parameters
    return der.sequence(der.sequence(der.encode_oid(kind), named), der.encode(der.BIT_STRING, b"\x00" + point))


def _explicit() -> bytes:
    """The parameters of P-256 written out (SEC 1 C.2), the shape of CVE-2020-0601."""
    prime = 2**256 - 2**224 + 2**192 + 2**96 - 1
    coefficients = ((prime - 3), 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B)
    point = (
        0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
        0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
    )
    field = der.sequence(der.encode_oid("1.2.840.10045.1.1"), der.encode_integer(prime))
    curve = der.sequence(*(der.encode(der.OCTET_STRING, one.to_bytes(32, "big")) for one in coefficients))
    base = der.encode(der.OCTET_STRING, b"\x04" + b"".join(one.to_bytes(32, "big") for one in point))
    return der.sequence(der.encode_integer(1), field, curve, base, der.encode_integer(ORDER), der.encode_integer(1))


def _keys() -> dict[str, tuple[bytes, bool]]:
    _, point = _point("official-p256")
    off = point[:-1] + bytes((point[-1] ^ 1,))
    compressed = bytes((2 + (point[-1] & 1),)) + point[1:33]
    return {
        "as it is": (_curve_key(point), True),
        "point compressed, the same key": (_curve_key(compressed), True),
        "point not on the curve": (_curve_key(off), False),
        "point at infinity": (_curve_key(b"\x00"), False),
        "no point": (_curve_key(b""), False),
        "zeros": (_curve_key(b"\x04" + bytes(64)), False),
        "parameters written out": (_curve_key(point, _explicit()), False),
        "parameters inherited": (_curve_key(point, der.encode(der.NULL, b"")), False),
        "no parameters": (_curve_key(point, b""), False),
        "another curve of the same size": (_curve_key(point, der.encode_oid("1.3.132.0.10")), False),
        "key for agreement only (id-ecDH)": (_curve_key(point, kind="1.3.132.1.12"), False),
        "key of RSA": (der.children(der.children(der.element(pki.certificate("official")))[0])[6].raw, False),
        "empty": (der.sequence(der.sequence(), der.encode(der.BIT_STRING, b"\x00")), False),
    }


KEYS = _keys()


@pytest.mark.parametrize("key", KEYS)
def test_a_key_is_good_only_on_its_named_curve(key: str) -> None:
    """RFC 5480 2.1.1: named curves only, a point of the curve, a key for signatures; the value itself is always right."""
    encoded, good = KEYS[key]
    certificate = _with_key("official-p256", encoded)
    value = raw_signature("official-p256", P256, _digest("official-p256", certificate))
    assert failed(read(_message(value, "official-p256", certificate))) == (set() if good else {"signature_value"})


# ---------------------------------------------------------------- RSA


def _power(name: str, block: bytes) -> bytes:
    """The private operation without any padding: what an attacker with the key, or an oracle, may make."""
    key = pki.key(name)
    assert isinstance(key, rsa.RSAPrivateKey)
    numbers = key.private_numbers()
    size = (key.key_size + 7) // 8
    value = pow(int.from_bytes(block, "big"), numbers.d, numbers.public_numbers.n)
    return value.to_bytes(size, "big")


def _info(digest: bytes, oid: str = DIGESTS["sha256"].oid, parameters: bytes = b"\x05\x00") -> bytes:
    return der.sequence(der.sequence(der.encode_oid(oid), parameters), der.encode(der.OCTET_STRING, digest))


def _block(info: bytes, size: int = 256, first: bytes = b"\x00\x01", fill: bytes = b"\xff") -> bytes:
    return first + fill * (size - 3 - len(info)) + b"\x00" + info


def _rsa_values() -> dict[str, tuple[bytes, bool]]:
    digest = _digest("official")
    info = _info(digest)
    good = _power("official", _block(info))
    short = b"\x00\x01" + b"\xff" * 8 + b"\x00" + info
    long_length = b"\x30\x81" + info[1:]
    blocks = {
        "block type 2": _block(info, first=b"\x00\x02"),
        "block type 0": _block(info, first=b"\x00\x00", fill=b"\x00"),
        "padding of other octets": _block(info, fill=b"\xfe"),
        "short padding, rubbish behind": short + bytes(256 - len(short)),
        "no zero before the digest": b"\x00\x01" + b"\xff" * (254 - len(info)) + info,
        "rubbish in the parameters": _block(_info(digest, parameters=der.encode(der.OCTET_STRING, bytes(100)))),
        "parameters left out": _block(_info(digest, parameters=b"")),
        "another function named": _block(_info(digest, oid=DIGESTS["sha512"].oid)),
        "SHA-1 named": _block(_info(digest[:20], oid=DIGESTS["sha1"].oid)),
        "long form of a length": _block(long_length),
        "digest without its frame": _block(digest),
        "digest cut": _block(_info(digest[:31])),
        "rubbish behind the frame": _block(info + b"\x00"),
        "nothing": bytes(256),
    }
    values = {"as made": (good, True)}
    values.update({name: (_power("official", block), False) for name, block in blocks.items()})
    modulus = pki.key("official").public_key()
    assert isinstance(modulus, rsa.RSAPublicKey)
    n = modulus.public_numbers().n
    values["with a zero before it"] = (b"\x00" + good, False)
    values["cut"] = (good[:-1], False)
    values["plus the modulus"] = ((int.from_bytes(good, "big") + n).to_bytes(257, "big"), False)
    values["one"] = ((1).to_bytes(256, "big"), False)
    values["the modulus less one"] = ((n - 1).to_bytes(256, "big"), False)
    values["empty"] = (b"", False)
    return values


RSA = _rsa_values()


@pytest.mark.parametrize("value", RSA)
def test_an_rsa_value_is_good_only_with_the_one_right_block(value: str) -> None:
    """RFC 8017 8.2.2: the block is compared as a whole, so nothing in it is free to choose."""
    encoded, good = RSA[value]
    assert failed(read(_message(encoded, "official"))) == (set() if good else {"signature_value"})


def _cube_root(value: int) -> int:
    low, high = 0, 1 << (value.bit_length() // 3 + 2)
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if middle**3 < value else (low, middle)
    return low


def test_a_forged_padding_for_exponent_three_is_no_signature() -> None:
    """Bleichenbacher 2006: a number whose cube begins as a short block with rubbish behind it; made without the private key."""
    key = pki.key("exponent-3").public_key()
    assert isinstance(key, rsa.RSAPublicKey) and key.public_numbers().e == 3
    begin = b"\x00\x01" + b"\xff" * 8 + b"\x00" + _info(_digest("exponent-3"))
    target = int.from_bytes(begin + b"\xff" * (256 - len(begin)), "big")
    root = _cube_root(target) - 1
    assert (root**3).to_bytes(256, "big").startswith(begin)
    facts = read(_message(root.to_bytes(256, "big"), "exponent-3"))
    assert failed(facts) == {"signature_value"}
    assert facts.signer is not None
    assert {use.exponent for use in facts.signer.algorithms if use.place == "signature"} == {3}


def test_the_exponent_and_size_of_a_weak_key_are_told_to_whoever_judges() -> None:
    """A right value by a weak key holds as a value; that it must not count is the policy's word, and it has the numbers."""
    for name, bits, exponent in (("exponent-3", 2048, 3), ("weak-1024", 1024, 65537)):
        facts = read(_message(raw_signature(name, RSA_SHA256, _digest(name)), name))
        assert failed(facts) == set() and facts.signer is not None
        use = next(one for one in facts.signer.algorithms if one.place == "signature")
        assert (use.bits, use.exponent) == (bits, exponent)


PSS = algorithm(Scheme.RSA_PSS, "sha256")


@pytest.mark.parametrize(
    ("salt", "mask", "good"),
    [
        (32, hashes.SHA256(), True),
        (0, hashes.SHA256(), False),
        (31, hashes.SHA256(), False),
        (33, hashes.SHA256(), False),
        (32, hashes.SHA1(), False),
        (32, hashes.SHA512(), False),
    ],
)
def test_a_pss_value_must_be_made_as_its_parameters_say(salt: int, mask: hashes.HashAlgorithm, good: bool) -> None:
    """Declared: SHA-256, MGF1 with SHA-256, salt 32. Made otherwise, it does not verify."""
    key = pki.key("official")
    assert isinstance(key, rsa.RSAPrivateKey)
    attributes = signed_attributes(PSS.digest.of(CONTENT), pki.certificate("official"), PSS)
    mode = padding.PSS(padding.MGF1(mask), salt)
    value = key.sign(PSS.digest.of(attributes), mode, utils.Prehashed(hashes.SHA256()))
    identifier = ids.signature_identifier(PSS)
    parts = Parts("official", PSS, signature_algorithm=identifier, signed_set=attributes, value=value)
    assert failed(read(parts.message())) == (set() if good else {"signature_value"})


def test_a_key_that_is_bound_to_pss_does_not_verify_anything_else() -> None:
    """id-RSASSA-PSS in the certificate (RFC 4055 1.2): PKCS#1 v1.5 by that key is refused, PSS holds."""
    fields = der.children(der.children(der.element(pki.certificate("official")))[0])
    bits = der.children(fields[6])[1].raw
    bound = _with_key("official", der.sequence(der.sequence(der.encode_oid("1.2.840.113549.1.1.10")), bits))
    for chosen, expected in ((RSA_SHA256, {"signature_value"}), (PSS, set[str]())):
        attributes = signed_attributes(chosen.digest.of(CONTENT), bound, chosen)
        value = raw_signature("official", chosen, chosen.digest.of(attributes))
        identifier = ids.signature_identifier(chosen)
        parts = Parts("official", chosen, signature_algorithm=identifier, signed_set=attributes, value=value)
        message = replace(parts, certificates=der.encode(0xA0, bound), identifier=issuer_and_serial(bound)).message()
        assert failed(read(message)) == expected


def test_a_value_of_one_curve_is_none_on_another() -> None:
    """The certificate names P-384, the value was made on P-256 over the same digest."""
    certificate = pki.certificate("official-p384")
    attributes = signed_attributes(P256.digest.of(CONTENT), certificate, P256)
    value = raw_signature("official-p256", P256, P256.digest.of(attributes))
    parts = Parts("official-p384", P256, signed_set=attributes, value=value)
    assert failed(read(parts.message())) == {"signature_value"}
    key = pki.key("official-p384")
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    right = key.sign(P256.digest.of(attributes), ec.ECDSA(utils.Prehashed(hashes.SHA256())))
    assert failed(read(replace(parts, value=right).message())) == set()
