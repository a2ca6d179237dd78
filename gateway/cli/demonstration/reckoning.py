"""The reckoning: every đồng that the intermediaries hold against what the gateway says of it. It knows no client code.

Their books say what came in and went back; the gateway's answers say what it takes for paid and what it owes back. The two must
meet at each payment, and where they do not at once, one refund must explain the difference to the đồng.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.cli.demonstration.payers import WAYS_VI, Payer, Payers, Way
from gateway.cli.demonstration.treasury import LETTERS
from gateway.cli.demonstration.verdict import NOTHING, Verdict, judge_view

_PAID_LIKE = frozenset({"paid", "refunding", "partially_refunded", "refunded"})
_OWED = frozenset({"asked", "sending", "unknown", "to_repeat", "to_transfer"})
_ANSWERED = 200  # VNPAY's protocol answers with nothing else
_FLAGS: Mapping[Way, str] = {Way.TWICE: "duplicate_payment", Way.LATE: "late_success"}
# How the portal counts the way of paying (QĐ 766/QĐ-TTg, indicator 3.6), transcribed here and not shared with the mapping.
_ONLINE = {"pp": "1", "vnpay": "2", "momo": "2", "zalopay": "2", "": "3"}


@dataclass(frozen=True, slots=True)
class Reckoned:
    """One payment, in đồng. `there` came in at the intermediary, `cash` at the counter; `back` went back, `owed` still will.

    `here` is what the gateway takes for paid. They agree when there + cash = here + back of what was not owed + owed.
    """

    code: str
    way: Way
    provider: str
    fee: int
    there: int
    cash: int
    here: int
    back: int
    owed: int

    @property
    def explained(self) -> bool:
        """Whether every đồng is where it belongs."""
        return self.there + self.cash == self.here + self.back + self.owed

    @property
    def words(self) -> str:
        """Why the figures are what they are, for people."""
        if not self.explained:
            return "KHÔNG giải thích được"
        if self.back:
            return "khoản nộp thừa đã hoàn, hai người ký"
        if self.owed:
            return "khoản nộp thừa chờ hoàn"
        if self.way is Way.LATE:
            return "khớp: tiền đến muộn vẫn được ghi nhận"
        return "khớp" if self.here else "khớp: không có đồng nào"


async def reckon(payers: Payers) -> None:
    """Hold everything against the intermediaries' books; what is found goes into the verdict."""
    verdict = payers.play.verdict
    books = await payers.books()
    for payer in payers.people:
        view = await payers.view(payer)
        orders = [one for one in books["orders"] if payers.payments[payer.role.code] in one["ref"]]
        reckoned = reckoned_of(payer, view, orders)
        row = (
            reckoned.code,
            f"{WAYS_VI[reckoned.way]}{f' ({reckoned.provider})' if reckoned.provider else ''}",
            *(reckoned.fee, reckoned.there, reckoned.cash, reckoned.here, reckoned.back, reckoned.owed),
            reckoned.words,
        )
        verdict.money.append(row)
        if not reckoned.explained:
            verdict.faults.append(f"{reckoned.code}: {reckoned.there} đồng ở trung gian, {reckoned.here} đồng ở cổng")
        verdict.faults += faults_of(payer, view)
    judge_lies(await payers.lies(), verdict)
    judge_receipts(payers.people, await payers.receipts(), verdict)
    portal = {
        one["code"]: one
        for one in await payers.play.pages(f"{payers.play.scene.portal}/_simulator/dossiers", "&fields=1")
    }
    held: dict[str, list[str]] = {}
    for upstream, dossier, _ in verdict.held:
        held.setdefault(dossier, []).append(upstream)
    judge_fees_outside(payers.people, portal, held, verdict)
    ours = {one["ref"] for one in books["orders"]}
    told = [payers.payments[payer.role.code] for payer in payers.people]
    strange = [ref for ref in ours if not any(payment in ref for payment in told)]
    verdict.faults += [f"Trung gian có giao dịch lạ: {ref}" for ref in strange]


def reckoned_of(payer: Payer, view: Mapping[str, Any], orders: Sequence[Mapping[str, Any]]) -> Reckoned:
    """One payment, from the gateway's view and the intermediaries' orders."""
    paid = view["state"] in _PAID_LIKE
    done = [one for one in view["refunds"] if one["state"] == "done"]
    return Reckoned(
        code=payer.role.code,
        way=payer.way,
        provider=payer.provider,
        fee=payer.amount,
        there=sum(int(txn["amount"]) for one in orders for txn in one["transactions"]),
        cash=payer.amount if view["counter_receipt_no"] else 0,
        here=int(view["amount"]) if paid else 0,
        back=sum(int(refund["amount"]) for one in orders for refund in one["refunds"] if done),
        owed=sum(int(one["amount"]) for one in view["refunds"] if one["state"] in _OWED),
    )


def faults_of(payer: Payer, view: Mapping[str, Any]) -> list[str]:
    """What the gateway should have said of this payer and did not."""
    code, faults = payer.role.code, []
    paid = view["state"] in _PAID_LIKE
    if paid == (payer.way is Way.FORGED):
        faults.append(f"{code} ({WAYS_VI[payer.way]}): cổng nói {view['state']}")
    wanted = _FLAGS.get(payer.way)
    if wanted is not None and wanted not in view["flags"]:
        faults.append(f"{code} ({WAYS_VI[payer.way]}): thiếu dấu {wanted}")
    if payer.way is Way.TWICE and len(view["refunds"]) != 1:
        faults.append(f"{code}: nộp hai lần mà có {len(view['refunds'])} đề nghị hoàn")
    if paid and not view["completed_at"]:
        faults.append(f"{code}: đã nộp mà không có thời điểm hoàn thành")
    return faults


def judge_lies(lies: Sequence[Mapping[str, Any]], verdict: Verdict) -> None:
    """Every made-up notice was refused in the end (VNPAY's word for a signature that is none of its own: 97).

    While the database lies dead nothing can be said of a notice but that it may come again (99); and while Redis does, a node
    may have no look at the store left to give to a stranger (429). Neither takes anything for paid.
    """
    answers = [attempt["answer"] for lie in lies for attempt in lie["attempts"] if attempt["status"] == _ANSWERED]
    refused = [answer for answer in answers if '"97"' in answer]
    taken = [answer for answer in answers if '"97"' not in answer and '"99"' not in answer]
    if taken or not refused:
        odd = f": {taken[0][:300]}" if taken else ""
        verdict.faults.append(f"Thông báo giả: {len(taken)} lần không bị từ chối trong {len(answers)}{odd}")
        return
    verdict.checks.append(f"Thông báo giả ký bằng khóa lạ: bị từ chối cả {len(refused)} lần, không ghi nhận đồng nào")


def judge_receipts(payers: Sequence[Payer], held: Sequence[Mapping[str, Any]], verdict: Verdict) -> None:
    """One receipt for each kind of fee of what was paid, for its whole amount; none for anything else, and none twice."""
    wanted: dict[tuple[str, str], int] = {}
    for payer in payers:
        for line in payer.lines if payer.way not in (Way.FORGED, Way.COUNTER) else ():
            key = (payer.role.code, LETTERS[str(line["kind"])])
            wanted[key] = wanted.get(key, 0) + int(str(line["amount"]))
    got: dict[tuple[str, str], int] = {}
    for one in held:
        key = (str(one["dossier"]), str(one["serial"])[-2:])
        if key in got:
            verdict.faults.append(f"{key[0]}: hai biên lai cho cùng một khoản thu")
        got[key] = got.get(key, 0) + int(one["amount"])
    verdict.receipts = len(held)
    if got != wanted:
        missing = sorted(code for code, _ in wanted.keys() ^ got.keys())
        verdict.faults.append(f"Biên lai: chờ {len(wanted)}, có {len(got)} ({', '.join(missing) or 'sai số tiền'})")


def judge_fees_outside(
    payers: Sequence[Payer],
    portal: Mapping[str, Mapping[str, Any]],
    held: Mapping[str, Sequence[str]],
    verdict: Verdict,
) -> None:
    """The portal lists each fee and says how it was paid, by the event that the resolution system pushed back."""
    for payer in payers:
        code = payer.role.code
        dossier = portal.get(code, NOTHING)
        judge_view(payer.role, dossier, held.get(code, ()), verdict)
        if held.get(code):
            continue
        fees = sorted(str(fee.get("Gia")) for fee in dossier["fields"].get("DanhSachLePhi", ()))
        if fees != sorted(str(line["amount"]) for line in payer.lines):
            verdict.faults.append(f"{code}: Cổng DVC ghi các khoản thu {', '.join(fees) or 'trống'}")
        wanted = "0" if payer.way is Way.FORGED else _ONLINE[payer.provider]
        if dossier["fields"].get("DuocThanhToanTrucTuyen") != wanted:
            told = dossier["fields"].get("DuocThanhToanTrucTuyen")
            verdict.faults.append(f"{code}: Cổng DVC ghi hình thức thanh toán {told}, chờ {wanted}")
        elif payer.way is not Way.FORGED:
            verdict.paid_outside += 1
