"""The verdict over signed results: what was signed against what the portal shows, what is held, what verifies offline.

Every result but the changed one must be at the portal, once and not ahead of its state. The changed one must be held with its
reason and be nowhere else, while its dossier went on. `gateway verify` must say the same about the files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from gateway.admin.client import ask
from gateway.cli.demonstration.cast import Role
from gateway.cli.demonstration.custody import ISSUERS, House
from gateway.cli.demonstration.papers import Desk, Issued
from gateway.cli.demonstration.play import Play
from gateway.cli.demonstration.stage import Stage, StageFailed
from gateway.cli.demonstration.verdict import PORTAL_CODE, Verdict
from gateway.cli.installation import RESOLUTION_SYSTEM
from gateway.cli.screen import EX_OK, EX_WRONG

PASSED = "TOTAL-PASSED"
CHANGED = "HASH_FAILURE"
_ENDED = (PORTAL_CODE["resolved"], PORTAL_CODE["returned"])


@dataclass(frozen=True, slots=True)
class SeenResult:
    """One dossier's result: what the gateway says of it, and the dossier as the portal holds it, None where it has none.

    `blocked`: the dossier's lane is held before the result, for a reason that was told.
    """

    state: str
    conclusion: str
    reason: str
    portal: Mapping[str, Any] | None
    blocked: bool = False


def result_of(code: str) -> str:
    """The code of the only result of a dossier."""
    return f"{code}-KQ(1)"


def judge_passed(code: str, seen: SeenResult, verdict: Verdict) -> None:
    """A result that nobody changed: passed, and at the portal once, beside a state that it belongs to."""
    name = result_of(code)
    if (seen.state, seen.conclusion) != ("passed", PASSED):
        verdict.faults.append(
            f"{name}: chờ passed/{PASSED}; thấy {seen.state}/{seen.conclusion or '?'} {seen.reason}".rstrip()
        )
        return
    verdict.results_passed += 1
    shown = seen.portal["results"] if seen.portal is not None else {}
    if not shown and seen.blocked:
        return
    if list(shown) != [name]:
        verdict.faults.append(f"{name}: chờ đúng một kết quả ở Cổng DVC; thấy {', '.join(shown) or 'không có gì'}")
        return
    verdict.results_delivered += 1
    fault = _placed(name, seen.portal or {})
    if fault:
        verdict.faults.append(fault)


def _placed(name: str, portal: Mapping[str, Any]) -> str:
    """What is wrong with the place of a result at the portal: ahead of its state, or there twice."""
    state = portal["results"][name]["state"]
    if state not in _ENDED:
        return f"{name}: hiện ở Cổng DVC bên trạng thái {state}, trước khi hồ sơ có kết quả"
    brought = sum(version["effect"] == "result" for version in portal["versions"])
    listed = [one["GiayToId"] for one in portal["fields"].get("DanhSachGiayToKetQua") or ()]
    if brought > 1 or listed != [name]:
        return f"{name}: giao {brought} lần; Cổng DVC đang ghi {', '.join(listed) or 'không có gì'}"
    return ""


def judge_changed(role: Role, seen: SeenResult, held: Sequence[tuple[str, str]], verdict: Verdict) -> None:
    """The result that was changed after signing: held for that reason alone and alone held, its dossier delivered to its end."""
    name = result_of(role.code)
    verdict.results_held = list(held)
    if (seen.state, seen.reason) != ("held", CHANGED) or [code for code, _ in held] != [name]:
        codes = ", ".join(code for code, _ in held) or "không có gì"
        verdict.faults.append(
            f"{name}: chờ giữ riêng kết quả này vì {CHANGED}; thấy {seen.state}/{seen.reason}, đang giữ {codes}"
        )
    portal = seen.portal or {"results": {}, "state": ""}
    if portal["results"]:
        verdict.faults.append(f"{name}: đã bị sửa sau khi ký mà vẫn hiện ở Cổng DVC")
    if portal["state"] != PORTAL_CODE[role.states[-1]] and not seen.blocked:
        verdict.faults.append(
            f"{role.code}: trạng thái sau kết quả bị giữ không đến Cổng DVC (thấy {portal['state'] or '?'})"
        )


async def prove(play: Play, boards: Stage, house: House, desk: Desk) -> None:
    """Ask the gateway and the portal about every result, judge what they say, and verify files as anybody could."""
    verdict = play.verdict
    told = desk.programme
    verdict.results_signed = sum(one == PASSED for one in desk.conclusions)
    if verdict.results_signed != len(told.signed):
        verdict.faults.append(f"Ký số: chờ {len(told.signed)} kết quả; có {verdict.results_signed}")
    portal = {one["code"]: one for one in await play.pages(f"{play.scene.portal}/_simulator/dossiers", "&fields=1")}
    waiting = {lane[1] for lane in verdict.held}
    listed = await ask(play.scene.admin, "results")
    held = [(row["result"], row["reason_vi"]) for row in listed["held"]]
    for role in play.roles:
        if role.code not in told.signed:
            continue
        seen = await _seen(play, role.code, portal.get(role.code), role.code in waiting)
        if role.code == told.changed:
            judge_changed(role, seen, held, verdict)
        else:
            judge_passed(role.code, seen, verdict)
    await _verify(play, boards, house, desk)


async def _seen(play: Play, code: str, portal: Mapping[str, Any] | None, blocked: bool) -> SeenResult:
    """What the resolution system reads of a result."""
    target = f"/v1/results/{code}-KQ%281%29/report"
    report = msgspec.json.decode(await play.call(RESOLUTION_SYSTEM, "GET", target, "", b""))
    judged = report["report"]
    return SeenResult(
        report["state"], judged["conclusion"] if judged is not None else "", report["reason"] or "", portal, blocked
    )


async def _verify(play: Play, boards: Stage, house: House, desk: Desk) -> None:
    """Run `gateway verify` as somebody else would: the files, the trust folder, the lists of the authority, no network."""
    for issuer in ISSUERS:
        async with boards.session.get(f"{house.url}/crl/{issuer}.crl") as answer:
            answer.raise_for_status()
            (house.folder / f"evidence/{issuer}.crl").write_bytes(await answer.read())
    changed = desk.programme.changed
    by_kind = {issued.kind: (code, issued) for code, issued in desk.issued.items() if code != changed}
    wanted = [(code, issued, EX_OK) for code, issued in by_kind.values()]
    for code, issued, ends in (*wanted, (changed, desk.issued[changed], EX_WRONG)):
        try:
            await boards.run(["verify", str(_kept(house, code, issued)), *house.grounds, "--json"], ends=ends)
        except StageFailed as failed:
            play.verdict.faults.append(str(failed))
            continue
        word = f"đạt ({PASSED})" if ends == EX_OK else f"không đạt ({CHANGED}: nội dung bị sửa sau khi ký)"
        play.verdict.checks.append(f"gateway verify {result_of(code)}.{issued.kind.ending}: {word}, mã thoát {ends}")


def _kept(house: House, code: str, issued: Issued) -> str:
    path = house.folder / f"{code}-KQ1.{issued.kind.ending}"
    path.write_bytes(issued.content)
    return str(path)
