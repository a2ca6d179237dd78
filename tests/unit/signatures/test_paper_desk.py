"""Papers of connectors: signed once under the custody of the key, judged by a tool that is not ours, kept, and in the trail."""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import pytest

from connectors.kit.papers import Paper, PaperRefused
from connectors.kit.simulated_authority.conduct import Conduct, OcspConduct, StampConduct
from gateway.cli.demonstration.cast import paper as empty_page
from gateway.config import Intake as IntakePolicy
from gateway.config import SigningKey
from gateway.evidence.log import chain
from gateway.intake.decide import Decider
from gateway.intake.ledgers import LedgerBook
from gateway.journal.memory import MemoryJournal
from gateway.journal.memory_rows import MemoryStore
from gateway.records import papers
from gateway.routes import Routes
from gateway.signatures.keys import HeldKey
from gateway.signatures.papers import PaperBench, PaperDesk
from gateway.signatures.pens import Pen
from gateway.signatures.pool import Pool
from gateway.signatures.uses import Uses
from gateway.signatures.workplace import swept
from tests.judges.test_pdf_judges import pdfsig
from tests.unit.signatures.conftest import House
from tests.unit.signatures.test_issuing import signer

PAPER = Paper(
    paper_id="handover/abc/1",
    key="agency",
    profile="P-PDF-B",
    system="one-stop",
    purpose="Bảng kê bàn giao bưu gửi",
    content=empty_page("G00.10-261120-0042"),
    procedures=("1.003784", "1.003785"),
)
CUSTODY = SigningKey(
    kind="pem",
    domain="public-duty",
    custodian="Văn phòng Bộ",
    entrusted_by="QĐ 12/QĐ-BVHTTDL",
    profiles=("P-PDF-B", "P-PDF-T"),
    systems=("one-stop",),
    procedures=("1.003784", "1.003785"),
    per_minute=8,
)


@dataclass
class Bureau:
    """A desk with one key, over a journal in memory."""

    desk: PaperDesk
    journal: MemoryJournal
    work: Path

    async def trail(self) -> list[tuple[str, str]]:
        """Kind and code of every row."""
        rows = await self.journal.feed(0, 100, feed_only=False)
        return [(row.kind, str(msgspec.json.decode(row.fields).get("code", ""))) for row in rows]


@pytest.fixture
def bureau(pool: Pool, house: House, tmp_path: Path) -> Bureau:
    """The agency's key, under its custody."""
    decide = Decider(Routes({}), {}, IntakePolicy(), None, LedgerBook({}))
    journal = MemoryJournal(MemoryStore(), decide=decide, chain=chain, clock=house.clock)
    keys = {"agency": HeldKey("agency", CUSTODY, signer("agency", tmp_path), None)}
    work = swept(tmp_path / "work")
    bench = PaperBench(journal, house.clock, house.issuer(pool), keys, Uses(house.clock), work)
    return Bureau(PaperDesk(bench), journal, work)


@pytest.mark.parametrize("profile", ["P-PDF-B", "P-PDF-T"])
async def test_a_paper_is_signed_judged_kept_and_in_the_trail(
    profile: str, bureau: Bureau, house: House, tmp_path: Path
) -> None:
    """The intent comes before the signature; poppler finds the whole document signed; nothing stays on disk in the clear."""
    signed = await bureau.desk.sign("postal", replace(PAPER, profile=profile))
    assert signed.content.startswith(PAPER.content)
    if shutil.which("pdfsig"):
        (word,) = pdfsig(signed.content, tmp_path)
        assert (word.valid, word.total) == (True, True)
    assert house.calls("tsa") == (1 if profile.endswith("T") else 0)
    assert await bureau.desk.kept("postal", PAPER.paper_id) == signed
    assert await bureau.desk.kept("elsewhere", PAPER.paper_id) is None
    assert [kind for kind, _ in await bureau.trail()] == ["signature.requested", "signature.made"]
    assert list(bureau.work.iterdir()) == []
    record = await bureau.journal.record(papers.key("postal", PAPER.paper_id))
    assert record is not None
    assert papers.write(papers.parse(record)).sealed_for == "upstream:postal"


async def test_a_paper_is_signed_once_however_many_ask(bureau: Bureau) -> None:
    """Four at once and one with other bytes afterwards: all get the one that was signed first."""
    signed = await asyncio.gather(*(bureau.desk.sign("postal", PAPER) for _ in range(4)))
    again = await bureau.desk.sign("postal", replace(PAPER, content=empty_page("another")))
    assert {one.sha256 for one in (*signed, again)} == {signed[0].sha256}
    assert len(await bureau.trail()) == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"key": "khong-co"},
        {"system": "stranger"},
        {"procedures": ("1.003784", "1.000001")},
        {"procedures": ()},
        {"profile": "P-XML-B"},
        {"profile": "P-PDF-LTA"},
        {"content": b"%PDF-1.4\n" + bytes(8_388_608)},
    ],
)
async def test_what_the_key_was_not_given_for_is_refused_before_anything_is_written(
    changes: dict[str, object], bureau: Bureau
) -> None:
    """One procedure that the custody does not name is enough; who may not use a key leaves no trace of a signature."""
    with pytest.raises(PaperRefused) as refused:
        await bureau.desk.sign("postal", replace(PAPER, **changes))  # type: ignore[arg-type]  # fields by name
    assert refused.value.code in ("signing_key_refused", "signing_refused") and not refused.value.later
    assert await bureau.trail() == []


async def test_a_revoked_certificate_signs_nothing_and_the_paper_may_be_asked_for_again(
    bureau: Bureau, house: House
) -> None:
    """The refusal is in the trail; nothing is kept; once the certificate is good again, so is the paper."""
    house.conduct(Conduct(ocsp=OcspConduct(status="revoked")))
    with pytest.raises(PaperRefused) as refused:
        await bureau.desk.sign("postal", PAPER)
    assert not refused.value.later
    assert await bureau.trail() == [("signature.requested", ""), ("signature.refused", "chung_thu_ky_khong_dat")]
    assert await bureau.desk.kept("postal", PAPER.paper_id) is None
    house.conduct(Conduct())
    house.now[0] = house.now[0].replace(hour=house.now[0].hour + 2)
    assert (await bureau.desk.sign("postal", PAPER)).sha256
    assert [kind for kind, _ in await bureau.trail()][-1] == "signature.made"


async def test_a_stamp_that_cannot_be_had_is_worth_another_try(bureau: Bureau, house: House) -> None:
    """The authority refuses: the caller hears that it is for later, and nothing that nobody could verify leaves."""
    house.conduct(Conduct(stamp=StampConduct(refusal="systemFailure")))
    with pytest.raises(PaperRefused) as refused:
        await bureau.desk.sign("postal", replace(PAPER, profile="P-PDF-T"))
    assert (refused.value.code, refused.value.later) == ("signing_unavailable", True)
    assert list(bureau.work.iterdir()) == []


async def test_a_key_is_used_no_oftener_than_its_custody_allows(bureau: Bureau) -> None:
    """Eight a minute, a quarter of them at once: the third paper of a moment has to wait, the first comes as it was."""
    for number in (1, 2):
        await bureau.desk.sign("postal", replace(PAPER, paper_id=f"handover/{number}"))
    with pytest.raises(PaperRefused) as refused:
        await bureau.desk.sign("postal", replace(PAPER, paper_id="handover/3"))
    assert refused.value.later
    assert (await bureau.desk.sign("postal", replace(PAPER, paper_id="handover/1"))).sha256


async def test_a_pen_without_a_desk_says_that_nobody_signs() -> None:
    """A gateway without keys starts, and refuses by name."""
    with pytest.raises(PaperRefused) as refused:
        await Pen("postal").sign(PAPER)
    assert refused.value.code == "signing_not_configured"
    assert await Pen("postal").kept(PAPER.paper_id) is None
