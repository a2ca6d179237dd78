"""Signed requests: what is let in, and each way of forging named after itself."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from http_message_signatures import HTTPMessageSigner, HTTPSignatureKeyResolver, algorithms

from gateway.errors import Forbidden, Unauthenticated
from gateway.intake.authenticate import not_fresh
from gateway.intake.signature import SignedRequest, SigningKey, as_request, read_default, sign_request

Ground = Any  # The fixture's type lives in conftest, which tests do not import.
NOW = datetime(2026, 11, 20, 8, 4, 7, tzinfo=UTC)
BODY = '{"name":"Trần Văn Mẫu"}'.encode()
Build = Callable[[str, str, tuple[tuple[str, str], ...]], SignedRequest]


def refusal(ground: Ground, headers: dict[str, str], body: bytes = BODY, target: str = "/v1/events") -> str:
    """The code with which a request is refused."""
    with pytest.raises((Unauthenticated, Forbidden)) as caught:
        ground.authenticate(headers, body, target=target)
    return caught.value.code


class Message:
    """A request for the library's signer."""

    def __init__(self, method: str, url: str, headers: dict[str, str]) -> None:
        self.method, self.url, self.headers = method, url, headers


class Resolver(HTTPSignatureKeyResolver):
    """Hands out one private key."""

    def __init__(self, key: object) -> None:
        self._key = key

    def resolve_private_key(self, key_id: str) -> Any:
        return self._key


def library_signed(ground: Ground, components: tuple[str, ...], **more: Any) -> dict[str, str]:
    """Headers signed by the library over `components`, at NOW."""
    kinds = {
        "rsa-pss-sha512": algorithms.RSA_PSS_SHA512,
        "ecdsa-p256-sha256": algorithms.ECDSA_P256_SHA256,
        "ed25519": algorithms.ED25519,
    }
    key = ground.signer()
    digest = base64.b64encode(hashlib.sha256(BODY).digest()).decode()
    message = Message(
        "POST",
        "https://localhost/v1/events",
        {"Content-Type": "application/json", "Content-Digest": f"sha-256=:{digest}:"} | more.pop("headers", {}),
    )
    signer = HTTPMessageSigner(signature_algorithm=kinds[key.algorithm], key_resolver=Resolver(key.private_key))
    signer.sign(
        message, key_id=key.key_id, created=NOW, covered_component_ids=components, use_existing_digest=True, **more
    )
    return message.headers


DEFAULT_SET = ("@method", "@path", "content-digest", "content-type")


def test_a_signed_event_names_its_caller(ground: Ground) -> None:
    """A request signed over the default set is let in as the system that registered the key."""
    caller = ground.authenticate(ground.signed(BODY), BODY)
    assert (caller.system_code, caller.role, caller.fresh) == ("SEC-DEMO", "sector", True)
    assert caller.key_id == ground.signer().key_id


def test_the_default_set_takes_our_reader_not_the_library(ground: Ground) -> None:
    """What our own signer and the library's signer write over the default set is read by the quick reader."""
    assert read_default(as_request("POST", "/v1/events", ground.signed(BODY)), True) is not None
    by_library = library_signed(ground, DEFAULT_SET)
    assert read_default(as_request("POST", "/v1/events", by_library), True) is not None
    assert ground.authenticate(by_library, BODY).fresh


@pytest.mark.parametrize("target", ["/v1/events/019a0f5e", "/v1/feed?after=12&limit=5", "/v1/feed?"])
def test_a_request_without_content_is_signed_over_method_path_and_query(ground: Ground, target: str) -> None:
    """A GET needs no digest; its query, when there is one, must be covered."""
    headers = ground.signed(b"", target=target, method="GET")
    assert ("@query" in headers["Signature-Input"]) == ("?" in target)
    assert ground.authenticate(headers, b"", target=target, method="GET").fresh


def test_an_exchanged_query_is_refused(ground: Ground) -> None:
    """The cursor of the feed cannot be exchanged on the way."""
    headers = ground.signed(b"", target="/v1/feed?after=12", method="GET")
    with pytest.raises(Unauthenticated, match="Chữ ký không đúng"):
        ground.authenticate(headers, b"", target="/v1/feed?after=13", method="GET")
    with pytest.raises(Unauthenticated):
        ground.authenticate(headers, b"", target="/v1/feed", method="GET")


def test_a_query_added_to_a_signed_request_is_refused(ground: Ground) -> None:
    """A signature that does not cover the query does not let a query in."""
    headers = ground.signed(b"", target="/v1/feed", method="GET")
    with pytest.raises(Unauthenticated) as caught:
        ground.authenticate(headers, b"", target="/v1/feed?after=13", method="GET")
    assert caught.value.code == "uncovered_component"


def test_an_empty_content_is_signed_too(ground: Ground) -> None:
    """A POST is signed with the digest of nothing; the same signature does not cover something."""
    headers = ground.signed(b"")
    assert ground.authenticate(headers, b"").fresh
    assert refusal(ground, headers, b"{}") == "bad_digest"


def test_unsigned_request(ground: Ground) -> None:
    """A request without signature headers is refused."""
    assert refusal(ground, {"Content-Type": "application/json"}) == "missing_signature"
    only_input = ground.signed(BODY)
    del only_input["Signature"]
    assert refusal(ground, only_input) == "missing_signature"


def test_forged_signature(ground: Ground) -> None:
    """One changed bit of the signature is one too many."""
    headers = ground.signed(BODY)
    value = bytearray(base64.b64decode(headers["Signature"].removeprefix("sig1=:").removesuffix(":")))
    value[5] ^= 1
    headers["Signature"] = f"sig1=:{base64.b64encode(bytes(value)).decode()}:"
    assert refusal(ground, headers) == "bad_signature"


def test_signature_by_an_unregistered_key_under_a_registered_name(ground: Ground) -> None:
    """The name of a key opens nothing without the key."""
    stranger = ground.signers[f"other-{ground.algorithm}"].private_key
    forged = SigningKey(ground.signer().key_id, ground.algorithm, stranger)
    headers = sign_request("POST", "/v1/events", BODY, forged, int(NOW.timestamp()))
    assert refusal(ground, headers) == "bad_signature"


def test_unknown_key(ground: Ground) -> None:
    """A key that nobody registered is refused."""
    unknown = SigningKey("nobody", ground.algorithm, ground.signer().private_key)
    headers = sign_request("POST", "/v1/events", BODY, unknown, int(NOW.timestamp()))
    assert refusal(ground, headers) == "unknown_key"


def test_swapped_body(ground: Ground) -> None:
    """Other bytes under the same digest header are refused."""
    assert refusal(ground, ground.signed(BODY), BODY + b" ") == "bad_digest"


def test_swapped_body_with_a_fitting_digest(ground: Ground) -> None:
    """A digest that was made to fit other bytes breaks the signature."""
    headers = ground.signed(BODY)
    other = BODY + b" "
    headers["Content-Digest"] = f"sha-256=:{base64.b64encode(hashlib.sha256(other).digest()).decode()}:"
    assert refusal(ground, headers, other) == "bad_signature"


def test_missing_digest(ground: Ground) -> None:
    """A request with content and without its digest is refused."""
    headers = ground.signed(BODY)
    del headers["Content-Digest"]
    assert refusal(ground, headers) == "bad_digest"


def test_covered_set_missing_content_digest(ground: Ground) -> None:
    """A good signature that leaves the content out proves nothing about it."""
    headers = library_signed(ground, ("@method", "@path", "content-type"))
    assert refusal(ground, headers) == "uncovered_component"


def test_covered_set_missing_the_path(ground: Ground) -> None:
    """A good signature that leaves the path out could be sent to another address."""
    headers = library_signed(ground, ("@method", "content-digest", "content-type"))
    assert refusal(ground, headers) == "uncovered_component"


def test_one_member_of_the_digest_does_not_count_for_the_digest(ground: Ground) -> None:
    """A component with parameters is another component."""
    components = ("@method", "@path", '"content-digest";key="sha-256"', "content-type")
    assert refusal(ground, library_signed(ground, components)) == "uncovered_component"


@pytest.mark.parametrize(
    "components",
    [
        (*DEFAULT_SET, "idempotency-key"),
        (*DEFAULT_SET, "@authority"),
        ("@target-uri", *DEFAULT_SET),
        ("content-type", "content-digest", "@path", "@method"),
    ],
)
def test_a_wider_set_in_any_order_is_let_in(ground: Ground, components: tuple[str, ...]) -> None:
    """Who signs more than asked for is welcome."""
    headers = library_signed(ground, components, headers={"Idempotency-Key": "k"}, nonce="n", tag="t")
    assert ground.authenticate(headers, BODY).fresh


def test_another_spelling_of_the_default_set_is_let_in(ground: Ground) -> None:
    """White space that Structured Fields allow is left to the library, and its judgement stands."""
    headers = library_signed(ground, DEFAULT_SET)
    headers["Signature-Input"] = headers["Signature-Input"].replace("=(", "=( ").replace(";keyid", "; keyid")
    assert read_default(as_request("POST", "/v1/events", headers), True) is None
    assert ground.authenticate(headers, BODY).fresh


def test_duplicate_signature_labels(ground: Ground) -> None:
    """The same label twice is refused, even when both say the same."""
    headers = ground.signed(BODY)
    for name in ("Signature-Input", "Signature"):
        headers[name] = f"{headers[name]}, {headers[name]}"
    assert refusal(ground, headers) == "bad_signature"


def test_two_signatures(ground: Ground, raw_request: Build) -> None:
    """A request carries one signature; which of two counts would be a guess."""
    headers = ground.signed(BODY)
    second = {name: headers[name].replace("sig1=", "sig2=") for name in ("Signature-Input", "Signature")}
    request = raw_request("POST", "/v1/events", (*headers.items(), *second.items()))
    with pytest.raises(Unauthenticated) as caught:
        ground.authenticator.authenticate(request, BODY, NOW)
    assert caught.value.code == "bad_signature"


def test_labels_that_do_not_meet(ground: Ground) -> None:
    """A signature under another label than its input is refused."""
    headers = ground.signed(BODY)
    headers["Signature"] = headers["Signature"].replace("sig1=", "sig2=")
    assert refusal(ground, headers) == "bad_signature"


def test_two_content_types(ground: Ground, raw_request: Build) -> None:
    """A second Content-Type beside the signed one is refused."""
    lines = (*ground.signed(BODY).items(), ("content-type", "text/plain"))
    with pytest.raises(Unauthenticated):
        ground.authenticator.authenticate(raw_request("POST", "/v1/events", lines), BODY, NOW)


@pytest.mark.parametrize("algorithm", ["none", "rsa-v1_5-sha256", "hmac-sha256", "ecdsa-p384-sha384", ""])
def test_unknown_algorithm(ground: Ground, algorithm: str) -> None:
    """An algorithm other than the registered one is refused whatever the signature is."""
    headers = ground.signed(BODY)
    headers["Signature-Input"] = headers["Signature-Input"].replace(f'alg="{ground.algorithm}"', f'alg="{algorithm}"')
    assert refusal(ground, headers) in {"wrong_algorithm", "bad_signature"}


def test_hmac_keyed_with_the_public_key(ground: Ground) -> None:
    """A secret that both sides hold proves nothing: HMAC under the public key's bytes is refused."""
    pem = ground.signer().private_key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )  # fmt: skip
    headers = ground.signed(BODY)
    headers["Signature-Input"] = headers["Signature-Input"].replace(f'alg="{ground.algorithm}"', 'alg="hmac-sha256"')
    read = read_default(as_request("POST", "/v1/events", headers), True)
    assert read is not None
    mac = base64.b64encode(hmac.digest(pem, read.base, "sha256")).decode()
    headers["Signature"] = f"sig1=:{mac}:"
    assert refusal(ground, headers) == "wrong_algorithm"


def test_the_algorithm_may_be_left_out(ground: Ground) -> None:
    """Without `alg` the registered algorithm counts."""
    headers = library_signed(ground, DEFAULT_SET, include_alg=False)
    assert "alg=" not in headers["Signature-Input"]
    assert ground.authenticate(headers, BODY).fresh


def test_der_encoded_ecdsa_signature(all_keys: dict[str, SigningKey], ground: Ground) -> None:
    """RFC 9421 3.3.4 writes r and s with 32 octets each; DER is another encoding, and refused."""
    key = all_keys["sec-ecdsa-p256-sha256"]
    headers = sign_request("POST", "/v1/events", BODY, key, int(NOW.timestamp()))
    read = read_default(as_request("POST", "/v1/events", headers), True)
    assert read is not None and isinstance(key.private_key, ec.EllipticCurvePrivateKey)
    der = key.private_key.sign(read.base, ec.ECDSA(hashes.SHA256()))
    headers["Signature"] = f"sig1=:{base64.b64encode(der).decode()}:"
    assert refusal(ground, headers) == "bad_signature"


def test_rsa_signature_with_another_salt_length(all_keys: dict[str, SigningKey], ground: Ground) -> None:
    """RFC 9421 3.3.1 fixes the salt at 64 octets."""
    key = all_keys["sec-rsa-pss-sha512"]
    headers = sign_request("POST", "/v1/events", BODY, key, int(NOW.timestamp()))
    read = read_default(as_request("POST", "/v1/events", headers), True)
    assert read is not None and isinstance(key.private_key, rsa.RSAPrivateKey)
    short = padding.PSS(mgf=padding.MGF1(hashes.SHA512()), salt_length=20)
    value = key.private_key.sign(read.base, short, hashes.SHA512())
    headers["Signature"] = f"sig1=:{base64.b64encode(value).decode()}:"
    assert refusal(ground, headers) == "bad_signature"


def test_old_signature_is_told_apart_not_refused(ground: Ground) -> None:
    """A client that lost our 202 repeats its old bytes: that is for the accept side to judge, which can refuse it."""
    assert ground.authenticate(ground.signed(BODY, at=NOW - timedelta(seconds=300)), BODY).fresh
    assert not ground.authenticate(ground.signed(BODY, at=NOW - timedelta(seconds=301)), BODY).fresh
    assert (not_fresh().status, not_fresh().code) == (401, "signature_expired")


def test_future_signature(ground: Ground) -> None:
    """A signature from the future is refused at once: nothing can be stored under it yet."""
    assert ground.authenticate(ground.signed(BODY, at=NOW + timedelta(seconds=300)), BODY).fresh
    assert refusal(ground, ground.signed(BODY, at=NOW + timedelta(seconds=301))) == "signature_not_yet_valid"


def test_signature_past_its_own_expiry(ground: Ground) -> None:
    """Who limits a signature is taken at their word, to the second."""
    assert ground.authenticate(library_signed(ground, DEFAULT_SET, expires=NOW), BODY).fresh
    expired = library_signed(ground, DEFAULT_SET, expires=NOW - timedelta(seconds=1))
    assert refusal(ground, expired) == "signature_expired"


def test_signature_without_a_time(ground: Ground) -> None:
    """A signature that does not say when it was made could be kept for ever."""
    key = ground.signer()
    headers = ground.signed(BODY)
    params = headers["Signature-Input"].removeprefix("sig1=").replace(f";created={int(NOW.timestamp())}", "")
    read = read_default(as_request("POST", "/v1/events", headers), True)
    assert read is not None
    lines = read.base.decode().split("\n")[:-1]
    base = "\n".join([*lines, f'"@signature-params": {params}']).encode()
    headers["Signature-Input"] = f"sig1={params}"
    headers["Signature"] = f"sig1=:{base64.b64encode(key.sign(base)).decode()}:"
    assert refusal(ground, headers) == "missing_created"


@pytest.mark.parametrize(
    "value",
    [
        "",
        "sig1",
        "sig1=()",
        'sig1=("@method" "@method" "@path" "content-digest");created=1;keyid="k"',
        'sig1=("@method" "@path" "content-digest" "content-type");created=1;created=2;keyid="k"',
        'sig1=("@method" "@path" "content-digest" "content-type");created="1";keyid="k"',
        'sig1=("@method" "@path" "content-digest" "content-type");created=1.5;keyid="k"',
        'sig1=("@method" "@path" "content-digest" "content-type");created=1;keyid=k',
        'sig1=("@method" "@path" "content-digest" "content-type");created=1;keyid="k";evil=?1',
        'sig1=("@method" "@path" "content-digest" "content-type")',
        'sig1=("@METHOD" "@path" "content-digest" "content-type");created=1;keyid="k"',
        'sig1=("@nothing");created=1;keyid="k"',
        "sig1=:YWJj:",
        'sig1=("@method"',
        "((((((((",
        'sig1=("@method" "@path" "content-digest" "content-type");created=99999999999999999999;keyid="k"',
        "s\udcffig1=()",
    ],
)
def test_malformed_signature_input(ground: Ground, value: str) -> None:
    """Whatever stands in the header, the answer is a refusal and never a crash."""
    headers = ground.signed(BODY) | {"Signature-Input": value}
    assert refusal(ground, headers) in {"bad_signature", "unknown_key"}


@pytest.mark.parametrize("value", ["", "sig1=:!:", "sig1=::", "sig1=abc", "sig1=:YWJj", "sig1=?1", "sig1=:YWJ:"])
def test_malformed_signature(ground: Ground, value: str) -> None:
    """A signature that is no byte sequence is refused."""
    headers = ground.signed(BODY) | {"Signature": value}
    assert refusal(ground, headers) == "bad_signature"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda right: "",
        lambda right: f"md5={right}",
        lambda right: f"sha-256={right}, md5=:AAAA:",
        lambda right: f"sha-256={right}, sha-256={right}",
        lambda right: f"sha-256={right}, sha-512={right}",
        lambda right: f"sha-256={right};p",
        lambda right: f"SHA-256={right}",
        lambda right: f"sha-256={right.replace(':', '')}",
        lambda right: "sha-256=::",
    ],
)
def test_malformed_or_unfit_digest(ground: Ground, spoil: Callable[[str], str]) -> None:
    """Every digest that is named must be supported, well written and right."""
    right = f":{base64.b64encode(hashlib.sha256(BODY).digest()).decode()}:"
    headers = ground.signed(BODY) | {"Content-Digest": spoil(right)}
    assert refusal(ground, headers) == "bad_digest"


def test_sha_512_digest(ground: Ground) -> None:
    """SHA-512 is as good as SHA-256, and both together must both be right (RFC 9530)."""
    wide = base64.b64encode(hashlib.sha512(BODY).digest()).decode()
    narrow = base64.b64encode(hashlib.sha256(BODY).digest()).decode()
    for value in (f"sha-512=:{wide}:", f"sha-512=:{wide}:, sha-256=:{narrow}:"):
        headers = library_signed(ground, DEFAULT_SET, headers={"Content-Digest": value})
        assert ground.authenticate(headers, BODY).fresh
