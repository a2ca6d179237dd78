"""Declared data of a dossier against the register: what agrees becomes a proof, what differs is named and proposed, once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from connectors.kit.errors import NotSent
from gateway.config import Asker
from gateway.records import identity_proofs
from gateway.records.identity_proofs import ProofKind
from mappings.canonical import Identity, Party
from mappings.codec import encode
from mappings.codes import IdentityType, PartyKind
from mappings.partial_date import PartialDate
from tests.toys.people import BIRTH, NAME, NUMBER, PERSON
from tests.unit.intake_line.http.test_identity_questions import OWNER, change, listed, trail


def born(text: str) -> Party:
    """The owner with another declared birth."""
    return replace(OWNER, date_of_birth=PartialDate.parse(text))


@pytest.fixture
def checked(site: Any) -> Any:
    """Registers the dossier with this owner and checks it."""
    versions = iter(range(2, 99))

    async def check(owner: Party | None = OWNER, **wish: Any) -> tuple[int, dict[str, Any]]:
        if owner is not None:
            assert await site.put(next(versions), state="received", applicant=owner) == 200
        who = {"purpose": "Đối chiếu khi tiếp nhận", "officer": "canbo.thu", "unit": "G16.05"}
        target = f"/v1/dossiers/{site.words.code}/identity-checks"
        status, told, headers = await site.call("RES", "POST", target, encode(who | wish))
        assert headers["Cache-Control"] == "no-store"
        return status, told

    return check


async def proposals(site: Any) -> list[Any]:
    """What is on its way to the resolution system."""
    return [row for row in await site.journal.deliveries_of(site.words.code) if row.operation == "proposal"]


async def proof_of(site: Any, told: dict[str, Any]) -> Any:
    """The proof that a check names, as it is stored."""
    key = identity_proofs.key(told["proof"] or told["check_id"])
    assert key is not None
    record = await site.journal.record(key)
    return identity_proofs.parse(record) if record is not None else None


async def test_what_agrees_becomes_a_proof_of_this_dossier(site: Any, checked: Any) -> None:
    """Number, name and birth are known together: a proof for the caller, for this dossier, and no proposal."""
    status, told = await checked()
    assert (status, told["status"], told["proof"]) == (200, "agrees", told["check_id"])
    assert (told["differences"], told["proposed"], await proposals(site)) == ([], False, [])
    proof = await proof_of(site, told)
    assert (proof.system, proof.kind, proof.by) == ("RES", ProofKind.REGISTER, "dan_cu")
    assert (proof.dossier, proof.id_number) == (site.words.code, NUMBER)
    assert {one["place"]: one["agreement"] for one in told["compared"]} == {
        "personal_id": "same", "full_name": "same", "birth": "same",
    }  # fmt: skip


async def test_a_wrong_birth_date_is_named_and_proposed(site: Any, checked: Any) -> None:
    """Nobody is known under the whole date; the year finds the person, and the day is what differs."""
    _, told = await checked(born("1990-02-27"))
    assert (told["status"], told["proof"], told["proposed"]) == ("differs", None, True)
    (difference,) = told["differences"]
    assert difference["pointer"] == "/applicant/date_of_birth"
    assert (difference["declared"], difference["registered"]) == ("1990-02-27", BIRTH)
    assert difference["message_vi"].endswith("người nộp khai “27/02/1990”, cơ sở dữ liệu ghi “28/02/1990”.")
    asked = site.asking.people.asked
    assert [question.fields["birth"] for question in asked] == ["1990-02-27", "1990"]
    assert len({question.request_id for question in asked}) == 2
    assert all(8 <= len(question.request_id) <= 40 for question in asked)
    (sent,) = await proposals(site)
    assert (sent.upstream, sent.state) == ("resolution", "READY")
    assert await proof_of(site, told) is None


async def test_the_trail_names_places_and_no_values(site: Any, checked: Any) -> None:
    """Each question has its two rows; the check says which places differ, for the feed too."""
    await checked(born("1990-02-27"))
    rows = await trail(site)
    assert [kind for kind, _ in rows] == ["identity.asked", "identity.answered"] * 2 + ["identity.checked"]
    told = rows[-1][1]
    assert (told["party"], told["status"], told["places"], told["officer"]) == (
        "applicant", "differs", ["birth"], "canbo.thu",
    )  # fmt: skip
    fed = [row for row in await site.journal.feed(0, 500) if row.kind == "identity.checked"]
    assert len(fed) == 1


async def test_the_same_difference_of_the_same_version_is_proposed_once(site: Any, checked: Any) -> None:
    """Checked again it is told again to who asks, and not pushed again; a new version that still differs is."""
    for again in (False, True):
        _, told = await checked(born("1990-02-27") if not again else None)
        assert (told["status"], told["proposed"]) == ("differs", not again)
    assert len(await proposals(site)) == 1
    _, told = await checked(born("1990-02-27"))
    assert told["proposed"] and len(await proposals(site)) == 2


async def test_a_name_with_other_marks_is_a_difference_and_one_without_marks_is_none(site: Any, checked: Any) -> None:
    """The register may write no marks; where it does, other marks are another name for an officer to look at."""
    _, told = await checked(replace(OWNER, name="Nguyễn Văn Thư"))
    assert (told["status"], told["differences"][0]["place"]) == ("differs", "full_name")
    site.asking.people.persons = [{**PERSON, "full_name": "NGUYEN VAN THU"}]
    _, told = await checked()
    assert told["status"] == "agrees"


async def test_who_is_not_known_at_all_is_said_so_without_guessing(site: Any, checked: Any) -> None:
    """The register does not say which of the three is wrong (facts 2.6), so neither do we; it is proposed all the same."""
    _, told = await checked(born("1991-02-28"))
    assert [hint["code"] for hint in told["hints"]] == ["birth_year_differs"]
    assert (told["status"], told["differences"], told["compared"]) == ("not_found", [], [])
    assert told["proposed"] and told["proof"] is None


async def test_a_register_that_knows_the_year_alone_agrees_as_far_as_it_goes(site: Any, checked: Any) -> None:
    """Many elderly people have no day of birth (facts 3.3): a whole declared date is no difference."""
    site.asking.people.persons = [{**PERSON, "birth": "1990"}]
    _, told = await checked()
    birth = next(one for one in told["compared"] if one["place"] == "birth")
    assert (told["status"], birth["agreement"]) == ("agrees", "coarse")


async def test_a_day_that_nobody_confirmed_proves_nothing(site: Any, checked: Any) -> None:
    """Found by the year alone, and the register tells no birth: that is no proof of the day that was declared."""
    silent = {name: value for name, value in PERSON.items() if name != "birth"}

    class Years:
        """A register that compares whole dates and tells none."""

        async def ask(self, question: Any) -> Any:
            answer = await site.asking.people.ask(question)
            return replace(answer, fields=silent, rows=(silent,)) if answer.found else answer

    questions = site.asking.questions
    questions.desk = replace(questions.desk, register=replace(questions.desk.register, lookup=Years()))
    _, told = await checked(born("1990-02-27"))
    assert (told["status"], told["proof"]) == ("not_found", None)


async def test_no_more_is_read_than_is_compared(site: Any, checked: Any) -> None:
    """The procedure may allow more; a check reads what was declared and nothing else."""
    await checked()
    answered = [fields for kind, fields in await trail(site) if kind == "identity.answered"]
    assert answered[-1]["fields"] == ["birth", "full_name", "personal_id"]


async def test_yes_or_no_is_enough_for_a_proof(site: Any, checked: Any) -> None:
    """Where only `verify` is licensed: one question, no field, and the year is not tried, since nothing could be named."""
    listed(site, RES=Asker(operations=("verify",)))
    _, told = await checked(operation="verify")
    assert (told["status"], told["compared"]) == ("agrees", []) and told["proof"]
    _, told = await checked(born("1990-02-27"), operation="verify")
    assert (told["status"], told["proposed"]) == ("not_found", True)
    assert len(site.asking.people.asked) == 2


async def test_the_year_is_not_tried_where_that_is_switched_off(site: Any, checked: Any) -> None:
    """`year_again = false`: one question for each check, and a wrong day is not named."""
    change(site, year_again=False)
    _, told = await checked(born("1990-02-27"))
    assert (told["status"], len(site.asking.people.asked)) == ("not_found", 1)


async def test_a_dossier_that_declares_too_little_is_not_checked(site: Any, checked: Any) -> None:
    """No number, no birth, an organisation, no submitter: nothing is asked, and the trail says who tried."""
    firm = Party(PartyKind.BUSINESS, "Công ty Thử", Identity(IdentityType.TAX_CODE, "0100000001"))
    short = replace(OWNER, id=Identity(IdentityType.CCCD, "00109000000"))
    for owner in (replace(OWNER, id=Identity()), replace(OWNER, date_of_birth=None), firm, short):
        status, told = await checked(owner)
        assert (status, told["code"]) == (409, "nothing_to_check")
    status, told = await checked(party="submitter")
    assert (status, told["code"]) == (409, "nothing_to_check")
    assert site.asking.people.asked == []
    assert [kind for kind, _ in await trail(site)] == ["identity.refused"] * 5


async def test_who_may_not_ask_may_not_check(site: Any, checked: Any) -> None:
    """A check is a question: the same callers, the same quotas, the same open dossier."""
    listed(site)
    status, told = await checked()
    assert (status, told["code"], site.asking.people.asked) == (403, "question_not_allowed", [])
    target = f"/v1/dossiers/{site.words.code}/identity-checks"
    status, told, _ = await site.call(
        "RES", "POST", target, encode({"purpose": f"số {NUMBER}", "officer": "", "unit": ""})
    )
    assert status == 422 and {fault["pointer"] for fault in told["errors"]} == {"/purpose", "/officer", "/unit"}


async def test_a_register_that_is_down_leaves_no_verdict(site: Any, checked: Any) -> None:
    """No answer is no difference: nothing is proposed, nothing is proven."""
    site.asking.people.error = NotSent()
    status, told = await checked()
    assert (status, told["code"]) == (503, "register_unavailable")
    assert await proposals(site) == [] and await trail(site, "identity.checked") == []


async def test_a_cmnd_is_checked_as_one(site: Any, checked: Any) -> None:
    """Nine digits go as `cmnd` (facts 3.2), and the proof is of that number."""
    site.asking.people.persons = [{**PERSON, "cmnd": "001000000"}]
    _, told = await checked(replace(OWNER, id=Identity(IdentityType.CMND, "001 000 000")))
    assert told["status"] == "agrees"
    proof = await proof_of(site, told)
    assert (proof.id_type, proof.id_number) == (IdentityType.CMND, "001000000")


async def test_what_is_proposed_is_sealed_with_its_dossier(site: Any, checked: Any, tmp_path: Path) -> None:
    """Both values travel to the resolution system and lie nowhere in the clear."""
    await checked(replace(born("1990-02-27"), name="Nguyễn Văn Thử"))
    lease = timedelta(seconds=30)
    (claim,) = await site.journal.claim("resolution", limit=1, batch={}, lease=lease, now=site.time.now)
    task = msgspec.json.decode(claim.deliveries[0].payload)
    assert (task["kind"], task["fields"]["differences"][0]["registered"]) == ("identity_difference", BIRTH)
    stored = b"".join(file.read_bytes() for file in (tmp_path / "store").rglob("*") if file.is_file())
    assert NUMBER.encode() not in stored and NAME.encode() not in stored
