"""A fifth connector, added by installing it and by configuration alone: everything it brings works in the real program."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator

import msgspec
import pytest

from gateway.cli.operate import look
from gateway.config import load
from tests.integration.toys import toy_line
from tests.integration.toys.toy_line import ToyLine, movement
from tests.line.program import ask, until
from tests.line.words import RESOLUTION, SECTOR, own

pytestmark = pytest.mark.xdist_group("toys")


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory, program_environment: dict[str, str]) -> Iterator[ToyLine]:
    """The line with the toy library; tests take loans and dossiers of their own, and leave it running."""
    with toy_line.opened(tmp_path_factory.mktemp("toys"), program_environment) as running:
        yield running


def test_the_program_knows_it_without_an_edit(toy: ToyLine) -> None:
    """The inspector finds the folder through its entry point; its simulator and its settings are known as any other's."""
    checked = toy.line.program.run("connectors", "check", "toy_registry", "--json")
    assert (checked.code, checked.tree) == (0, {"ok": True, "findings": []})


def test_an_event_reaches_it_through_its_lane(toy: ToyLine) -> None:
    """Deliverer, and by a lost answer its enquirer: one card."""
    code = toy.line.new_dossier()
    toy.order("PUT", "faults", {"script": [{"fault": "drop_after_commit", "match": "card"}]})
    toy.line.own_events(own(code, "received"))
    toy.line.portal_has(code, ["2"])
    view = toy.line.settled(code)
    [delivery] = [d for d in view["deliveries"] if d["upstream"] == "toys"]
    assert (delivery["operation"], delivery["state"], delivery["receipt"]["enquired"]) == (
        "open_card",
        "DELIVERED",
        True,
    )
    cards = toy.order("GET", "state")["cards"].values()
    assert [card["dossier"] for card in cards].count(code) == 1


def test_its_endpoints_answer_to_whom_they_may(toy: ToyLine) -> None:
    """Signed like everything internal, told who calls, closed to roles that its manifest does not name."""
    code = toy.line.new_dossier()
    body = msgspec.json.encode(movement("by-hand", "L-hand", code))
    assert toy.line.call(SECTOR, "POST", "/v1/toys/toys", body).status == 403
    assert ask("POST", f"{toy.line.url()}/v1/toys/toys", body).status == 401
    lent = toy.line.call(RESOLUTION, "POST", "/v1/toys/toys", body)
    assert (lent.status, lent.tree) == (202, {"taken": True, "version": 1}), "the answer was made of what is durable"
    told = toy.loan("L-hand", SECTOR).tree
    assert (told["loan"]["lent"], told["dossier"], told["asked_by"]) == (1, code, SECTOR)
    assert toy.loan("L-unheard-of").status == 404
    wanted = ("--kind", "personal.read", "--dossier", code)
    found = toy.line.command("audit", "search", *wanted, "--reason", "Xem ai đã đọc sổ", "--json")
    reads = [row for row in found.tree["rows"] if row["fields"].get("what") == "ledger"]
    seen = sorted((row["actor"], row["dossier"]) for row in reads)
    assert seen == [(RESOLUTION, code), (SECTOR, code)], "what is sealed is read on the record, afterwards too"
    assert reads[0]["fields"]["subject"] == "toys/loans/L-hand"
    page = toy.edge_call("GET", "/toys/toys/thanks")
    assert page is not None and page.status == 200 and "Cảm ơn".encode() in page.body


def test_a_lost_answer_to_a_callback_changes_nothing_twice(toy: ToyLine) -> None:
    """Killed between the journal and the answer: the sender repeats, and there is one effect and one acknowledgement."""
    code = toy.line.new_dossier()
    told = movement("n-1", "L-kill", code)
    toy.line.program.stop("gateway")
    toy.start("callback.before_answer")
    assert toy.notify(told) is None, "nothing was acknowledged"
    toy.died()
    toy.start()
    assert toy.lent("L-kill") == 1, "it was journalled before the answer"
    again = toy.notify(told)
    assert again is not None and (again.status, again.tree) == (200, {"taken": True, "number": "n-1"})
    toy.line.settled(code)
    assert (toy.lent("L-kill"), len(toy.reminders("L-kill"))) == (1, 1)


def test_what_an_answer_taught_is_durable_before_it_is_settled(toy: ToyLine) -> None:
    """Killed between the lesson and the settlement: it is asked about, one reminder is there, and it taught once."""
    code = toy.line.new_dossier()
    toy.line.program.stop("gateway")
    toy.start("lesson.learned")
    assert toy.notify(movement("l-1", "L-lesson", code)) is not None
    toy.died()
    toy.start()
    view = toy.line.settled(code)
    [delivery] = view["deliveries"]
    assert (delivery["state"], delivery["receipt"]["enquired"]) == ("DELIVERED", True)
    assert (len(toy.reminders("L-lesson")), toy.reminded("L-lesson"), toy.version("L-lesson")) == (1, 1, 2)


def test_a_forged_callback_changes_nothing(toy: ToyLine) -> None:
    """Refused in the words of the library's own protocol."""
    code = toy.line.new_dossier()
    refused = toy.notify(movement("n-2", "L-forged", code), secret="guessed")
    assert refused is not None and (refused.status, refused.tree) == (403, {"taken": False})
    assert toy.lent("L-forged") == 0


@pytest.mark.parametrize("point", ["poll.before_commit", "poll.after_commit"])
def test_its_poller_loses_and_repeats_nothing_over_a_death(toy: ToyLine, point: str) -> None:
    """Killed between the page and its commit, and right after: every movement has exactly one effect."""
    code = toy.line.new_dossier()
    loans = [f"L-{point}-{n}" for n in range(5)]
    toy.line.program.stop("gateway", signal.SIGKILL)
    toy.order("POST", "move", [movement(f"p-{loan}", loan, code) for loan in loans])
    toy.start(f"{point}:2")
    toy.died()
    toy.start()
    until(lambda: all(toy.lent(loan) for loan in loans), "every movement was read")
    toy.line.settled(code)
    assert [(toy.lent(loan), len(toy.reminders(loan))) for loan in loans] == [(1, 1)] * 5


def test_what_a_ledger_asks_for_is_delivered(toy: ToyLine) -> None:
    """A reminder to the library (once, although its answer was lost), a proposal to the resolution system, a feed row."""
    code = toy.line.new_dossier()
    toy.order("PUT", "faults", {"script": [{"fault": "drop_after_commit", "match": "reminder"}]})
    for number, what in (("e-1", "lent"), ("e-2", "returned"), ("e-3", "lost")):
        answer = toy.notify(movement(number, "L-effects", code, what))
        assert answer is not None and answer.status == 200
    view = toy.line.settled(code)
    states = {d["operation"]: d["state"] for d in view["deliveries"]}
    assert states == {"remind": "DELIVERED", "proposal": "DELIVERED"}
    assert len(toy.reminders("L-effects")) == 1
    [proposed] = [push for push in toy.line.pushes(code) if push.get("proposal")]
    assert (proposed["proposal"], proposed["reported_by"], proposed["ledger_id"]) == (
        "toy_returned",
        "toys",
        "L-effects",
    )
    assert proposed["fields"] == {"toy": "tàu hỏa"}
    rows = [row for row in toy.line.feed() if row["dossier_code"] == code]
    assert [row["kind"] for row in rows if row["kind"].startswith("ledger")] == ["ledger.told", "ledger.alarm"]
    metrics = ask("GET", f"{toy.line.url()}/metrics").body.decode()
    assert 'gateway_alarms_total{code="toy.lost",upstream="toys"}' in metrics
    assert 'gateway_polls_total{outcome="nothing_new",poller="changes",upstream="toys"}' in metrics


def test_a_paused_upstream_is_not_polled(toy: ToyLine) -> None:
    """A person's pause holds lanes and pollers alike, and what came meanwhile is read afterwards."""
    code = toy.line.new_dossier()
    assert toy.line.command("pause", "toys", "--reason", "Thư viện bảo trì theo kế hoạch").code == 0
    asked = len([call for call in toy.order("GET", "calls")["calls"] if call["operation"] == "changes"])
    toy.order("POST", "move", [movement("p-paused", "L-paused", code)])
    # Five turns of the poller: whatever would happen has happened by then.
    at = time.monotonic()
    until(lambda: time.monotonic() > at + 1.0, "the pollers had their time")
    later = len([call for call in toy.order("GET", "calls")["calls"] if call["operation"] == "changes"])
    assert later <= asked + 1 and toy.lent("L-paused") == 0
    assert toy.line.command("resume", "toys", "--reason", "Thư viện đã bảo trì xong").code == 0
    until(lambda: toy.lent("L-paused") == 1, "the movement was read after the pause")


def test_operators_read_its_views(toy: ToyLine) -> None:
    """What is out stands in the table, narrowed by the filter; a table that no connector has is named as such."""
    code = toy.line.new_dossier()
    assert toy.notify(movement("v-1", "L-viewed", code)) is not None
    config = load(toy.line.config)
    told = look(config, "views/loans", {"toy": "V-1", "_limit": "10"})
    assert (told["rows"], told["wrong"]) == ([], 0), "nothing of that name is out"
    told = look(config, "views/loans", {"_limit": "1000"})
    assert "L-viewed" in [row["loan"] for row in told["rows"]] and told["wrong"] >= 1
    assert [row["view"] for row in look(config, "views")["views"]] == ["loans"]
    nowhere = toy.line.command("shipments")
    assert nowhere.code == 69 and "shipments" in nowhere.err


def test_two_operators_decide_about_its_ledger(toy: ToyLine) -> None:
    """Listed, examined by the connector, proposed by one, carried out when another one signs; the ledger has it once."""
    code = toy.line.new_dossier()
    reason = ("--reason", "Biên bản mất đồ chơi")
    person = ("--new-key", "--person", "CB-002", "--role", "supervisor", "--as", "truc")
    assert toy.line.command("operators", "add", "mai", *person, *reason).code == 0
    wanted = ("decide", "toys", "write_off", "L-decided", "--set", "reference=BB-1", *reason, "--as", "truc", "--json")
    early = toy.line.command(*wanted)
    assert (early.code, early.tree["code"]) == (2, "cannot_decide"), "nobody has it on loan"
    answer = toy.notify(movement("d-1", "L-decided", code))
    assert answer is not None and answer.status == 200
    listed = toy.line.command("decide", "--json").tree["decisions"]
    assert [(row["upstream"], row["decision"], row["second_key"]) for row in listed] == [("toys", "write_off", True)]
    proposed = toy.line.command(*wanted)
    assert proposed.code == 1
    approve = ("decisions", "approve", proposed.tree["proposal"], *reason, "--json")
    assert toy.line.command(*approve, "--as", "truc").tree["code"] == "same_person"
    assert toy.line.command(*approve, "--as", "mai").code == 0
    rows = [row for row in toy.line.feed() if row["dossier_code"] == code]
    assert [row["fields"]["code"] for row in rows if row["kind"] == "ledger.alarm"] == ["toy.lost"]
