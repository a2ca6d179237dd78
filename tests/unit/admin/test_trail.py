"""The trail is searched and exported by those who may, each read is in it first, and an export is judged without us."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.admin.proofs import Judged, StoreLeaf, bound_by, judge
from gateway.audit.catalogue import markdown
from gateway.errors import IntakeError

PURPOSE = "Kiểm tra định kỳ quý IV"


async def _searched(hall: Any, name: str = "chi", **asked: Any) -> Any:
    """One page of the trail."""
    envelope = await hall.envelope(name, "audit-search", PURPOSE, details=asked)
    return await hall.desk.trail.search(await hall.desk.decisions.reader("audit-search", envelope, "os:truc"))


async def _exported(hall: Any, name: str = "chi", **asked: Any) -> list[bytes]:
    envelope = await hall.envelope(name, "audit-export", PURPOSE, details=asked)
    words = await hall.desk.decisions.reader("audit-export", envelope, "os:truc")
    lines = await hall.desk.trail.export(words, await hall.desk.decisions.installation())
    return [line async for line in lines]


async def _lived(hall: Any) -> None:
    """A few decisions, one of them by two people, and a refused one."""
    await hall.add("binh", "operator")
    await hall.say("binh", "resume", upstream="resolution")
    answer = await hall.say("chi", "pause", upstream="national")
    (row,) = (await hall.desk.decisions.proposals())["proposals"]
    details = {"proposal": answer["proposal"], "digest": row["digest"]}
    await hall.say("binh", "approve", "Đã kiểm tra, đồng ý", details=details)


async def _leaves(hall: Any) -> list[StoreLeaf]:
    found = []
    for head in (await hall.desk.trail.leaves("", 0))["leaves"]:
        for leaf in (await hall.desk.trail.leaves(head["writer"], 0))["leaves"]:
            covers = [bytes.fromhex(cover) for cover in leaf["covers"]]
            found.append(StoreLeaf(leaf["writer"], leaf["n"], bytes.fromhex(leaf["digest"]), covers))
    return found


def _kinds(page: Any) -> list[str]:
    return [msgspec.json.decode(row)["kind"] for row in page["rows"]]


async def test_every_word_of_a_question_narrows(hall: Any) -> None:
    """Kind, actor, upstream, text in the fields, time; and pages follow each other without a row lost or doubled."""
    await _lived(hall)
    assert _kinds(await _searched(hall, kinds=["upstream.paused"])) == ["upstream.paused"]
    assert set(_kinds(await _searched(hall, upstream="national"))) == {"upstream.paused"}
    assert "operator.added" in _kinds(await _searched(hall, text="XÁC MINH"))
    assert _kinds(await _searched(hall, text="không có chữ này")) == []
    assert set(_kinds(await _searched(hall, actor="binh"))) == {"decision.taken", "upstream.resumed"}
    assert _kinds(await _searched(hall, until="2026-11-23T07:59:59Z")) == []
    whole = (await _searched(hall, limit=1_000))["rows"]
    paged: list[Any] = []
    after = 0
    while len(paged) < len(whole):
        page = await _searched(hall, limit=3, after=after)
        assert len(page["rows"]) == 3 or page["next"] is None
        paged += page["rows"]
        after = page["next"] or 0
    assert paged[: len(whole)] == whole


async def test_each_read_is_in_the_trail_before_its_answer(hall: Any) -> None:
    """Who, what, why; the dossier that was asked about; never the text that was looked for, which may be a name."""
    page = await _searched(hall, dossier="H-1", text="Nguyễn Văn Mẫu", kinds=["personal.read"])
    ((_, actor, fields),) = await hall.trail("personal.read")
    assert actor == "chi" and fields["purpose"] == PURPOSE and fields["route"] == "audit-search"
    assert "Nguyễn" not in str(fields)
    (row,) = [row for row in await hall.journal.feed(0, 100, feed_only=False) if row.kind == "personal.read"]
    assert row.dossier == "H-1" and page["rows"] == []
    await _exported(hall)
    assert [fields["route"] for _, _, fields in await hall.trail("personal.read")] == ["audit-search", "audit-export"]


async def test_an_auditor_reads_and_decides_nothing_and_an_operator_reads_nothing(hall: Any) -> None:
    """The table of roles holds for reads as for decisions; refused reads leave no personal.read."""
    await hall.add("kiem", "auditor")
    await hall.add("binh", "operator")
    assert (await _searched(hall, "kiem"))["rows"]
    assert await _exported(hall, "kiem")
    with pytest.raises(IntakeError) as caught:
        await hall.say("kiem", "resume", upstream="national")
    assert caught.value.code == "role_missing"
    before = await hall.trail("personal.read")
    for reading in (_searched, _exported):
        with pytest.raises(IntakeError) as caught:
            await reading(hall, "binh")
        assert caught.value.code == "role_missing"
    assert await hall.trail("personal.read") == before


async def test_an_export_is_whole_signed_and_bound(building: Any) -> None:
    """Judged from the file alone, then against the leaves of the store, over two lives of the process."""
    async with building.open() as hall:
        await hall.found()
        await _lived(hall)
    async with building.open() as hall:
        lines = await _exported(hall)
        judged = judge(lines)
        assert judged.faults == [] and judged.rows == len(lines) - 1 and judged.decisions == 4
        if building.kind == "sqlite":
            assert len(judged.heads) == 2 and bound_by(judged, await _leaves(hall)) == []


def _altered(lines: list[bytes], old: bytes, new: bytes) -> list[bytes]:
    changed = [line.replace(old, new) for line in lines]
    assert changed != lines
    return changed


async def test_whatever_is_changed_in_an_export_is_named(hall: Any) -> None:
    """A row left out, a word changed, rows swapped, the end cut off, something added."""
    await _lived(hall)
    lines = await _exported(hall)
    for broken in (
        lines[:2] + lines[3:],
        _altered(lines, b"upstream.resumed", b"upstream.paused"),
        [lines[1], lines[0], *lines[2:]],
        lines[:-1],
        [*lines, lines[0]],
        [*lines[:-1], b"rubbish\n", lines[-1]],
        [],
    ):
        assert judge(broken).faults, broken


def _resealed(lines: list[bytes]) -> list[bytes]:
    """The closing line made again by a forger, who can compute a SHA-256 as well as we can."""
    import hashlib

    closing = msgspec.json.decode(lines[-1])
    closing["export"] |= {"rows": len(lines) - 1, "sha256": hashlib.sha256(b"".join(lines[:-1])).hexdigest()}
    return [*lines[:-1], msgspec.json.encode(closing)]


async def test_a_forged_export_is_caught_by_signatures_or_by_the_leaves(building: Any) -> None:
    """Signed words cannot be changed; rows that carry no signature are held against the evidence."""
    if building.kind == "memory":
        pytest.skip("the leaves of the memory journal cover no rows")
    async with building.open() as hall:
        await hall.found()
        await _lived(hall)
        lines = await _exported(hall)
        words = _resealed(_altered(lines, b'\\"upstream\\":\\"resolution\\"', b'\\"upstream\\":\\"national\\"'))
        assert any("không đúng" in fault.reason_vi for fault in judge(words).faults)
        rows = _resealed(_altered(lines, b'"reason":"\xc4\x90\xc6\xa1n v', b'"reason":"\xc4\x90\xc6\xa1n w'))
        judged = judge(rows)
        assert judged.faults == []
        named = {fault.position for fault in bound_by(judged, await _leaves(hall))}
        assert named and named <= {line.position for line in judged.lines}
        other = [StoreLeaf(leaf.writer, leaf.n, leaf.digest, leaf.covers[1:]) for leaf in await _leaves(hall)]
        assert "không khớp" in bound_by(judge(lines), other)[0].reason_vi


async def test_only_keys_that_the_auditor_trusts_count_when_some_are_named(hall: Any) -> None:
    """A register in the file cannot vouch for itself then."""
    await _lived(hall)
    lines = await _exported(hall)
    register = await hall.desk.decisions.register()
    every = {key.key_id: key.public_key for operator in register.values() for key in operator.keys}
    assert judge(lines, every).faults == []
    without = {name: pem for name, pem in every.items() if name != register["binh"].keys[0].key_id}
    assert {fault.reason_vi.split()[0] for fault in judge(lines, without).faults} == {"Không"}


async def test_what_a_revoked_key_signs_later_is_named(hall: Any) -> None:
    """The desk refuses it; should a row of it turn up in an export all the same, it is named."""
    await _lived(hall)
    lines = await _exported(hall)
    key = (await hall.desk.decisions.register())["binh"].keys[0].key_id
    revoked = msgspec.json.encode(
        {"position": 3, "at": "2026-11-23T08:00:00Z", "kind": "operator.revoked", "fields": {"key_ids": [key]}}
    )
    cut = next(i for i, line in enumerate(lines) if b'"operator.added"' in line) + 1
    found: Judged = judge([*lines[:cut], revoked, *lines[cut:]])
    assert any("đã bị thu hồi" in fault.reason_vi for fault in found.faults)


@pytest.mark.parametrize("who", ["chi", "binh"])
async def test_openssl_checks_a_decision_of_the_trail(hall: Any, tmp_path: Path, who: str) -> None:
    """Ed25519 and ECDSA alike: statement, signature and public key as they stand in the trail, and nothing of ours."""
    await _lived(hall)
    await hall.say(who, "resume", upstream="national")
    fields = next(f for _, actor, f in reversed(await hall.trail("decision.taken")) if actor == who)
    register = await hall.desk.decisions.register()
    (tmp_path / "key.pem").write_text(register[who].key(fields["key_id"]).public_key)
    (tmp_path / "signature").write_bytes(base64.b64decode(fields["signature"]))
    for statement, well in ((fields["statement"], True), (fields["statement"] + " ", False)):
        (tmp_path / "statement").write_text(statement, encoding="utf-8")
        files = ["-in", "statement", "-sigfile", "signature"]
        raw = ["-rawin"] if who == "chi" else ["-rawin", "-digest", "sha256"]
        told = subprocess.run(
            ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", "key.pem", *raw, *files],
            cwd=tmp_path,
            capture_output=True,
            check=False,
        )
        assert (told.returncode == 0) is well, told


def test_the_document_of_the_catalogue_is_the_catalogue(project: Path) -> None:
    """docs/audit-events.md is what `gateway audit kinds --markdown` prints."""
    assert (project / "docs/audit-events.md").read_text(encoding="utf-8") == markdown()
