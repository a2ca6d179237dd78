"""The signed opening of a chain: who holds the store, but not the key, cannot write its past anew."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import apsw
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from gateway.errors import ConfigError
from gateway.evidence.check import Report, check
from gateway.evidence.log import chain
from gateway.evidence.openings import OpeningKey, Trust, Verdict, judged, trusting
from gateway.journal.books import row_digest
from gateway.journal.bound import BOUND
from mappings.codec import encode_sorted
from tests.unit.evidence.lively import Lively
from tests.unit.evidence.test_check import asked, by_hand


def pem() -> str:
    """A new private key."""
    key = Ed25519PrivateKey.generate()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


OURS, OTHERS = OpeningKey(pem()), OpeningKey(pem())
TRUST = Trust(frozenset({OURS.public}))


def lived(folder: Path, *keys: OpeningKey | None) -> Path:
    """A store at work, then started once with each of these keys."""
    lively = Lively(folder)
    if keys[0] is not None:
        lively.vouch = keys[0].vouch
    asyncio.run(lively.live())

    async def restart() -> None:
        for key in keys[1:]:
            again = Lively(folder, lively.turned)
            if key is not None:
                again.vouch = key.vouch
            await again.open().close()

    asyncio.run(restart())
    return folder


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two starts, both signed with our key."""
    return lived(tmp_path_factory.mktemp("signed") / "store", OURS)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two starts that nobody signed."""
    return lived(tmp_path_factory.mktemp("plain") / "store", None)


def rewritten(connection: apsw.Connection) -> None:
    """Edit a row and make everything that vouches for it anew: all that can be done with the file and this program."""
    first, second = [
        id_ for (id_,) in asked(connection, "SELECT id FROM record WHERE kind = 'chain_opening' ORDER BY length(state)")
    ]
    connection.execute("UPDATE audit SET actor = 'somebody else' WHERE position = 2")
    anew(connection, first, {("audit", 2): row(connection, "audit", "position = 2")})
    ((raw,),) = asked(connection, "SELECT state FROM record WHERE kind = 'chain_opening' AND id = ?", second)
    state = msgspec.json.decode(raw)
    ((head,),) = asked(connection, "SELECT digest FROM leaf WHERE writer = ? ORDER BY n DESC LIMIT 1", first)
    state["heads"][first]["digest"] = head.hex()
    connection.execute(
        "UPDATE record SET state = ? WHERE kind = 'chain_opening' AND id = ?", (encode_sorted(state), second)
    )
    opening = ("record", "chain_opening", second)
    told = row(connection, "record", f"kind = 'chain_opening' AND id = '{second}'")
    anew(connection, second, {opening: told}, hashlib.sha256(encode_sorted(state)).digest())


def row(connection: apsw.Connection, table: str, where: str) -> bytes:
    """The digest of a row as it stands."""
    (found,) = asked(connection, f"SELECT {BOUND[table].columns} FROM {table} WHERE {where}")
    return row_digest(table, *found)


def anew(connection: apsw.Connection, writer: str, rows: dict[tuple[Any, ...], bytes], first: bytes = b"") -> None:
    """Make a chain again over other digests of some rows; `first` for the first that its first leaf covers."""
    head = b""
    for n, covers, about, old in asked(
        connection, "SELECT n, covers, about, digest FROM leaf WHERE writer = ? ORDER BY n", writer
    ):
        digests = [covers[at : at + 32] for at in range(0, len(covers), 32)]
        names = [tuple(name) for name in msgspec.json.decode(about)[3]]
        for at, name in enumerate(names, len(digests) - 1 - len(names)):
            digests[at] = rows.get(name, digests[at])
        if n == 1 and first:
            digests[0] = first
        head = chain(head, tuple(digests))
        connection.execute(
            "UPDATE leaf SET covers = ?, digest = ? WHERE writer = ? AND n = ?", (b"".join(digests), head, writer, n)
        )
        connection.execute("UPDATE receipt SET leaf = ? WHERE leaf = ?", (head, old))


def spoiled(store: Path, copy: Path, touch: Callable[[apsw.Connection], object], trust: Trust = TRUST) -> Report:
    """The report on a copy that somebody had in hand."""
    shutil.copytree(store, copy)
    by_hand(copy, touch)
    return check(copy, trust)


def test_every_opening_is_signed_and_the_report_counts_them(signed: Path, plain: Path) -> None:
    """With a key all of them hold; without one the check says so, and holds all the same."""
    with_key, without = check(signed, TRUST), check(plain)
    assert (with_key.holds, with_key.signed, with_key.unsigned, with_key.notes_vi) == (True, 2, 0, [])
    assert (without.holds, without.signed, without.unsigned) == (True, 0, 2)
    nobody = check(signed)
    assert nobody.holds and "đáng tin" in nobody.notes_vi[0], "the key that came along proves little"


def test_a_past_that_was_written_anew_is_found_by_the_signature_alone(
    signed: Path, plain: Path, tmp_path: Path
) -> None:
    """Chains, openings, receipts, all made again over an edit: an unsigned store cannot tell, a signed one does."""
    assert spoiled(plain, tmp_path / "plain", rewritten, Trust()).holds, "this is what the chain alone cannot see"
    report = spoiled(signed, tmp_path / "signed", rewritten)
    assert ["Chữ ký" in fault.reason_vi for fault in report.faults] == [True]


def test_a_signature_that_was_taken_away_or_made_with_another_key_is_found(signed: Path, tmp_path: Path) -> None:
    """Once our key has signed, no chain is opened without it."""

    def stripped(connection: apsw.Connection) -> None:
        for writer, raw in asked(connection, "SELECT id, state FROM record WHERE kind = 'chain_opening'"):
            state = msgspec.json.decode(raw)
            del state["signature"]
            put(connection, writer, state)

    def resigned(connection: apsw.Connection) -> None:
        for writer, raw in asked(connection, "SELECT id, state FROM record WHERE kind = 'chain_opening'"):
            state = msgspec.json.decode(raw)
            del state["signature"]
            put(connection, writer, {**state, "signature": OTHERS.vouch(encode_sorted(state))})

    def put(connection: apsw.Connection, writer: str, state: object) -> None:
        raw = encode_sorted(state)
        connection.execute("UPDATE record SET state = ? WHERE kind = 'chain_opening' AND id = ?", (raw, writer))

    told = [fault.reason_vi for fault in spoiled(signed, tmp_path / "a", stripped).faults]
    assert any("không được ký" in reason for reason in told)
    told = [fault.reason_vi for fault in spoiled(signed, tmp_path / "b", resigned).faults]
    assert any("không đáng tin" in reason for reason in told)


def test_a_store_that_gets_its_key_later_holds_and_one_that_loses_it_does_not(tmp_path: Path) -> None:
    """Openings of before stay unsigned; from the first signed one on each must be."""
    later = check(lived(tmp_path / "later", None, OURS), TRUST)
    assert (later.holds, later.signed, later.unsigned) == (True, 1, 2)
    lost = check(lived(tmp_path / "lost", OURS, None, OURS), TRUST)
    assert [("không được ký" in fault.reason_vi, fault.n) for fault in lost.faults] == [(True, 1)]
    never = check(lived(tmp_path / "never", None), TRUST)
    assert ["không được ký" in fault.reason_vi for fault in never.faults] == [True], "its newest start had no key"


def test_what_is_no_key_of_ours_is_refused_without_a_letter_of_it() -> None:
    """PEM of another kind, nonsense, a public key in place of a private one."""
    other = generate_private_key(SECP256R1())
    wrong = other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    for text in (wrong, "nonsense"):
        with pytest.raises(ConfigError) as refused:
            OpeningKey(text)
        assert text.splitlines()[-1] not in str(refused.value)
    public = other.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    for text in (public, "nonsense"):
        with pytest.raises(ConfigError):
            trusting([text])
    assert repr(OURS) == "OpeningKey()"


def test_what_stands_in_place_of_a_signature_is_judged_and_ends_nothing() -> None:
    """Whatever somebody wrote there."""
    good = {"heads": {}, "node": "n", "opened_at": "2026-11-20T01:00:00Z", "writer": "n/1"}
    assert judged(encode_sorted(good), TRUST) is Verdict.UNSIGNED
    assert judged(b"\xff", TRUST) is Verdict.UNSIGNED
    whole = {**good, "signature": OURS.vouch(encode_sorted(good))}
    assert judged(encode_sorted(whole), TRUST) is Verdict.HOLDS
    assert judged(encode_sorted({**whole, "node": "m"}), TRUST) is Verdict.BROKEN
    signature = cast("dict[str, object]", whole["signature"])
    odds: tuple[object, ...] = ({}, 1, {"key": "x", "value": "y"}, {"key": "", "value": ""}, {**signature, "more": 1})
    for odd in odds:
        assert judged(encode_sorted({**good, "signature": odd}), TRUST) is Verdict.BROKEN
