"""Entering and revoking consents: over the real store, by the same decision that every event goes through."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gateway.admin.consents import ConsentDesk
from gateway.admin.words import Words as Told
from gateway.audit.events import audit
from gateway.audit.trail import TrailQuery, search
from gateway.config import Intake as IntakePolicy
from gateway.errors import Conflict, IntakeError, Invalid, NotFound
from gateway.evidence.log import chain
from gateway.intake.decide import Decider
from gateway.intake.enrolment import ConsentEntry, Entered, entry_intake
from gateway.intake.entitlement import Proof
from gateway.intake.register import Register
from gateway.intake.snapshot import SnapshotSubject, snapshot_intake
from gateway.journal.model import Signed
from gateway.journal.sqlite import SqliteJournal, StoreOptions
from gateway.records import consents, dossiers
from gateway.records.consents import ConsentKey, ConsentVersion, Registration
from mappings.codec import encode

DAY = date(2026, 1, 1)
# One key will do for all names: here only the prints tell keys apart.
PEM = (
    ed25519.Ed25519PrivateKey.generate()
    .public_key()
    .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    .decode()
)
RESERVED = Registration(
    "RES", (ConsentVersion(1, "", date.min, date.min, keys=(ConsentKey("RES-1", "ed25519", PEM, "r"),)),)
)


def version(*keys: str, **fields: Any) -> ConsentVersion:
    """A consent with these keys."""
    held = tuple(ConsentKey(name, "ed25519", PEM, f"print of {name}") for name in keys)
    return ConsentVersion(**{"version": 0, "number": "1/VB", "dated": DAY, "valid_from": DAY, "keys": held, **fields})


def by(reason: str = "Theo văn bản của chủ quản") -> Entered:
    """Who enters it."""
    return Entered("os:an", reason)


@pytest.fixture
async def store(tmp_path: Path, words: Any, turned: Any) -> AsyncIterator[SqliteJournal]:
    """A store with one system, SEC-A, and a registered dossier; the resolution system is reserved."""
    decide = Decider(words.routes, words.callers, IntakePolicy())
    options = StoreOptions(node="n", kek=bytes(32))
    journal = SqliteJournal.open(tmp_path, options, decide=decide, chain=chain, clock=turned.clock())
    assert await entered(journal, "SEC-A", version("SEC-A-1")) == ""
    told = words.dossier()
    subject = SnapshotSubject(told, dossiers.digest(told))
    await journal.accept(snapshot_intake("RES", encode(told), bytes(32), subject))
    yield journal
    await journal.close()


async def entered(journal: SqliteJournal, system: str, stated: ConsentVersion, **fields: Any) -> str:
    """Enter a version; empty, or every fault in one text."""
    accepted = await journal.accept(
        entry_intake(ConsentEntry(system, stated, by(), reserved={"RES": RESERVED}, **fields))
    )
    answer = msgspec.json.decode(accepted.answer)
    return "" if accepted.status == 200 else " ".join(fault["message_vi"] for fault in answer["faults"])


async def kept(journal: SqliteJournal, system: str) -> Registration:
    """What the store says of a system."""
    record = await journal.record(consents.key(system))
    assert record is not None
    return consents.parse(record)


async def push(journal: SqliteJournal, words: Any, sequence: int, proof: Proof) -> tuple[int, str]:
    """An event of SEC-A under a proof; status, and the code of the refusal."""
    intake = words.said("SEC-A", words.event("SEC-A", sequence, "received"))
    accepted = await journal.accept(replace(intake, subject=replace(intake.subject, proof=proof)))
    return accepted.status, msgspec.json.decode(accepted.answer).get("code", "")


async def test_each_entry_is_a_version_and_none_is_lost(store: SqliteJournal, turned: Any) -> None:
    """Who entered it, when and why stays readable; what was left open is taken from the version in place."""
    turned.now += timedelta(hours=1)
    second = version(procedures=("1.001234",), number="", dated=date.min, valid_from=date.min)
    inherit = frozenset({"number", "dated", "valid_from", "valid_to", "keys"})
    assert await entered(store, "SEC-A", second, inherit=inherit) == ""
    first, now = (await kept(store, "SEC-A")).versions
    assert (first.version, now.version, now.number, now.keys) == (1, 2, "1/VB", first.keys)
    assert now.procedures == ("1.001234",) and first.procedures == ("*",)
    assert now.registered_at == turned.now and (now.registered_by, now.reason) == ("os:an", by().reason)


async def test_every_fault_of_an_entry_is_named_at_once(store: SqliteJournal) -> None:
    """A person mends a form once, not five times; nothing of it is stored."""
    wrong = version(
        "SEC-A-1",
        "RES-1",
        "khóa một",
        number=" ",
        dated=date.min,
        valid_to=date(2025, 1, 1),
        procedures=("a b",),
        states=("flying",),
        certificates=("sha256:zz",),
        authentication="both",
        pull_hosts=("http://x",),
    )
    told = await entered(store, "SEC B", wrong)
    for word in ("Mã hệ thống", "số văn bản", "ngày của văn bản", "đứng trước", "'a b'", "'flying'", "'http://x'"):
        assert word in told, word
    for word in (
        "keyid SEC-A-1 đã đăng ký cho hệ thống SEC-A",
        "keyid RES-1 đã đăng ký cho hệ thống RES",
        "'khóa một'",
    ):
        assert word in told, word
    assert "certificate:HEX" in told
    assert await store.record(consents.key("SEC B")) is None
    assert "Cần ít nhất một khóa" in await entered(store, "SEC-C", version())
    assert "Cần ít nhất một chứng thư" in await entered(store, "SEC-C", version(authentication="certificate"))
    assert "đã hết hiệu lực" in await entered(store, "SEC-C", version("c", valid_to=date(2026, 11, 19)))
    assert "tệp cấu hình" in await entered(store, "RES", version("r2"))


async def test_a_key_belongs_to_one_system_for_ever(store: SqliteJournal) -> None:
    """Neither the same public key under another name, nor the name for another key, also after both were taken out."""
    same = ConsentKey("b", "ed25519", PEM, "print of SEC-A-1")
    assert "đã đăng ký cho hệ thống SEC-A" in await entered(store, "SEC-B", replace(version(), keys=(same,)))
    assert await entered(store, "SEC-A", version("SEC-A-2")) == ""
    assert "đã đăng ký cho hệ thống SEC-A" in await entered(store, "SEC-B", replace(version(), keys=(same,)))
    other = ConsentKey("SEC-A-1", "ed25519", PEM, "print of another")
    assert "khóa mới cần keyid mới" in await entered(store, "SEC-A", replace(version(), keys=(other,)))
    pin = "certificate:" + "a" * 64
    assert await entered(store, "SEC-A", version("SEC-A-2", certificates=(pin,))) == ""
    assert "Chứng thư" in await entered(store, "SEC-B", version("b", certificates=(pin,)))
    assert await entered(store, "SEC-B", version("b")) == ""


async def test_the_configuration_enters_once_and_never_revives(store: SqliteJournal, turned: Any) -> None:
    """What the store knows, revoked or not, no declaration touches."""
    assert await entered(store, "SEC-A", version("SEC-A-9", number="9/VB"), once=True) == ""
    desk = ConsentDesk(store, Register(), turned.clock())
    await desk.revoke(Told("os:an", "chủ quản rút sự đồng ý", details={"system": "SEC-A"}))
    assert await entered(store, "SEC-A", version("SEC-A-9", number="9/VB"), once=True) == ""
    (only,) = (await kept(store, "SEC-A")).versions
    assert only.number == "1/VB" and only.revoked is not None and only.revoked.by == "os:an"


async def test_after_a_revocation_everything_is_stated_anew(store: SqliteJournal, turned: Any) -> None:
    """A consent comes back by a document and by keys that are named, or kept, on purpose."""
    desk = ConsentDesk(store, Register(), turned.clock())
    with pytest.raises(NotFound):
        await desk.revoke(Told("os:an", "chủ quản rút sự đồng ý", details={"system": "SEC-Z"}))
    revoking = Told("os:an", "chủ quản rút sự đồng ý", details={"system": "SEC-A"})
    await desk.revoke(revoking)
    with pytest.raises(Conflict):
        await desk.revoke(revoking)
    anew = {"system": "SEC-A", "number": "2/VB", "dated": "2026-11-20", "procedures": ["*"]}
    with pytest.raises(Invalid) as caught:
        await desk.add(Told("os:an", "chủ quản đồng ý trở lại", details={"system": "SEC-A"}))
    assert len(caught.value.faults) >= 4
    with pytest.raises(Invalid):
        await desk.add(Told("os:an", "chủ quản đồng ý trở lại", details=anew))
    kept_keys = {**anew, "keep_keys": True}
    told = await desk.add(Told("os:an", "chủ quản đồng ý trở lại", details=kept_keys))
    assert told["version"] == 2
    old, new = (await kept(store, "SEC-A")).versions
    assert old.revoked is not None and new.revoked is None and new.keys == old.keys


async def test_the_trail_and_the_proof_commit_with_the_change(store: SqliteJournal, turned: Any) -> None:
    """Number, date, key ids and reason stand in the audit row, with the rows that say who signed; a refusal writes none."""
    desk = ConsentDesk(store, Register(), turned.clock())
    signed = Signed("d1", "0" * 64, (audit("upstream.resumed", "os:an", upstream="x", reason="proof"),))
    told = Told("os:an", "chủ quản rút sự đồng ý", details={"system": "SEC-A"}, signed=signed)
    first = await desk.revoke(told)
    assert await desk.revoke(told) == first, "the very same signed decision is carried out once"
    with pytest.raises(IntakeError):
        await desk.revoke(replace(told, signed=replace(signed, decision_id="d2")))
    rows = [row async for row in search(store, TrailQuery(kinds=frozenset({"consent.revoked", "upstream.resumed"})))]
    rows.sort(key=lambda row: row.kind)
    assert [row.kind for row in rows] == ["consent.revoked", "upstream.resumed"]
    fields = msgspec.json.decode(rows[0].fields)
    assert (fields["system"], fields["number"], fields["date"], fields["keys"]) == (
        "SEC-A",
        "1/VB",
        "2026-01-01",
        ["SEC-A-1"],
    )
    assert fields["reason"] == "chủ quản rút sự đồng ý"
    added = [row async for row in search(store, TrailQuery(kinds=frozenset({"consent.added"})))]
    assert [msgspec.json.decode(row.fields)["keys"] for row in added] == [["SEC-A-1"]]


async def test_words_that_cannot_be_understood_are_refused(store: SqliteJournal, turned: Any) -> None:
    """Unknown details, a date that is none, a key that is none, and no reason."""
    desk = ConsentDesk(store, Register(), turned.clock())
    for details in ({}, {"system": "S", "colour": 1}, {"system": "S", "dated": "hôm nay"}):
        with pytest.raises(Invalid):
            await desk.add(Told("os:an", "chủ quản đồng ý kết nối", details=details))
    key = {"key_id": "k", "algorithm": "ed25519", "public_key": "không phải khóa"}
    with pytest.raises(Invalid) as caught:
        await desk.add(Told("os:an", "chủ quản đồng ý kết nối", details={"system": "S", "keys": [key]}))
    assert "k:" in caught.value.faults[0].message_vi
    with pytest.raises(Invalid):
        await desk.revoke(Told("os:an", "ngắn", details={"system": "SEC-A"}))


async def test_an_accept_is_judged_by_the_record_in_its_own_transaction(
    store: SqliteJournal, words: Any, turned: Any, spoken: Any
) -> None:
    """The door let it in; before its accept the consent was revoked, or its key taken out, or its last day ended."""
    assert await push(store, words, 1, Proof("SEC-A-1")) == (202, "")
    assert await push(store, words, 2, Proof()) == (401, "missing_signature")
    assert await entered(store, "SEC-A", version("SEC-A-2", valid_to=date(2026, 11, 20))) == ""
    assert await push(store, words, 2, Proof("SEC-A-1")) == (401, "unknown_key")
    assert await push(store, words, 2, Proof("SEC-A-2")) == (202, "")
    turned.now = datetime(2026, 11, 20, 17, 0, tzinfo=UTC)
    assert await push(store, words, 3, Proof("SEC-A-2")) == (403, "consent_expired")
    desk = ConsentDesk(store, Register(), turned.clock())
    await desk.revoke(Told("os:an", "chủ quản rút sự đồng ý", details={"system": "SEC-A"}))
    assert await push(store, words, 3, Proof("SEC-A-2")) == (403, "consent_revoked")
    assert await push(store, words, 1, Proof("SEC-A-1")) == (200, ""), "what was stored keeps its receipt"
    other = words.said("SEC-A", words.event("SEC-A", 1, "received", raw_state="x"))
    told = await store.accept(replace(other, subject=replace(other.subject, proof=Proof("SEC-A-1"))))
    assert told.status == 403, "other content under a known id is new, and learns nothing"


async def test_states_and_procedures_are_those_of_the_version_in_force(store: SqliteJournal, words: Any) -> None:
    """A narrower version holds from the next accept: other states are refused, other dossiers do not exist."""
    assert await entered(store, "SEC-A", version("SEC-A-1", states=("received",), procedures=("9.9",))) == ""
    assert await push(store, words, 1, Proof("SEC-A-1")) == (404, "unknown_dossier")
    assert await entered(store, "SEC-A", version("SEC-A-1", states=("processing",))) == ""
    assert await push(store, words, 1, Proof("SEC-A-1")) == (403, "state_not_allowed")


async def test_a_system_that_was_never_entered_is_refused(store: SqliteJournal, words: Any) -> None:
    """Whatever the configuration says of it: the store's register is the truth."""
    accepted = await store.accept(words.said("SEC-B", words.event("SEC-B", 1, "received")))
    assert (accepted.status, msgspec.json.decode(accepted.answer)["code"]) == (403, "consent_missing")


async def test_what_waits_is_let_go_by_the_record_of_this_transaction(
    store: SqliteJournal, words: Any, turned: Any, spoken: Any
) -> None:
    """The view of this process still says every procedure; the record, narrowed since, keeps the waiting event parked."""
    assert (await push(store, words, 2, Proof("SEC-A-1")))[0] == 202
    turned.now += timedelta(hours=1)
    assert await entered(store, "SEC-A", version("SEC-A-1", procedures=("9.999999",))) == ""

    await store.accept(spoken.gap("SEC-A"))
    parked = "event.parked_gap", "event.released"
    assert [row.kind for row in await store.feed(0, 100, feed_only=False) if row.kind in parked] == ["event.parked_gap"]
    turned.now += timedelta(hours=1)
    assert await entered(store, "SEC-A", version("SEC-A-1", procedures=("*",))) == ""
    told = words.dossier(2)
    subject = SnapshotSubject(told, dossiers.digest(told))
    await store.accept(snapshot_intake("RES", encode(told), bytes(32), subject, ("SEC-A",)))
    assert [row.kind for row in await store.feed(0, 100, feed_only=False) if row.kind in parked] == list(parked)
