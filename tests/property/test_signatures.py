"""Our signature reader against the library as its oracle: it never accepts what the library refuses.

And for the default set in canonical writing it accepts what the library accepts. Both sides see the same request; only
our own policy (which components must be covered, one digest header, no unknown parameters) may refuse more.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from http_message_signatures import (
    HTTPMessageSignaturesException,
    HTTPMessageSigner,
    HTTPMessageVerifier,
    HTTPSignatureKeyResolver,
    algorithms,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import Unauthenticated
from gateway.intake.authenticate import Authenticator
from gateway.intake.register import Register, read_key
from gateway.intake.signature import (
    PublicKey,
    SignedRequest,
    SigningKey,
    digest_matches,
    read_default,
    sign_request,
    verifies,
)
from gateway.records.consents import ConsentVersion, Registration

KINDS: dict[str, Any] = {
    "rsa-pss-sha512": algorithms.RSA_PSS_SHA512,
    "ecdsa-p256-sha256": algorithms.ECDSA_P256_SHA256,
    "ed25519": algorithms.ED25519,
}
KEYS: dict[str, SigningKey] = {
    "rsa-pss-sha512": SigningKey("rsa-pss-sha512", "rsa-pss-sha512", rsa.generate_private_key(65537, 2048)),
    "ecdsa-p256-sha256": SigningKey("ecdsa-p256-sha256", "ecdsa-p256-sha256", ec.generate_private_key(ec.SECP256R1())),
    "ed25519": SigningKey("ed25519", "ed25519", ed25519.Ed25519PrivateKey.generate()),
}
NOW = 1_795_161_847
DEFAULT = ("@method", "@path", "content-digest", "content-type")

_segment = st.text("abcXYZ019.-_~!$&'()*+,;=:@", max_size=8) | st.sampled_from(["%20", "%2F", "000.00.00.G16-1"])
_paths = st.lists(_segment, min_size=1, max_size=4).map(lambda parts: "/" + "/".join(parts))
_queries = st.none() | st.text("ab0=&?/%:".replace("%", ""), max_size=10)
_bodies = st.binary(max_size=80)
_methods = st.sampled_from(["GET", "POST", "PUT", "DELETE"])
_algorithms = st.sampled_from(sorted(KINDS))
_labels = st.from_regex(r"[a-z*][a-z0-9_.*-]{0,8}", fullmatch=True)
_header_texts = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=20)


class Keys(HTTPSignatureKeyResolver):
    """One key for both sides."""

    def __init__(self, key: SigningKey) -> None:
        self._key = key

    def resolve_public_key(self, key_id: str) -> PublicKey | None:
        """The public half, under its own name only."""
        return self._key.private_key.public_key() if key_id == self._key.key_id else None

    def resolve_private_key(self, key_id: str) -> Any:
        """The private half."""
        return self._key.private_key


class Timeless(HTTPMessageVerifier):
    """The library without its clock: times are another test's matter."""

    def validate_created_and_expires(self, sig_input: Any, max_age: Any = None) -> None:
        """Nothing."""


@dataclass
class Message:
    """A request as the library wants it."""

    method: str
    url: str
    headers: dict[str, str]


class Lines:
    """Field lines, repeated ones included."""

    def __init__(self, lines: tuple[tuple[str, str], ...]) -> None:
        self._lines = lines

    def items(self) -> tuple[tuple[str, str], ...]:
        """The lines in order."""
        return self._lines


def library_accepts(request: SignedRequest, body: bytes, algorithm: str) -> bool:
    """Whether the library finds one good signature by the key of `algorithm`, and a fitting digest if there is one."""
    suffix = "" if request.query is None else f"?{request.query}"
    message: Any = Message(request.method, f"https://localhost{request.path}{suffix}", {})
    message.headers = Lines(request.headers)
    verifier = Timeless(signature_algorithm=KINDS[algorithm], key_resolver=Keys(KEYS[algorithm]))
    covered_digest = bool(request.lines("content-digest"))
    try:
        verifier.verify(message, max_age=None, body=body if covered_digest else None)
    except HTTPMessageSignaturesException:
        return False
    return True


def we_accept(request: SignedRequest, body: bytes, algorithm: str) -> bool:
    """Whether our reader takes it and finds signature, key, algorithm and digest good."""
    digests = request.lines("content-digest")
    if digests and not digest_matches(digests, body):
        return False
    read = read_default(request, bool(body))
    if read is None or read.key_id != algorithm or read.algorithm not in ("", algorithm):
        return False
    return verifies(KEYS[algorithm].private_key.public_key(), read.signature, read.base)


def request_of(method: str, path: str, query: str | None, headers: dict[str, str]) -> SignedRequest:
    """A request from its parts."""
    return SignedRequest(method, path, query, tuple(headers.items()))


@given(_algorithms, _methods, _paths, _queries, _bodies)
@settings(deadline=None)
def test_what_we_sign_the_library_accepts(
    algorithm: str, method: str, path: str, query: str | None, body: bytes
) -> None:
    """The signing side speaks RFC 9421 as the library understands it, and so does our reader."""
    target = path if query is None else f"{path}?{query}"
    headers = sign_request(method, target, body, KEYS[algorithm], NOW)
    request = request_of(method, path, query, headers)
    assert we_accept(request, body, algorithm)
    assert library_accepts(request, body, algorithm)


@st.composite
def _library_signed(draw: st.DrawFn) -> tuple[SignedRequest, bytes, str]:
    """A request signed by the library over a default set, with whatever parameters and spelling it likes."""
    algorithm, path, body, query = draw(_algorithms), draw(_paths), draw(_bodies), draw(_queries)
    suffix = "" if query is None else f"?{query}"
    name, hasher = draw(st.sampled_from([("sha-256", hashlib.sha256), ("sha-512", hashlib.sha512)]))
    digest = base64.b64encode(hasher(body).digest()).decode()
    content_type = draw(st.sampled_from(["application/json", "application/json; charset=utf-8", " text/x\ty "]))
    message: Any = Message(
        draw(st.sampled_from(["POST", "PUT"])),
        f"https://localhost{path}{suffix}",
        {"Content-Type": content_type, "Content-Digest": f"{name}=:{digest}:"},
    )
    names = DEFAULT if query is None else (*DEFAULT, "@query")
    signer = HTTPMessageSigner(signature_algorithm=KINDS[algorithm], key_resolver=Keys(KEYS[algorithm]))
    signer.sign(
        message,
        key_id=algorithm,
        created=dt.datetime.fromtimestamp(NOW, dt.UTC),
        expires=draw(st.none() | st.just(dt.datetime.fromtimestamp(NOW + 60, dt.UTC))),
        nonce=draw(st.none() | st.text("abcXYZ0 ~!", max_size=12)),
        tag=draw(st.none() | st.text("abcXYZ0-", max_size=12)),
        label=draw(_labels),
        include_alg=draw(st.booleans()),
        covered_component_ids=draw(st.permutations(names)),
        use_existing_digest=True,
    )
    return request_of(message.method, path, query, message.headers), body, algorithm


@given(_library_signed())
@settings(deadline=None)
def test_what_the_library_signs_over_the_default_set_we_accept(signed: tuple[SignedRequest, bytes, str]) -> None:
    """Nobody who signs the default set in canonical writing needs the slow path."""
    request, body, algorithm = signed
    assert library_accepts(request, body, algorithm)
    assert we_accept(request, body, algorithm)


_INSERTED = st.sampled_from([" ", "\t", ",", ";", '"', "=", "(", ")", ":", "\\", "0", "A", "\n", "é", "/", "?", "%"])


def _mutated(draw: st.DrawFn, text: str) -> str:
    """The text with one small change: a character inserted, removed, replaced or doubled, or the whole doubled."""
    if not text:
        return draw(_INSERTED)
    at = draw(st.integers(0, len(text) - 1))
    how = draw(st.integers(0, 4))
    if how == 0:
        return text[:at] + draw(_INSERTED) + text[at:]
    if how == 1:
        return text[:at] + text[at + 1 :]
    if how == 2:
        return text[:at] + draw(_INSERTED) + text[at + 1 :]
    return text[:at] + text[at] + text[at:] if how == 3 else f"{text}, {text}"


@st.composite
def _tampered(draw: st.DrawFn) -> tuple[SignedRequest, bytes, str]:
    """A good request with one to three changes anywhere: header, path, query, method, body, repeated lines, other key."""
    request, body, algorithm = draw(_library_signed())
    method, path, query, lines = request.method, request.path, request.query, list(request.headers)
    for _ in range(draw(st.integers(1, 3))):
        what = draw(st.integers(0, 8))
        if what == 0:
            method = draw(st.sampled_from(["POST", "PUT", "PATCH", "post", "P OST"]))
        elif what == 1:
            path = _mutated(draw, path)
        elif what == 2:
            query = draw(_queries)
        elif what == 3:
            body = body + b"x"
        elif what == 4:
            lines.append(draw(st.sampled_from(lines)))
        elif what == 5:
            algorithm = draw(_algorithms)
        else:
            index = draw(st.integers(0, len(lines) - 1))
            lines[index] = (lines[index][0], _mutated(draw, lines[index][1]))
    return SignedRequest(method, path, query, tuple(lines)), body, algorithm


def _declared(name: str, key: SigningKey) -> Registration:
    pem = key.private_key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    keys = (read_key(name, key.algorithm, pem),)
    return Registration(name, (ConsentVersion(1, "", dt.date.min, dt.date.min, keys=keys),))


AUTHENTICATOR = Authenticator(Register({name: _declared(name, key) for name, key in KEYS.items()}), 300)


@given(_tampered())
@settings(deadline=None, max_examples=600)
def test_we_never_let_in_what_the_library_refuses(tampered: tuple[SignedRequest, bytes, str]) -> None:
    """However a request was changed: neither our quick reader alone lets it in, nor the whole door with its policy.

    A refusal is always ours, and who is let in signed this request.
    """
    request, body, algorithm = tampered
    if we_accept(request, body, algorithm):
        assert library_accepts(request, body, algorithm)
    try:
        caller = AUTHENTICATOR.authenticate(request, body, dt.datetime.fromtimestamp(NOW, dt.UTC))
    except Unauthenticated:
        return
    assert library_accepts(request, body, caller.key_id)


_params = st.lists(
    st.sampled_from(
        [
            ";created=1",
            ";created=01",
            ";created=-1",
            ";created=1.0",
            ";created",
            ';created="1"',
            ";expires=2",
            ';keyid="ed25519"',
            ';keyid="rsa-pss-sha512"',
            ";keyid=ed25519",
            ';alg="ed25519"',
            ';alg="hmac-sha256"',
            ';nonce="a\\"b"',
            ';nonce="a\\\\b"',
            ';tag=""',
            ";x=1",
            "; created=1",
            ";created= 1",
        ]
    ),
    max_size=5,
).map("".join) | st.sampled_from(
    ["", ";expires=2", ';alg="ed25519"', ';nonce="n ~"', ';tag=""', ';nonce="a\\\\b"', ";created=1", ";x"]
).map(lambda more: f';created=1;keyid="ed25519"{more}')
_components = st.permutations([f'"{name}"' for name in DEFAULT]).map(" ".join) | st.lists(
    st.sampled_from(
        ['"@method"', '"@path"', '"content-digest"', '"content-type"', '"@query"', '"@path";req', '"x"', "@method"]
    ),
    max_size=6,
).map(" ".join)


@given(_components, _params, _header_texts)
@settings(deadline=None, max_examples=400)
def test_we_sign_and_read_nothing_that_the_library_reads_otherwise(components: str, params: str, junk: str) -> None:
    """For any Signature-Input: when our reader takes it, a signature over *its* base satisfies the library.

    So the base that we build is the base that the library builds, byte for byte.
    """
    digest = base64.b64encode(hashlib.sha256(b"{}").digest()).decode()
    headers = {
        "Content-Type": "application/json",
        "Content-Digest": f"sha-256=:{digest}:",
        "X": junk,
        "Signature-Input": f"s=({components}){params}",
        "Signature": "s=:" + base64.b64encode(b"0" * 64).decode() + ":",
    }
    read = read_default(request_of("POST", "/v1/events", None, headers), True)
    if read is None:
        return
    value = KEYS["ed25519"].sign(read.base)
    headers["Signature"] = f"s=:{base64.b64encode(value).decode()}:"
    request = request_of("POST", "/v1/events", None, headers)
    if read.key_id == "ed25519" and read.algorithm in ("", "ed25519"):
        assert library_accepts(request, b"{}", "ed25519")


@given(st.text(st.characters(max_codepoint=0x2FF), max_size=120), st.text(max_size=60))
def test_our_reader_never_crashes(stated: str, given_signature: str) -> None:
    """Whatever stands in the headers, the answer is a reading or none."""
    headers = {"Signature-Input": stated, "Signature": given_signature, "Content-Digest": stated}
    read_default(request_of("GET", "/", None, headers), False)
    digest_matches([stated], b"")


@given(_bodies, st.text('sha-256=:512,; AQ/+"', max_size=80) | st.just(""), st.booleans(), st.booleans())
def test_digest_agrees_with_the_library(body: bytes, junk: str, narrow: bool, wide: bool) -> None:
    """We accept no Content-Digest that the library refuses, and every canonical one that it accepts."""
    members = []
    if narrow:
        members.append(f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:")
    if wide:
        members.append(f"sha-512=:{base64.b64encode(hashlib.sha512(body).digest()).decode()}:")
    canonical = ", ".join(members)
    assert digest_matches([canonical], body) == bool(members)
    for value in (canonical, canonical + junk, junk):
        try:
            HTTPMessageVerifier.content_digest_class.verify(value, body)
            theirs = True
        except HTTPMessageSignaturesException:
            theirs = False
        assert theirs or not digest_matches([value], body)
