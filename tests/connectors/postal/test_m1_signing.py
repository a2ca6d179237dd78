"""Notices of donhang are believed by their signature alone: the published one verifies, and no changed byte of it does."""

from __future__ import annotations

import base64
import hashlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.postal.profiles.m1 import PROFILE, signing
from connectors.postal.profiles.m1.signing import NoKey, is_signed, public_key
from connectors.postal.speaking import Hears

from .donhang import VECTOR, as_key_value, as_pem, data_of, key_value, private_key, push, signed
from .m1_orders import account, by_post

KEYS = (public_key(VECTOR.key),)


def test_the_published_notice_verifies() -> None:
    """The vector of postal facts 4.4: its digest is the one that was computed there, and its signature holds."""
    assert hashlib.sha256((VECTOR.data + VECTOR.send_date).encode()).hexdigest() == VECTOR.sha256
    assert is_signed(KEYS, VECTOR.data, VECTOR.send_date, VECTOR.sign_data)


def _changed(text: str) -> list[str]:
    """Every text that differs from `text` in one letter, by its lowest bit, and those that lack one letter."""
    flipped = [text[:at] + chr(ord(text[at]) ^ 1) + text[at + 1 :] for at in range(len(text))]
    return flipped + [text[:at] + text[at + 1 :] for at in range(0, len(text), 17)]


@pytest.mark.parametrize("part", ["Data", "SendDate", "SignData"])
def test_every_changed_byte_is_refused(part: str) -> None:
    """Of the text, of its date and of the signature itself: also the letter of base64 whose last bits mean nothing."""
    whole = {"Data": VECTOR.data, "SendDate": VECTOR.send_date, "SignData": VECTOR.sign_data}
    believed = [
        changed
        for changed in _changed(whole[part])
        if is_signed(KEYS, *({**whole, part: changed}[name] for name in ("Data", "SendDate", "SignData")))
    ]
    assert believed == []


def test_another_spelling_of_the_same_signature_is_refused() -> None:
    """Base64 with other unused bits, with blanks, without padding or of the web alphabet is not what was signed."""
    spelled = VECTOR.sign_data
    assert spelled.endswith("Q==")
    same = spelled[:-3] + "R=="
    assert base64.b64decode(same) == base64.b64decode(spelled)
    others = [same, f" {spelled}", f"{spelled}\n", spelled.rstrip("="), f"{spelled}=", spelled.replace("+", "-")]
    assert [other for other in others if is_signed(KEYS, VECTOR.data, VECTOR.send_date, other)] == []


def test_what_is_signed_is_the_text_and_not_its_meaning() -> None:
    """The same JSON written in another way is another text; moving letters from Data to SendDate is the same sum of bytes."""
    again = json.dumps(json.loads(VECTOR.data), separators=(", ", ": "))
    assert not is_signed(KEYS, again, VECTOR.send_date, VECTOR.sign_data)
    # The carrier joins both without a sign in between; a SendDate that is none refuses what was moved.
    moved = VECTOR.data[:-1], VECTOR.data[-1] + VECTOR.send_date
    assert is_signed(KEYS, *moved, VECTOR.sign_data)
    dialogue = PROFILE.open(account(PROFILE, public_keys=(VECTOR.key,)))
    assert isinstance(dialogue, Hears)
    body = {"Data": moved[0], "SendDate": moved[1], "SignData": VECTOR.sign_data}
    assert dialogue.hear(by_post(body)).ack == "malformed"


def test_a_key_of_1024_bits_is_neither_taken_nor_believed() -> None:
    """The second key beside the vector had 1024 bits: configured it is a fault, and it does not verify."""
    short = private_key(1_024)
    with pytest.raises(NoKey, match="1024 bit"):
        public_key(as_key_value(short))
    weak = public_key(as_key_value(short), 1_024)
    assert not is_signed((weak,), VECTOR.data, VECTOR.send_date, VECTOR.sign_data)
    assert is_signed((weak,), "{}", "x", signed(short, "{}", "x"))


def test_without_keys_nothing_is_believed() -> None:
    """A carrier whose key nobody configured can tell us nothing."""
    assert not is_signed((), VECTOR.data, VECTOR.send_date, VECTOR.sign_data)


def test_old_and_new_key_verify_while_one_replaces_the_other() -> None:
    """Each of several active keys is enough, be it handed over as RSAKeyValue or as PEM; a third one is not."""
    old, new, other = (private_key(number=number) for number in range(3))
    keys = (public_key(as_key_value(old)), public_key(as_pem(new)))
    data, sent = data_of(), "2026-11-21T10:09:30"
    assert is_signed(keys, data, sent, signed(old, data, sent))
    assert is_signed(keys, data, sent, signed(new, data, sent))
    assert not is_signed(keys, data, sent, signed(other, data, sent))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "khóa",
        "<RSAKeyValue><Modulus>AQAB</Modulus></RSAKeyValue>",
        "<RSAKeyValue><Modulus>!!</Modulus><Exponent>AQAB</Exponent></RSAKeyValue>",
        f"<!DOCTYPE x><RSAKeyValue>{VECTOR.modulus}</RSAKeyValue>",
        key_value(VECTOR.modulus, "AA=="),
        key_value(VECTOR.modulus, "Ag=="),
        VECTOR.key + VECTOR.key,
        "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
        VECTOR.key.replace("<Modulus>", "<Modulus>" + "A" * 20_000),
    ],
)
def test_what_is_no_rsa_key_is_a_fault_of_the_settings(text: str) -> None:
    """It is said at the start, not when the first notice comes; nothing of the key is repeated."""
    with pytest.raises(NoKey, match=r"^public_keys: ") as told:
        public_key(text)
    assert VECTOR.modulus[:20] not in str(told.value)


def test_a_key_may_be_written_over_several_lines() -> None:
    """As .NET prints it, with the namespace of XML Signature or without."""
    lines = "\n  ".join(VECTOR.modulus[at : at + 64] for at in range(0, len(VECTOR.modulus), 64))
    text = f"""
    <RSAKeyValue xmlns="http://www.w3.org/2000/09/xmldsig#">
      <Modulus>{lines}</Modulus>
      <Exponent>AQAB</Exponent>
    </RSAKeyValue>
    """
    assert is_signed((public_key(text),), VECTOR.data, VECTOR.send_date, VECTOR.sign_data)


@settings(max_examples=30, deadline=None)
@given(st.binary(max_size=300))
def test_no_bytes_make_the_verification_fail_with_an_error(noise: bytes) -> None:
    """Whatever is presented as a notice is answered: malformed or not believed."""
    dialogue = PROFILE.open(account(PROFILE, public_keys=(VECTOR.key,)))
    assert isinstance(dialogue, Hears)
    text = noise.decode("utf-8", "replace")
    bodies: list[object] = [noise, {"Data": text, "SendDate": text, "SignData": text}]
    assert {dialogue.hear(by_post(body)).ack for body in bodies} <= {"malformed", "bad_signature"}
    assert not is_signed(KEYS, text, VECTOR.send_date, VECTOR.sign_data)


def test_half_of_a_surrogate_pair_is_not_signed_by_anybody() -> None:
    """JSON may escape what has no bytes; there is nothing to verify then, and no error."""
    dialogue = PROFILE.open(account(PROFILE, public_keys=(VECTOR.key,)))
    assert isinstance(dialogue, Hears)
    raw = b'{"Data": "\\ud800", "SendDate": "2026-11-21T10:09:30", "SignData": "AAAA"}'
    assert dialogue.hear(by_post(raw)).ack in ("malformed", "bad_signature")
    assert not signing.is_signed(KEYS, "\ud800", VECTOR.send_date, VECTOR.sign_data)


def test_a_notice_signed_by_the_witness_is_heard() -> None:
    """The witness reads the facts for itself; what it signs we believe."""
    dialogue = PROFILE.open(account(PROFILE, public_keys=(as_pem(private_key()),)))
    assert isinstance(dialogue, Hears)
    heard = dialogue.hear(by_post(push(data_of())))
    assert (heard.ack, len(heard.sightings), heard.fresh) == ("taken", 1, True)
