"""Who calls: forged, bent, borrowed, old and missing signatures at the real door (dossier-model 4.1; RFC 9421, 9530)."""

from __future__ import annotations

import re
import time
from base64 import b64encode
from collections.abc import Callable, Iterator

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.intake.signature import SigningKey, sign_request
from tests.line.program import Answer, ask
from tests.line.running import Line
from tests.line.words import LAPSED, SECTOR, event

pytestmark = pytest.mark.xdist_group("line")

Headers = dict[str, str]
Bend = Callable[[Headers], Headers]


@pytest.fixture(scope="module")
def untouched(line: Line) -> Iterator[str]:
    """A registered dossier of which nothing may be stored here."""
    code = line.new_dossier()
    yield code
    assert line.view(code)["events"] == []
    assert line.pushes(code) == []


def _refused(answer: Answer, status: int, code: str) -> None:
    assert (answer.status, answer.tree["code"]) == (status, code), answer
    assert answer.headers["content-type"] == "application/problem+json"
    assert any(ord(letter) > 127 for letter in answer.tree["detail"])
    assert ("accept-signature" in answer.headers) == (status == 401)


def _flip(text: str) -> str:
    """The same base64 with one bit of the signature turned."""
    return re.sub(r"=:(.)", lambda found: "=:" + ("A" if found[1] != "A" else "B"), text)


FORGED: dict[str, tuple[Bend, str]] = {
    "no_signature": (lambda h: {k: v for k, v in h.items() if not k.startswith("Signature")}, "missing_signature"),
    "no_digest": (lambda h: {k: v for k, v in h.items() if k != "Content-Digest"}, "bad_digest"),
    "digest_of_other_bytes": (
        lambda h: h | {"Content-Digest": "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:"},
        "bad_digest",
    ),
    "digest_by_an_unknown_algorithm": (
        lambda h: h | {"Content-Digest": "md5=:1B2M2Y8AsgTpgAmY7PhCfg==:"},
        "bad_digest",
    ),
    "signature_bent": (lambda h: h | {"Signature": _flip(h["Signature"])}, "bad_signature"),
    "signature_of_nothing": (lambda h: h | {"Signature": "sig1=::"}, "bad_signature"),
    "created_changed_afterwards": (
        lambda h: (
            h | {"Signature-Input": re.sub(r"created=\d+", f"created={int(time.time()) - 1}", h["Signature-Input"])}
        ),
        "bad_signature",
    ),
    "unknown_key": (
        lambda h: h | {"Signature-Input": h["Signature-Input"].replace("SEC-DEMO-1", "SEC-DEMO-9")},
        "unknown_key",
    ),
    "key_of_another_system": (
        lambda h: h | {"Signature-Input": h["Signature-Input"].replace("SEC-DEMO-1", "SEC-DLVN-1")},
        "bad_signature",
    ),
    "another_algorithm": (
        lambda h: h | {"Signature-Input": h["Signature-Input"].replace('"ed25519"', '"rsa-pss-sha512"')},
        "wrong_algorithm",
    ),
    "content_type_exchanged": (lambda h: h | {"Content-Type": "application/json; charset=utf-8"}, "bad_signature"),
}


@pytest.mark.parametrize("defect", FORGED)
def test_a_forged_signature_is_refused_with_401_and_stores_nothing(line: Line, untouched: str, defect: str) -> None:
    """Each way of bending a signed request has its own code; the answer says how to sign."""
    bend, code = FORGED[defect]
    told = event(SECTOR, untouched, 1, "received")
    body = msgspec.json.encode(told)
    headers = bend(line.signed(SECTOR, "POST", "/v1/events", body))
    _refused(ask("POST", f"{line.url()}/v1/events", body, headers), 401, code)
    assert line.get(f"/v1/events/{told['event_id']}", SECTOR).status == 404


def test_a_signature_by_a_key_of_ones_own_making_is_refused(line: Line, untouched: str) -> None:
    """Whoever knows a key id still lacks its private half."""
    body = msgspec.json.encode(event(SECTOR, untouched, 1, "received"))
    forged = SigningKey("SEC-DEMO-1", "ed25519", Ed25519PrivateKey.generate())
    headers = sign_request("POST", "/v1/events", body, forged, int(time.time()))
    _refused(ask("POST", f"{line.url()}/v1/events", body, headers), 401, "bad_signature")


def test_a_body_exchanged_under_a_good_signature_is_refused(line: Line, untouched: str) -> None:
    """The digest binds the bytes."""
    told = event(SECTOR, untouched, 1, "received")
    headers = line.signed(SECTOR, "POST", "/v1/events", msgspec.json.encode(told))
    body = msgspec.json.encode(told | {"state": "processing"})
    _refused(ask("POST", f"{line.url()}/v1/events", body, headers), 401, "bad_digest")


def test_a_signature_for_another_address_is_refused(line: Line, untouched: str) -> None:
    """The path is signed: a read of one dossier is no read of another."""
    headers = line.signed(SECTOR, "GET", f"/v1/dossiers/{untouched}")
    _refused(ask("GET", f"{line.url()}/v1/feed", b"", headers), 401, "bad_signature")
    _refused(ask("GET", f"{line.url()}/v1/dossiers/{untouched}?x=1", b"", headers), 401, "uncovered_component")


def test_a_signature_over_less_than_the_content_is_refused(line: Line, untouched: str) -> None:
    """A set that leaves the digest out lets the content be exchanged: 401 that names what is missing."""
    body = msgspec.json.encode(event(SECTOR, untouched, 1, "received"))
    headers = line.signed(SECTOR, "POST", "/v1/events", body)
    path = "/v1/events"
    params = f'("@method" "@path");created={int(time.time())};keyid="SEC-DEMO-1";alg="ed25519"'
    base = f'"@method": POST\n"@path": {path}\n"@signature-params": {params}'
    signature = b64encode(line.keys[SECTOR].sign(base.encode())).decode()
    bent = headers | {"Signature-Input": f"sig1={params}", "Signature": f"sig1=:{signature}:"}
    answer = ask("POST", f"{line.url()}{path}", body, bent)
    _refused(answer, 401, "uncovered_component")
    assert '"content-digest"' in answer.tree["detail"]


def test_a_clock_ahead_of_ours_is_refused(line: Line, untouched: str) -> None:
    """More than 300 s in the future: 401, stored or not."""
    body = msgspec.json.encode(event(SECTOR, untouched, 1, "received"))
    headers = line.signed(SECTOR, "POST", "/v1/events", body, at=time.time() + 400)
    _refused(ask("POST", f"{line.url()}/v1/events", body, headers), 401, "signature_not_yet_valid")


def test_an_old_signature_over_new_bytes_is_refused(line: Line, untouched: str) -> None:
    """More than 300 s old and never stored: 401 `signature_expired`."""
    told = event(SECTOR, untouched, 1, "received")
    body = msgspec.json.encode(told)
    headers = line.signed(SECTOR, "POST", "/v1/events", body, at=time.time() - 400)
    _refused(ask("POST", f"{line.url()}/v1/events", body, headers), 401, "signature_expired")
    assert line.get(f"/v1/events/{told['event_id']}", SECTOR).status == 404


def test_an_old_signature_over_stored_bytes_answers_duplicate(line: Line) -> None:
    """A client that lost our 202 repeats itself lawfully, hours later and with the very same headers."""
    code = line.new_dossier()
    body = msgspec.json.encode(event(SECTOR, code, 1, "received"))
    first = line.call(SECTOR, "POST", "/v1/events", body)
    old = line.signed(SECTOR, "POST", "/v1/events", body, at=time.time() - 7200)
    again = ask("POST", f"{line.url()}/v1/events", body, old)
    assert (again.status, again.tree["status"], again.tree["original"]) == (200, "duplicate", first.tree)


def test_an_old_signature_reads_nothing(line: Line, untouched: str) -> None:
    """There is no lost answer to repeat for a read."""
    headers = line.signed(SECTOR, "GET", f"/v1/dossiers/{untouched}", at=time.time() - 400)
    _refused(ask("GET", f"{line.url()}/v1/dossiers/{untouched}", b"", headers), 401, "signature_expired")


def test_an_expired_consent_is_refused_with_403(line: Line, untouched: str) -> None:
    """QĐ 3036 Điều 5.7: a good signature of a system whose consent has run out stores nothing."""
    told = event(LAPSED, untouched, 1, "received")
    _refused(line.push(told), 403, "consent_expired")
    _refused(line.get(f"/v1/dossiers/{untouched}", LAPSED), 403, "consent_expired")


def test_a_refused_caller_stands_in_the_log_by_rule_and_route_only(line: Line, untouched: str) -> None:
    """The log names the code and the pattern of the route; what was sent is nowhere in it."""
    body = msgspec.json.encode(event(SECTOR, untouched, 1, "received", sub_state="LỜI-BÍ-MẬT"))
    headers = line.signed(SECTOR, "POST", "/v1/events", body) | {"Signature": "sig1=::"}
    answer = ask("POST", f"{line.url()}/v1/events", body, headers)
    lines = [x for x in line.program.log("gateway").splitlines() if answer.headers["x-correlation-id"] in x]
    assert any('"code":"bad_signature"' in x and '"route":"/v1/events"' in x for x in lines)
    assert "LỜI-BÍ-MẬT" not in line.program.log("gateway")
