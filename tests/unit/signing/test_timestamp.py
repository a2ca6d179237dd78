"""Time stamps: openssl and our reader agree on good and on bad tokens, and an answer is used only if it grants what was asked."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from connectors.kit.simulated_authority import cms, stamps
from signing import der
from signing.algorithms import DIGESTS, Digest
from signing.model import TokenFacts
from signing.timestamp import StampRequest, read_answer, read_token
from tests import pki

CONTENT = "Giá trị chữ ký của kết quả".encode()
SHA256 = DIGESTS["sha256"]
NONCE = 0x8123456789ABCDEF01
POLICY = "1.3.6.1.4.1.55555.704.3.1"


def _stamp() -> stamps.Stamp:
    return stamps.Stamp(
        certificate=pki.certificate("tsa-duty"),
        imprint=SHA256.of(CONTENT),
        at=pki.NOW,
        serial=77,
        policy=POLICY,
        nonce=NONCE,
        enclosed=(pki.certificate("tsa-duty"), *pki.chain("tsa-duty")),
    )


def _failed(facts: TokenFacts) -> set[str]:
    return {seen.code for seen in facts.observations if not seen.ok}


def _openssl_accepts(folder: Path, token: bytes, content: bytes = CONTENT) -> bool:
    (folder / "token").write_bytes(token)
    (folder / "content").write_bytes(content)
    roots = [pki.certificate("duty-root"), *pki.chain("tsa-duty"), pki.certificate("official")]
    pem = b"".join(x509.load_der_x509_certificate(one).public_bytes(Encoding.PEM) for one in roots)
    (folder / "roots.pem").write_bytes(pem)
    (folder / "untrusted.pem").write_bytes(pem)
    command = ["openssl", "ts", "-verify", "-token_in", "-in", "token", "-data", "content", "-CAfile", "roots.pem"]
    command += ["-untrusted", "untrusted.pem", "-attime", str(int(pki.NOW.timestamp()))]
    return subprocess.run(command, cwd=folder, capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("bound", ["v1", "v2"])
@pytest.mark.parametrize("digest", ["sha256", "sha384", "sha512"])
def test_a_good_token_passes_openssl_and_holds_in_every_check_of_ours(tmp_path: Path, bound: str, digest: str) -> None:
    """Either form of certificate identifier, any digest: openssl verifies it and we find nothing wrong, and read its facts."""
    order = replace(_stamp(), bound=bound, digest=digest, imprint_digest=digest, imprint=DIGESTS[digest].of(CONTENT))
    token = stamps.make(order, pki.key("tsa-duty"))
    assert _openssl_accepts(tmp_path, token)
    facts = read_token(token, CONTENT, "signature")
    assert _failed(facts) == set()
    assert (facts.gen_time, facts.policy_oid, facts.serial, facts.accuracy_seconds) == (pki.NOW, POLICY, "4d", 1.0)
    assert facts.certificate == pki.certificate("tsa-duty") and set(facts.certificates) == set(order.enclosed)
    assert {use.name for use in facts.algorithms if use.place == "imprint"} == {digest}
    assert facts.token == token and facts.kind == "signature"


BAD = {
    "stamp of other bytes": ({"imprint": SHA256.of(b"khac")}, "timestamp_imprint"),
    "no certificate identifier": ({"bound": ""}, "timestamp_signer_named"),
    "identifier of another certificate": ({"bound_to": pki.certificate("official")}, "signing_certificate_bound"),
    "certificate not in the token": ({"enclosed": (pki.certificate("official"),)}, "signing_certificate"),
}


@pytest.mark.parametrize("defect", BAD)
def test_a_bad_token_fails_in_openssl_and_in_the_check_that_names_its_defect(tmp_path: Path, defect: str) -> None:
    """Each defect is refused by openssl too, and our observation with its own code fails."""
    changes, code = BAD[defect]
    token = stamps.make(replace(_stamp(), **changes), pki.key("tsa-duty"))  # type: ignore[arg-type] # values of many types
    if defect != "certificate not in the token":  # openssl is handed the certificate beside the token
        assert not _openssl_accepts(tmp_path, token)
    assert code in _failed(read_token(token, CONTENT, "signature"))


def test_a_signature_over_plain_content_is_no_stamp(tmp_path: Path) -> None:
    """The right authority signed the right words as data: no time is given (RFC 3161 2.4.2, eContentType)."""
    token = _signed(CONTENT, cms.DATA)
    assert not _openssl_accepts(tmp_path, token)
    assert _failed(read_token(token, CONTENT, "signature")) == {"timestamp_format"}


def test_a_token_signed_by_somebody_who_may_not_stamp_is_seen(tmp_path: Path) -> None:
    """A signer's certificate has no critical time-stamping usage: openssl refuses, and our usage check fails."""
    order = replace(_stamp(), certificate=pki.certificate("official"), enclosed=(pki.certificate("official"),))
    token = stamps.make(order, pki.key("official"))
    assert not _openssl_accepts(tmp_path, token)
    assert _failed(read_token(token, CONTENT, "signature")) == {"timestamp_usage"}


def test_a_token_whose_value_was_made_by_another_key_fails_in_both(tmp_path: Path) -> None:
    """The name of the authority with the signature of somebody else is no stamp."""
    token = stamps.make(_stamp(), pki.key("tsa-public"))
    assert not _openssl_accepts(tmp_path, token)
    assert _failed(read_token(token, CONTENT, "signature")) == {"signature_value"}


def test_a_certificate_that_the_token_leaves_out_may_be_handed_in() -> None:
    """Without certReq the certificate stands elsewhere in the document; with it at hand every check holds."""
    token = stamps.make(replace(_stamp(), enclosed=()), pki.key("tsa-duty"))
    assert "signing_certificate" in _failed(read_token(token, CONTENT, "signature"))
    assert _failed(read_token(token, CONTENT, "document", [pki.certificate("tsa-duty")])) == set()


def test_what_is_too_large_to_hold_may_be_given_by_its_digests() -> None:
    """A function from digest to value serves as well as the bytes."""
    token = stamps.make(_stamp(), pki.key("tsa-duty"))
    assert _failed(read_token(token, lambda digest: digest.of(CONTENT), "document")) == set()
    assert _failed(read_token(token, lambda digest: digest.of(b""), "document")) == {"timestamp_imprint"}


def _signed(content: bytes, content_type: str = stamps.TST_INFO) -> bytes:
    certificates = (pki.certificate("tsa-duty"), *pki.chain("tsa-duty"))
    order = cms.Signing(content, certificates[0], certificates, content_type=content_type)
    return cms.wrap(cms.sign(order, pki.key("tsa-duty")))


def _with_info(*fields: bytes) -> TokenFacts:
    """A token, rightly signed, over a TSTInfo of these fields."""
    token = _signed(der.sequence(*fields))
    return read_token(token, CONTENT, "signature")


_HEAD = (
    der.encode_integer(1),
    der.encode_oid(POLICY),
    der.sequence(der.sequence(der.encode_oid(SHA256.oid)), der.encode(der.OCTET_STRING, SHA256.of(CONTENT))),
    der.encode_integer(5),
    der.encode(der.GENERALIZED_TIME, b"20261120030000.25Z"),
)
_ACCURACY = der.sequence(der.encode_integer(2), der.encode(0x80, b"\x05"), der.encode(0x81, b"\x01\xf4"))
_NAME = der.encode(0xA0, der.encode(0xA4, der.sequence()))


def test_every_optional_field_of_a_stamp_is_read() -> None:
    """Accuracy down to microseconds, ordering, nonce, and the authority's name, which is held against its certificate."""
    ordering = der.encode(der.BOOLEAN, b"\xff")
    facts = _with_info(*_HEAD, _ACCURACY, ordering, der.encode_integer(9), _NAME, der.encode(0xA1, b""))
    assert _failed(facts) == {"timestamp_authority_named"}
    assert facts.accuracy_seconds == pytest.approx(2.0055)
    assert facts.gen_time == pki.NOW.replace(microsecond=250000)
    other_name = der.encode(0xA0, der.encode(0x82, b"tsa.example"))
    assert _failed(_with_info(*_HEAD, other_name)) == {"timestamp_authority_named"}


NONSENSE = {
    "no fields": (),
    "version 2": (der.encode_integer(2), *_HEAD[1:]),
    "imprint without value": (*_HEAD[:2], der.sequence(der.sequence(der.encode_oid(SHA256.oid))), *_HEAD[3:]),
    "serial number of 100 bytes": (*_HEAD[:3], der.encode(der.INTEGER, b"\x01" * 100), _HEAD[4]),
    "time without Z": (*_HEAD[:4], der.encode(der.GENERALIZED_TIME, b"20261120030000")),
    "time in a month 13": (*_HEAD[:4], der.encode(der.GENERALIZED_TIME, b"20261320030000Z")),
    "time as UTCTime": (*_HEAD[:4], der.encode(der.UTC_TIME, b"261120030000Z")),
    "unknown field": (*_HEAD, der.encode(der.OCTET_STRING, b"")),
    "nonce twice": (*_HEAD, der.encode_integer(1), der.encode_integer(1)),
    "nonce before accuracy": (*_HEAD, der.encode_integer(1), _ACCURACY),
    "negative accuracy": (*_HEAD, der.sequence(der.encode_integer(-1))),
    "accuracy of 1000 milliseconds": (*_HEAD, der.sequence(der.encode(0x80, b"\x03\xe8"))),
    "accuracy of a string": (*_HEAD, der.sequence(der.encode(der.OCTET_STRING, b"\x01"))),
    "ordering that is neither": (*_HEAD, der.encode(der.BOOLEAN, b"\x01")),
}


@pytest.mark.parametrize("defect", NONSENSE)
def test_a_malformed_stamp_is_a_failed_check_and_no_exception(defect: str) -> None:
    """The signature over the nonsense holds; the format check alone fails, and no time is given."""
    facts = _with_info(*NONSENSE[defect])
    assert _failed(facts) == {"timestamp_format"}
    assert facts.gen_time is None


def test_an_imprint_by_an_unknown_digest_is_no_imprint() -> None:
    """Nothing can be compared, so nothing is stamped."""
    imprint = der.sequence(der.sequence(der.encode_oid("1.2.3.4")), der.encode(der.OCTET_STRING, b"x"))
    facts = _with_info(*_HEAD[:2], imprint, *_HEAD[3:])
    assert _failed(facts) == {"timestamp_imprint"}
    assert facts.algorithms[0].name == "1.2.3.4"


@pytest.mark.parametrize("raw", [b"", b"\x30\x80", b"\x00" * 50, b"\x30\x84\xff\xff\xff\xff"])
def test_bytes_that_are_no_token_give_facts_with_failed_checks(raw: bytes) -> None:
    """Never an exception: the facts say that it is unreadable."""
    assert {"well_formed", "timestamp_format"} <= _failed(read_token(raw, CONTENT, "signature"))


# ---------------------------------------------------------------- request and answer

REQUEST = StampRequest(SHA256.of(CONTENT), SHA256, NONCE)


def _answer(token: bytes) -> bytes:
    return stamps.respond(token)


def test_our_request_is_what_the_witness_and_openssl_read(tmp_path: Path) -> None:
    """SHA-256 imprint, nonce, certificate asked for, and the policy where one is wanted."""
    asked = stamps.read_request(replace(REQUEST, policy=POLICY).encode())
    assert asked == stamps.Asked("sha256", REQUEST.imprint, NONCE, wants_certificate=True, policy=POLICY)
    (tmp_path / "request").write_bytes(REQUEST.encode())
    shown = subprocess.run(
        ["openssl", "ts", "-query", "-in", "request", "-text"], cwd=tmp_path, capture_output=True, text=True, check=True
    ).stdout
    assert "Hash Algorithm: sha256" in shown and f"Nonce: 0x{NONCE:X}" in shown and "Certificate required: yes" in shown


def test_an_answer_made_by_openssl_is_accepted_and_gives_its_token(tmp_path: Path) -> None:
    """`openssl ts -reply` answers our request; every check of ours holds, and openssl verifies the token that we take out."""
    files = {"tsa-duty.pem": [pki.certificate("tsa-duty")], "chain.pem": list(pki.chain("tsa-duty"))}
    for name, certificates in files.items():
        pem = b"".join(x509.load_der_x509_certificate(one).public_bytes(Encoding.PEM) for one in certificates)
        (tmp_path / name).write_bytes(pem)
    (tmp_path / "request").write_bytes(REQUEST.encode())
    (tmp_path / "serial").write_text("1001\n")
    (tmp_path / "tsa.cnf").write_text(
        "[tsa]\ndefault_tsa = one\n[one]\nserial = serial\nsigner_digest = sha256\ndefault_policy = 1.2.3.4\n"
        "digests = sha256\naccuracy = secs:1, millisecs:500\nordering = yes\ntsa_name = yes\ness_cert_id_chain = no\n"
    )
    command = ["openssl", "ts", "-reply", "-config", "tsa.cnf", "-queryfile", "request", "-out", "answer"]
    command += ["-signer", "tsa-duty.pem", "-inkey", str(pki.key_file("tsa-duty")), "-chain", "chain.pem"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    answer = read_answer((tmp_path / "answer").read_bytes(), REQUEST)
    assert [seen for seen in answer.observations if not seen.ok] == []
    assert answer.facts is not None and _failed(answer.facts) == set()
    assert answer.facts.policy_oid == "1.2.3.4" and answer.facts.accuracy_seconds == pytest.approx(1.5)
    assert answer.token is not None and _openssl_accepts(tmp_path, answer.token)


def test_an_answer_is_used_only_when_it_grants_exactly_what_was_asked() -> None:
    """Another nonce, policy, imprint, or signature: the answer is read, its fault is named, and no token comes out."""
    good = stamps.make(_stamp(), pki.key("tsa-duty"))
    assert read_answer(_answer(good), REQUEST).token == good
    assert read_answer(_answer(good), replace(REQUEST, policy=POLICY)).token == good
    cases: list[tuple[StampRequest, bytes, str]] = [
        (replace(REQUEST, nonce=1), good, "timestamp_nonce"),
        (replace(REQUEST, policy="1.2.3"), good, "timestamp_policy"),
        (REQUEST, stamps.make(replace(_stamp(), nonce=None), pki.key("tsa-duty")), "timestamp_nonce"),
        (REQUEST, stamps.make(replace(_stamp(), imprint=SHA256.of(b"")), pki.key("tsa-duty")), "timestamp_imprint"),
        (REQUEST, stamps.make(_stamp(), pki.key("tsa-public")), "signature_value"),
        (replace(REQUEST, digest=DIGESTS["sha512"]), good, "timestamp_imprint"),
    ]
    for request, token, code in cases:
        answer = read_answer(_answer(token), request)
        assert answer.token is None and answer.facts is not None
        assert code in {seen.code for seen in (*answer.observations, *answer.facts.observations) if not seen.ok}


def test_a_refusal_is_told_in_the_words_of_the_authority_made_harmless() -> None:
    """Failure bits by their names; free text escaped, so that a terminal is not steered by it; no token, no exception."""
    refused = read_answer(stamps.refuse("badAlg"), REQUEST)
    assert refused.token is None and refused.failure == "badAlg"
    text = der.sequence(der.encode(0x0C, "không \x1b[31m".encode()))
    late = der.sequence(der.sequence(der.encode_integer(2), text, der.encode(der.BIT_STRING, b"\x01\x00\x02")))
    told = read_answer(late, REQUEST)
    assert told.text == "kh\\xf4ng \\x1b[31m" and told.failure == "timeNotAvailable"
    odd = read_answer(der.sequence(der.sequence(der.encode_integer(2), der.encode(0x0C, b"x"))), REQUEST)
    assert (odd.text, odd.failure, odd.token) == ("", "", None)
    for raw in (
        b"",
        b"\x30\x00",
        b"nothing",
        der.sequence(der.sequence()),
        der.sequence(der.sequence(der.encode_integer(0))),
    ):
        answer = read_answer(raw, REQUEST)
        assert answer.token is None and not answer.observations[0].ok


def test_the_stamped_digest_may_be_asked_for_once_only_for_the_function_that_is_named() -> None:
    """A document of many megabytes is digested by the function that the token names and by no other."""
    asked: list[Digest] = []

    def digest_of(digest: Digest) -> bytes:
        asked.append(digest)
        return digest.of(CONTENT)

    read_token(stamps.make(_stamp(), pki.key("tsa-duty")), digest_of, "document")
    assert asked == [SHA256]
