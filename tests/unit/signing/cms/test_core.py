"""The SignedData core: every check has a vector that fails it alone, signed rightly, so that nothing else can hide the defect."""

from __future__ import annotations

from dataclasses import replace

import pytest

from connectors.kit.simulated_authority import cms as witness
from signing import der
from signing.algorithms import DIGESTS, Scheme, SignatureAlgorithm, algorithm
from signing.cms import identifiers as ids
from signing.cms.core import read_signed_data
from signing.cms.making import assemble, signed_attributes
from signing.errors import Unusable
from tests import pki
from tests.unit.signing.cms.making import (
    CONTENT,
    P256,
    RSA_SHA256,
    Parts,
    attribute,
    failed,
    good_attributes,
    issuer_and_serial,
    ours,
    raw_signature,
    read,
    with_attributes,
)

SIGNED = Parts(signed=tuple(good_attributes().values()))
CERTIFICATE = pki.certificate("official-p256")
SHA512 = ids.digest_identifier(DIGESTS["sha512"])


def _pss(salt: int, trailer: int = 1, mask: str = "sha256", digest: str = "sha256") -> bytes:
    """An identifier of RSASSA-PSS with every parameter written out."""
    null = der.encode(der.NULL, b"")
    functions = {name: der.sequence(der.encode_oid(DIGESTS[name].oid), null) for name in (mask, digest)}
    generator = der.sequence(der.encode_oid("1.2.840.113549.1.1.8"), functions[mask])
    parameters = [der.encode(0xA0, functions[digest]), der.encode(0xA1, generator)]
    parameters.append(der.encode(0xA2, der.encode_integer(salt)))
    parameters.append(der.encode(0xA3, der.encode_integer(trailer)))
    return der.sequence(der.encode_oid("1.2.840.113549.1.1.10"), der.sequence(*parameters))


def _rsa(**changes: object) -> Parts:
    signed = tuple(good_attributes("official", RSA_SHA256).values())
    identifier = ids.signature_identifier(RSA_SHA256)
    parts = Parts(name="official", chosen=RSA_SHA256, signed=signed, signature_algorithm=identifier)
    return replace(parts, **changes)  # type: ignore[arg-type] # any field of the parts


def _without_protection(parts: Parts) -> Parts:
    """The same without CMSAlgorithmProtection, which would catch every change of an algorithm as well."""
    attributes = good_attributes(parts.name, parts.chosen)
    return replace(parts, signed=tuple(one for oid, one in attributes.items() if oid != ids.ALGORITHM_PROTECTION))


@pytest.mark.parametrize("scheme", [Scheme.RSA_PKCS1, Scheme.RSA_PSS])
@pytest.mark.parametrize("digest", ["sha256", "sha384", "sha512", "sha3_256", "sha3_512"])
def test_what_we_write_by_rsa_holds_in_every_check(scheme: Scheme, digest: str) -> None:
    """All digests of the policy, both paddings: no check fails, and the facts name what was used."""
    chosen = algorithm(scheme, digest)
    facts = read(ours("official", chosen))
    assert failed(facts) == set()
    assert facts.signer is not None
    uses = {use.place: use for use in facts.signer.algorithms}
    assert (uses["signature"].name, uses["signature"].bits, uses["signature"].exponent) == (chosen.name, 2048, 65537)
    assert uses["message-digest"].name == digest and uses["certificate-digest"].name == "sha256"
    assert uses["signature"].parameters == (f"mgf1-{digest},salt={chosen.salt}" if chosen.salt else "")


@pytest.mark.parametrize(("name", "digest"), [("official-p256", "sha256"), ("official-p384", "sha384")])
def test_what_we_write_by_ecdsa_holds_in_every_check(name: str, digest: str) -> None:
    """P-256 and P-384; the signer is identified, protected, and claims its time; the stamp comes out as it went in."""
    facts = read(ours(name, algorithm(Scheme.ECDSA, digest), token=True))
    assert failed(facts) == set()
    signer = facts.signer
    assert signer is not None and signer.protected and signer.claimed_time == pki.NOW
    assert signer.certificate == pki.certificate(name)
    assert set(facts.certificates) == {pki.certificate(name), *pki.chain(name)}
    assert signer.signature_tokens == (pki.stamp(signer.signature_value),)


@pytest.mark.parametrize("bound", ["v1", "v2", ""])
@pytest.mark.parametrize("digest", ["sha1", "sha256", "sha512"])
def test_what_the_witness_writes_is_read_alike(bound: str, digest: str) -> None:
    """Both ESS attributes, and none at all: the last is a plain signature, good but not protected."""
    order = witness.Signing(
        CONTENT, pki.certificate("official"), (pki.certificate("official"),), bound=bound, digest=digest
    )
    message = witness.wrap(witness.sign(replace(order, detached=True), pki.key("official")))
    facts = read(message)
    assert failed(facts) == set()
    assert facts.signer is not None and facts.signer.protected is bool(bound)
    attached = read_signed_data(witness.wrap(witness.sign(order, pki.key("official"))), None, attached=True)
    assert failed(attached) == set() and attached.content == CONTENT


VECTORS: dict[str, tuple[bytes, set[str]]] = {
    "bytes behind the object": (ours() + b"\x00", {"cms_nothing_behind"}),
    "no signer": (replace(SIGNED, signers=0).message(), {"signature_found", "cms_single_signer"}),
    "two signers": (replace(SIGNED, signers=2).message(), {"cms_single_signer"}),
    "version 2": (replace(SIGNED, version=2).message(), {"cms_version", "cms_version_rule"}),
    "version 3 for plain data": (replace(SIGNED, version=3).message(), {"cms_version_rule"}),
    "signer version 9": (replace(SIGNED, signer_version=9).message(), {"cms_version", "cms_version_rule"}),
    "signer version 3 with issuer and serial": (
        replace(SIGNED, signer_version=3, version=3).message(),
        {"cms_version_rule"},
    ),
    "version of a million digits": (
        replace(SIGNED, version=1 << 4_000_000).message(),
        {"cms_version", "cms_version_rule"},
    ),
    "digest not listed": (replace(SIGNED, digests=(SHA512,)).message(), {"cms_digest_listed"}),
    "content inside a detached signature": (
        replace(
            SIGNED,
            encapsulated=der.sequence(
                der.encode_oid(ids.DATA), der.encode(0xA0, der.encode(der.OCTET_STRING, CONTENT))
            ),
        ).message(),
        {"cms_content_place"},
    ),
    # K5: what names the algorithms disagrees
    "SHA-512 for the content, SHA-256 for the signature": (
        replace(
            _without_protection(SIGNED),
            digest=SHA512,
            digests=(SHA512,),
            signed=(
                *(v for k, v in good_attributes().items() if k not in (ids.MESSAGE_DIGEST, ids.ALGORITHM_PROTECTION)),
                attribute(ids.MESSAGE_DIGEST, der.encode(der.OCTET_STRING, DIGESTS["sha512"].of(CONTENT))),
            ),
        ).message(),
        {"cms_algorithms_agree"},
    ),
    "PSS mask of another digest": (
        _without_protection(_rsa(signature_algorithm=_pss(32, mask="sha1"))).message(),
        {"cms_algorithms_agree", "signature_value"},
    ),
    "PSS digest of another": (
        _without_protection(_rsa(signature_algorithm=_pss(32, digest="sha512", mask="sha512"))).message(),
        {"cms_algorithms_agree", "pss_parameters", "signature_value"},
    ),
    "algorithm protection broken by a swapped algorithm": (
        _rsa(
            signature_algorithm=der.sequence(der.encode_oid("1.2.840.113549.1.1.1"), der.encode(der.NULL, b""))
        ).message(),
        {"cms_algorithm_protection"},
    ),
    "unknown signature algorithm": (
        _without_protection(replace(SIGNED, signature_algorithm=der.sequence(der.encode_oid("1.2.3.4")))).message(),
        {"algorithm_known"},
    ),
    "DSA": (
        _without_protection(
            replace(SIGNED, signature_algorithm=der.sequence(der.encode_oid("1.2.840.10040.4.3")))
        ).message(),
        {"algorithm_known"},
    ),
    "HMAC": (
        _without_protection(
            replace(SIGNED, signature_algorithm=der.sequence(der.encode_oid("1.2.840.113549.2.9")))
        ).message(),
        {"algorithm_known"},
    ),
    "unknown digest": (
        replace(
            _without_protection(SIGNED),
            digest=der.sequence(der.encode_oid("1.2.3.4")),
            digests=(der.sequence(der.encode_oid("1.2.3.4")),),
        ).message(),
        {"algorithm_known"},
    ),
    "digest with parameters": (
        replace(
            _without_protection(SIGNED),
            digest=der.sequence(der.encode_oid(DIGESTS["sha256"].oid), der.encode(der.OCTET_STRING, b"")),
        ).message(),
        {"algorithm_known"},
    ),
    "ECDSA with parameters": (
        replace(
            _without_protection(SIGNED),
            signature_algorithm=der.sequence(der.encode_oid("1.2.840.10045.4.3.2"), der.encode_oid("1.2.3")),
        ).message(),
        {"algorithm_known"},
    ),
    # signed attributes
    "plain content of another type": (
        replace(Parts(), encapsulated=der.sequence(der.encode_oid(ids.TST_INFO)), version=3).message(),
        {"cms_attributes_present"},
    ),
    "no signed attribute in the set": (
        replace(SIGNED, signed=()).message(),
        {
            "cms_attributes_present",
            "cms_content_type",
            "content_digest",
        },
    ),
    "content type left out": (
        with_attributes({ids.CONTENT_TYPE: None}),
        {"cms_attributes_present", "cms_content_type"},
    ),
    "digest left out": (with_attributes({ids.MESSAGE_DIGEST: None}), {"cms_attributes_present", "content_digest"}),
    "content type of another": (
        with_attributes({ids.CONTENT_TYPE: attribute(ids.CONTENT_TYPE, der.encode_oid(ids.TST_INFO))}),
        {"cms_content_type"},
    ),
    "digest of other content": (ours(content=CONTENT + b"."), {"content_digest"}),
    "digest as another type": (
        with_attributes(
            {ids.MESSAGE_DIGEST: attribute(ids.MESSAGE_DIGEST, der.encode(0x0C, DIGESTS["sha256"].of(CONTENT)))}
        ),
        {"content_digest"},
    ),
    "two values of the digest": (
        with_attributes(
            {
                ids.MESSAGE_DIGEST: attribute(
                    ids.MESSAGE_DIGEST,
                    *(der.encode(der.OCTET_STRING, DIGESTS["sha256"].of(one)) for one in (CONTENT, b"khac")),
                )
            }
        ),
        {"cms_attributes_unique"},
    ),
    "attribute without a value": (with_attributes({"1.2.3": attribute("1.2.3")}), {"cms_attributes_unique"}),
    "signing time twice": (
        with_attributes({"again": attribute(ids.SIGNING_TIME, der.encode(der.UTC_TIME, b"261120030000Z"))}),
        {"cms_attributes_unique"},
    ),
    "signing time that is none": (
        with_attributes({ids.SIGNING_TIME: attribute(ids.SIGNING_TIME, der.encode(der.UTC_TIME, b"2611200300Z"))}),
        {"cms_signing_time"},
    ),
    "signature policy named": (
        with_attributes({ids.SIGNATURE_POLICY: attribute(ids.SIGNATURE_POLICY, der.sequence(der.encode_oid("1.2.3")))}),
        {"signature_policy"},
    ),
    "algorithm protection without a signature algorithm": (
        with_attributes(
            {
                ids.ALGORITHM_PROTECTION: attribute(
                    ids.ALGORITHM_PROTECTION, der.sequence(ids.digest_identifier(P256.digest))
                )
            }
        ),
        {"cms_algorithm_protection"},
    ),
    "algorithm protection that is a number": (
        with_attributes({ids.ALGORITHM_PROTECTION: attribute(ids.ALGORITHM_PROTECTION, der.encode_integer(1))}),
        {"cms_algorithm_protection"},
    ),
    # the signer's certificate
    "certificate not enclosed": (replace(SIGNED, certificates=b"").message(), {"signing_certificate"}),
    "another certificate enclosed": (
        replace(SIGNED, certificates=der.encode(0xA0, pki.certificate("official"))).message(),
        {"signing_certificate"},
    ),
    "unreadable certificate enclosed": (
        replace(SIGNED, certificates=der.encode(0xA0, der.sequence(b"\x00\x00"))).message(),
        {"signing_certificate"},
    ),
    "another signer named": (
        replace(
            SIGNED,
            identifier=issuer_and_serial(pki.certificate("official")),
            certificates=der.encode(0xA0, pki.certificate("official") + CERTIFICATE),
        ).message(),
        {"signing_certificate_bound", "signature_value"},
    ),
    # counter-signatures are reported, not judged
    "counter-signature": (
        replace(SIGNED, unsigned=(attribute(ids.COUNTER_SIGNATURE, der.sequence()),)).message(),
        {"cms_counter_signature_judged"},
    ),
    "evidence that cannot be read": (
        replace(
            SIGNED,
            unsigned=(
                attribute(ids.CERTIFICATE_VALUES, b"\x02\x01\x00"),
                attribute(ids.REVOCATION_VALUES, b"\x02\x01\x00"),
            ),
        ).message(),
        {"cms_evidence_readable"},
    ),
}


@pytest.mark.parametrize("defect", VECTORS)
def test_each_defect_fails_its_own_check_and_no_other(defect: str) -> None:
    """Signed rightly by the right key, with one thing wrong: exactly the named checks fail."""
    message, expected = VECTORS[defect]
    assert failed(read(message)) == expected


def test_attributes_out_of_order_fail_though_the_signature_over_them_holds() -> None:
    """DER sorts a set; another order is another document to some readers (K5)."""
    attributes = list(reversed(der.children(der.element(der.set_of(good_attributes().values())))))
    turned = der.encode(der.SET, b"".join(one.raw for one in attributes))
    assert failed(read(replace(SIGNED, signed_set=turned).message())) == {"cms_attributes_der"}


def test_a_signature_over_attributes_does_not_pass_for_one_over_a_document() -> None:
    """Signed attributes cut out and handed in as the content, the rest left as plain data: the value verifies, we refuse."""
    attributes = der.set_of(good_attributes().values())
    value = raw_signature("official-p256", P256, P256.digest.of(attributes))
    content = der.sequence(der.encode_oid(ids.DATA), der.encode(0xA0, der.encode(der.OCTET_STRING, attributes)))
    facts = read_signed_data(replace(Parts(), encapsulated=content, value=value).message(), None, attached=True)
    assert failed(facts) == {"cms_attributes_present"}
    for harmless in (b"\x31 starts so, and is text", der.set_of([attribute("1.2.3", der.encode_integer(1))])):
        content = der.sequence(der.encode_oid(ids.DATA), der.encode(0xA0, der.encode(der.OCTET_STRING, harmless)))
        value = raw_signature("official-p256", P256, P256.digest.of(harmless))
        facts = read_signed_data(replace(Parts(), encapsulated=content, value=value).message(), None, attached=True)
        assert failed(facts) == set()


def test_a_plain_signature_over_data_holds_and_is_marked_unprotected() -> None:
    """Old software signs the content itself, without attributes: the value proves it, nothing protects the certificate."""
    facts = read(Parts().message())
    assert failed(facts) == set()
    assert facts.signer is not None and not facts.signer.protected and facts.signer.claimed_time is None
    assert "content_digest" in {seen.code for seen in facts.signer.observations if seen.ok}
    assert failed(read(Parts().message(), CONTENT + b".")) == {"signature_value"}


def test_content_that_is_not_at_hand_is_said_and_nothing_is_verified() -> None:
    """A detached signature alone proves nothing: the check says so, and no digest or value is claimed."""
    facts = read_signed_data(ours(), None, attached=False)
    assert failed(facts) == {"signed_data_present"}
    assert not {"content_digest", "signature_value"} & {seen.code for seen in facts.all_observations}
    empty = read_signed_data(ours(), None, attached=True)
    assert failed(empty) == {"signed_data_present", "cms_content_place"}


# ---------------------------------------------------------------- K6: which certificate


def _twin(name: str = "official-p256") -> bytes:
    """A certificate for the same key, issuer and serial, with other bytes: its last octet of signature is another."""
    certificate = pki.certificate(name)
    return certificate[:-1] + bytes((certificate[-1] ^ 1,))


def test_a_substituted_certificate_for_the_same_key_is_seen() -> None:
    """The twin answers to name and number and its key verifies; the digest that was signed is not its digest."""
    facts = read(replace(SIGNED, certificates=der.encode(0xA0, _twin())).message())
    assert failed(facts) == {"signing_certificate_bound"}


def test_between_twins_the_signed_digest_decides() -> None:
    """With both enclosed, in either order, the one that was signed is identified."""
    for pair in ((_twin(), CERTIFICATE), (CERTIFICATE, _twin())):
        facts = read(replace(SIGNED, certificates=der.encode(0xA0, b"".join(pair))).message())
        assert failed(facts) == set()
        assert facts.signer is not None and facts.signer.certificate == CERTIFICATE


def test_between_twins_nobody_is_identified_when_no_digest_was_signed() -> None:
    """A plain signature whose key two certificates share has no signing certificate; with one key it has, unprotected."""
    parts = replace(Parts(), certificates=der.encode(0xA0, CERTIFICATE + _twin()))
    assert failed(read(parts.message())) == {"signing_certificate"}
    other_key = _with_key(CERTIFICATE, pki.certificate("official"))
    facts = read(replace(Parts(), certificates=der.encode(0xA0, other_key + CERTIFICATE)).message())
    assert failed(facts) == set()
    assert facts.signer is not None and facts.signer.certificate == CERTIFICATE
    crowd = b"".join(CERTIFICATE[:-1] + bytes((last,)) for last in range(5))
    assert failed(read(replace(Parts(), certificates=der.encode(0xA0, crowd)).message())) == {"signing_certificate"}


def _with_key(certificate: bytes, other: bytes) -> bytes:
    """The certificate with the public key of another one."""
    outer = der.children(der.element(certificate))
    fields = der.children(outer[0])
    key = der.children(der.children(der.element(other))[0])[6].raw
    changed = der.sequence(*(key if at == 6 else field.raw for at, field in enumerate(fields)))
    return der.sequence(changed, outer[1].raw, outer[2].raw)


def _ess(*fields: bytes, oid: str = ids.SIGNING_CERTIFICATE_V2) -> bytes:
    return attribute(oid, der.sequence(der.sequence(der.sequence(*fields))))


_DIGEST = der.encode(der.OCTET_STRING, DIGESTS["sha256"].of(CERTIFICATE))
_ISSUER, _SERIAL = (one.raw for one in der.children(der.element(issuer_and_serial(CERTIFICATE))))
_V2, _V1 = ids.SIGNING_CERTIFICATE_V2, ids.SIGNING_CERTIFICATE

BINDINGS = {
    "digest alone": (_ess(_DIGEST), True),
    "digest and issuer": (_ess(_DIGEST, der.sequence(der.sequence(der.encode(0xA4, _ISSUER)), _SERIAL)), True),
    "SHA-256 written out": (_ess(ids.digest_identifier(DIGESTS["sha256"]), _DIGEST), True),
    "SHA-512": (_ess(SHA512, der.encode(der.OCTET_STRING, DIGESTS["sha512"].of(CERTIFICATE))), True),
    "another serial": (
        _ess(_DIGEST, der.sequence(der.sequence(der.encode(0xA4, _ISSUER)), der.encode_integer(1))),
        False,
    ),
    "another issuer": (_ess(_DIGEST, der.sequence(der.sequence(der.encode(0xA4, der.sequence())), _SERIAL)), False),
    "issuer as an address": (
        _ess(_DIGEST, der.sequence(der.sequence(der.encode(0x82, b"ca.example")), _SERIAL)),
        False,
    ),
    "another digest": (_ess(der.encode(der.OCTET_STRING, bytes(32))), False),
    "unknown digest function": (_ess(der.sequence(der.encode_oid("1.2.3")), _DIGEST), False),
    "no certificate named": (attribute(_V2, der.sequence(der.sequence())), False),
    "empty attribute": (attribute(_V2, der.sequence()), False),
    "no digest": (_ess(), False),
    "half an issuer": (_ess(_DIGEST, der.sequence(der.sequence())), False),
    "not a sequence": (attribute(_V2, der.encode_integer(1)), False),
}


@pytest.mark.parametrize("form", BINDINGS)
def test_the_signed_certificate_identifier_binds_by_digest_and_by_issuer_and_serial(form: str) -> None:
    """RFC 5035 5: the digest must be the certificate's; issuer and serial, where they stand, too."""
    value, good = BINDINGS[form]
    facts = read(with_attributes({_V2: value}))
    assert failed(facts) == (set() if good else {"signing_certificate_bound"})


def test_both_certificate_identifiers_must_hold_where_both_stand() -> None:
    """A right version 2 beside a wrong version 1 fails: one reader may look at the one, another at the other."""
    right = _ess(der.encode(der.OCTET_STRING, DIGESTS["sha1"].of(CERTIFICATE)), oid=_V1)
    wrong = _ess(der.encode(der.OCTET_STRING, bytes(20)), oid=_V1)
    assert failed(read(with_attributes({_V1: right}))) == set()
    assert failed(read(with_attributes({_V1: wrong}))) == {"signing_certificate_bound"}


def test_a_signer_may_be_named_by_key_identifier() -> None:
    """SubjectKeyIdentifier as signer identifier asks for version 3 (RFC 5652 5.3), and matches the certificate's extension."""
    outer = der.children(der.children(der.element(CERTIFICATE))[0])
    extensions = der.children(der.sole(next(one for one in outer if one.tag == 0xA3)))
    value = next(der.children(one)[-1].content for one in extensions if der.oid(der.children(one)[0]) == "2.5.29.14")
    identifier = der.encode(0x80, der.octets(der.element(value)))
    parts = replace(SIGNED, identifier=identifier, signer_version=3, version=3)
    assert failed(read(parts.message())) == set()
    other = replace(parts, identifier=der.encode(0x80, bytes(20)))
    assert failed(read(other.message())) == {"signing_certificate"}


# ---------------------------------------------------------------- evidence and compatibility


def test_evidence_of_every_kind_is_carried_out_unjudged() -> None:
    """Certificates, CRLs and OCSP responses of SignedData, of CAdES values, and of Adobe's attribute; each once."""
    crl, ocsp = pki.crl("duty-ca"), pki.ocsp("official-p256")
    basic = der.octets(der.children(der.sole(der.children(der.element(ocsp))[1]))[1])
    values = der.sequence(
        der.encode(0xA0, der.sequence(crl)), der.encode(0xA1, der.sequence(basic)), der.encode(0xA2, b"")
    )
    adobe = der.sequence(der.encode(0xA0, der.sequence(crl)), der.encode(0xA1, der.sequence(ocsp)))
    other = der.encode(0xA1, der.encode_oid(ids.OCSP_RESPONSE) + ocsp)
    unknown = der.encode(0xA1, der.encode_oid("1.2.3") + ocsp)
    obsolete = der.encode(0xA0, b"")
    attributes = {**good_attributes(), ids.ADOBE_REVOCATION: attribute(ids.ADOBE_REVOCATION, adobe)}
    parts = replace(
        SIGNED,
        version=5,
        signed=tuple(attributes.values()),
        certificates=der.encode(0xA0, CERTIFICATE + obsolete),
        crls=der.encode(0xA1, crl + other + unknown),
        unsigned=(
            attribute(ids.CERTIFICATE_VALUES, der.sequence(*pki.chain("official-p256"))),
            attribute(ids.REVOCATION_VALUES, values),
            attribute(ids.ARCHIVE_TIME_STAMPS[2], der.sequence()),
            attribute("1.2.3", der.sequence()),
        ),
    )
    facts = read(parts.message())
    assert failed(facts) == set()
    assert facts.certificates == (CERTIFICATE, *pki.chain("official-p256"))
    assert facts.crls == (crl,) and facts.ocsps == (ocsp,)
    assert facts.signer is not None and facts.signer.archive_tokens == (der.sequence(),)
    assert failed(read(replace(parts, crls=b"", version=4).message())) == set()


def test_names_of_keys_where_an_algorithm_belongs_are_read_as_older_software_means_them() -> None:
    """rsaEncryption (RFC 3370) and id-ecPublicKey (older PDF libraries): the digest is the one named beside it."""
    null = der.encode(der.NULL, b"")
    for parts, oid in ((_rsa(), "1.2.840.113549.1.1.1"), (SIGNED, "1.2.840.10045.2.1")):
        named = replace(_without_protection(parts), signature_algorithm=der.sequence(der.encode_oid(oid), null))
        assert failed(read(named.message())) == set()


def test_indefinite_lengths_and_strings_in_pieces_are_read_and_remarked() -> None:
    """BER around DER: what is signed stays as it was; only the remark about the encoding fails."""
    body = der.children(der.sole(der.children(der.element(ours()))[1]))
    pieces = (
        b"\x24\x80"
        + b"".join(der.encode(4, CONTENT[at : at + 1000]) for at in range(0, len(CONTENT), 1000))
        + b"\x00\x00"
    )
    inner = b"\x30\x80" + der.encode_oid(ids.DATA) + b"\xa0\x80" + pieces + b"\x00\x00" * 2
    fields = [inner if at == 2 else one.raw for at, one in enumerate(body)]
    message = b"\x30\x80" + der.encode_oid(ids.SIGNED_DATA) + b"\xa0\x80\x30\x80" + b"".join(fields) + b"\x00\x00" * 3
    facts = read_signed_data(message, None, attached=True)
    assert failed(facts) == {"cms_encoding"}
    assert facts.content == CONTENT
    assert failed(read_signed_data(message + b"\x00", None, attached=True)) == {"cms_encoding", "cms_nothing_behind"}


def _with_signer(keep: int, attributes: bytes = b"") -> bytes:
    """A message whose SignerInfo has only its first fields, with these attributes where attributes stand."""
    body = der.children(der.sole(der.children(der.element(SIGNED.message()))[1]))
    fields = [one.raw for one in der.children(der.children(body[4])[0])]
    if attributes:
        fields[3] = attributes
        keep += 1
    signer = der.encode(der.SET, der.sequence(*fields[:keep]))
    content = der.sequence(*(one.raw for one in body[:4]), signer)
    return der.sequence(der.encode_oid(ids.SIGNED_DATA), der.encode(0xA0, content))


MALFORMED = {
    "nothing": b"",
    "a number": b"\x02\x01\x00",
    "not SignedData": der.sequence(der.encode_oid(ids.DATA), der.encode(0xA0, der.sequence())),
    "no content": der.sequence(der.encode_oid(ids.SIGNED_DATA)),
    "no fields": der.sequence(der.encode_oid(ids.SIGNED_DATA), der.encode(0xA0, der.sequence())),
    "length beyond the end": b"\x30\x84\x7f\xff\xff\xff" + bytes(100),
    "length of nine octets": b"\x30\x89" + bytes(100),
    "nested without end": b"\x30\x80" * 100_000,
    "nested in definite lengths": b"\x30\x80" + b"\xa0\x84\x00\x0f\x42\x40" * 100_000,
    "a million empty values": b"\x30\x80" + b"\x05\x00" * 1_000_000,
    "end of contents with a length": b"\x30\x80\x00\x01\x00",
    "primitive of indefinite length": b"\x30\x80\x04\x80\x00\x00\x00\x00",
    "long tag": b"\x30\x80\x1f\x81\x00\x00\x00",
    "length of nine octets in BER": b"\x30\x80\x04\x89" + bytes(20),
    "cut off in BER": b"\x30\x80\x04\x05ab",
    "pieces of another kind": b"\x30\x80\x24\x80\x02\x01\x00\x00\x00\x00\x00",
    "unknown field": replace(SIGNED, crls=der.encode(0xA2, b"")).message(),
    "field behind the unsigned attributes": replace(
        SIGNED, unsigned=(attribute("1.2.3", b""),), after_signer=der.encode(0xA2, b"")
    ).message(),
    "signer without fields": replace(SIGNED, signers=1, after_signer=b"", identifier=b"").message(),
    "signer identifier of one part": replace(SIGNED, identifier=der.sequence(der.sequence())).message(),
    "certificate that is a number": replace(SIGNED, certificates=der.encode(0xA0, b"\x02\x01\x00")).message(),
    "attribute of one part": replace(SIGNED, unsigned=(der.sequence(der.encode_oid("1.2.3")),)).message(),
    "content type missing": replace(SIGNED, encapsulated=der.sequence()).message(),
    "empty algorithm": replace(SIGNED, digest=der.sequence()).message(),
    "field behind the unsigned attributes of a plain signature": replace(
        Parts(), unsigned=(attribute("1.2.3", b""),), after_signer=der.encode(0xA2, b"")
    ).message(),
    "signer of four fields": _with_signer(4),
    "signer that ends with its attributes": _with_signer(4, der.encode(0xA0, b"")),
    "signer cut short": replace(
        SIGNED, signature_algorithm=b"", digest=der.sequence(der.encode_oid("1.2.3")), identifier=der.encode(0x80, b"")
    ).message(),
}


@pytest.mark.parametrize("shape", MALFORMED)
@pytest.mark.timeout(20)
def test_hostile_encodings_are_one_failed_check_and_no_exception(shape: str) -> None:
    """Bombs of depth, length and number included: it is not well formed, nothing else is said, and it is said soon."""
    facts = read(MALFORMED[shape])
    assert [(seen.code, seen.ok) for seen in facts.all_observations] == [("well_formed", False)]


PSS_SHAPES = {
    "salt of no octet": (_pss(0), {"pss_parameters", "signature_value"}),
    "trailer 2": (_pss(32, trailer=2), {"pss_parameters", "signature_value"}),
    "salt of a million": (_pss(1_000_000), {"algorithm_known"}),
    "negative salt": (_pss(-1), {"algorithm_known"}),
    "no parameters": (der.sequence(der.encode_oid("1.2.840.113549.1.1.10")), {"algorithm_known"}),
    "parameters twice": (
        der.sequence(der.encode_oid("1.2.840.113549.1.1.10"), der.sequence(der.encode(0xA2, b"\x02\x01\x20") * 2)),
        {"well_formed"},
    ),
    "another mask function": (
        der.sequence(
            der.encode_oid("1.2.840.113549.1.1.10"),
            der.sequence(der.encode(0xA1, der.sequence(der.encode_oid("1.2.3"), der.sequence()))),
        ),
        {"algorithm_known"},
    ),
    "unknown digest": (
        der.sequence(
            der.encode_oid("1.2.840.113549.1.1.10"),
            der.sequence(der.encode(0xA0, der.sequence(der.encode_oid("1.2.3")))),
        ),
        {"algorithm_known"},
    ),
    "all defaults, SHA-1": (
        der.sequence(der.encode_oid("1.2.840.113549.1.1.10"), der.sequence()),
        {"cms_algorithms_agree", "signature_value"},
    ),
}


@pytest.mark.parametrize("shape", PSS_SHAPES)
def test_pss_parameters_other_than_the_usual_never_hold(shape: str) -> None:
    """Short salt, odd trailer, nonsense: a check fails and nothing is raised (K3)."""
    identifier, expected = PSS_SHAPES[shape]
    assert failed(read(_without_protection(_rsa(signature_algorithm=identifier)).message())) == expected


def test_a_pss_signature_with_a_longer_salt_is_read_and_its_salt_told() -> None:
    """The length is in the facts, so that a policy may judge it; the value is verified with exactly that length."""
    chosen = SignatureAlgorithm(Scheme.RSA_PSS, DIGESTS["sha256"], salt=64)
    message = ours("official", chosen)
    facts = read(message)
    assert failed(facts) == set() and facts.signer is not None
    assert "mgf1-sha256,salt=64" in {use.parameters for use in facts.signer.algorithms}


def test_making_refuses_what_cannot_be_right() -> None:
    """A digest of another length or a certificate that is none is our own mistake, and is said before anything is signed."""
    with pytest.raises(Unusable, match="gia_tri_bam"):
        signed_attributes(b"short", CERTIFICATE, P256)
    with pytest.raises(Unusable, match="chung_thu"):
        signed_attributes(bytes(32), b"not a certificate", P256)


def test_a_signature_for_pdf_claims_no_time() -> None:
    """PAdES forbids signing-time; without it nothing else changes."""
    attributes = signed_attributes(P256.digest.of(CONTENT), CERTIFICATE, P256)
    message = assemble(
        attributes, raw_signature("official-p256", P256, P256.digest.of(attributes)), P256, [CERTIFICATE]
    )
    facts = read(message)
    assert failed(facts) == set() and facts.signer is not None and facts.signer.claimed_time is None
