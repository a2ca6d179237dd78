"""All seven intermediaries through the real program: each pays its own way, and every đồng of their books is in ours."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from string import Template
from typing import Any

import pytest

from gateway.cli.installation import write_safely
from mappings.dates import VIETNAM
from tests.line.paying import AMOUNT, Till, laid_till
from tests.line.program import until
from tests.line.test_payments import REASON, operators

_PROVIDER = Template("""
[[upstreams.payment.settings.providers]]
profile = "$name"
merchant = "$merchant"
sources = ["127.0.0.1"]
allow_plain = ["127.0.0.1"]
pay_hosts = ["127.0.0.1:$port"]
keys = [$keys]
[upstreams.payment.settings.providers.endpoints]
$endpoints
""")
_VIETQR = "970436:0011001234567"
_MORE: dict[str, tuple[str, tuple[str, ...], dict[str, str]]] = {
    "zalopay": (
        "2553",
        ("main", "second"),
        {name: f"/zalopay/v2/{name}" for name in ("create", "query", "refund", "query_refund")},
    ),
    "pp": ("SIMPP", ("main",), {name: f"/pp/{name}" for name in ("init", "query", "bill")}),
    "keypay": (
        "simkeypay",
        ("main", "second"),
        {name: f"/keypay/{name}" for name in ("create", "detail", "refund", "refund_detail")},
    ),
    "paygov": ("SIMPG", ("main", "access"), {"create": "/paygov/create"}),
    "vietqr": (_VIETQR, ("main",), {"feed": "/vietqr/feed"}),
}
_SECRETS = {
    "zalopay-main": "simulator-zalopay-1",
    "zalopay-second": "simulator-zalopay-2",
    "pp-main": "simulator-pp",
    "keypay-main": "simulator-keypay-1",
    "keypay-second": "simulator-keypay-2",
    "paygov-main": "simulator-paygov",
    "paygov-access": "simulator-access",
    "vietqr-main": "simulator-vietqr",
}
_APART = {"vnpay": ("Thanh toán trùng",), "vietqr": ("Lệch số tiền",)}
_ENDED = ("Đã đối soát", "Bị từ chối")
_ALL = ("vnpay", "momo", *_MORE)


@pytest.fixture(scope="module")
def till(tmp_path_factory: pytest.TempPathFactory, program_environment: dict[str, str]) -> Iterator[Till]:
    """The gateway with all of them, and a drop folder that the simulator writes statements into."""
    folder = tmp_path_factory.mktemp("seven")
    drop = folder / "statements"
    drop.mkdir()
    till = laid_till(folder, program_environment, f'settlement = {{ statements_dir = "{drop}", quiet_s = 1.0 }}\n')
    said = [till.line.config.read_text(encoding="utf-8")]
    for name, (merchant, roles, paths) in _MORE.items():
        keys = ", ".join(f'{{ id = "2026", role = "{role}", secret = "file:keys/{name}-{role}" }}' for role in roles)
        lines = "\n".join(f'{key} = "http://127.0.0.1:{till.simulator}{path}"' for key, path in paths.items())
        said.append(_PROVIDER.substitute(name=name, merchant=merchant, port=till.simulator, keys=keys, endpoints=lines))
    till.line.config.write_text("".join(said), encoding="utf-8")
    for name, secret in _SECRETS.items():
        write_safely(folder / f"keys/{name}", f"{secret}\n".encode())
    options = folder / "simulators/payment.toml"
    told = options.read_text(encoding="utf-8") + f'statements_dir = "{drop}"\n'
    told += f'speed = {{ refund_s = 0.0 }}\n[vietqr]\nmerchant = "{_VIETQR}"\nsecrets = ["simulator-vietqr"]\n'
    options.write_text(told, encoding="utf-8")
    try:
        words = ["simulate", "payment", "--port", str(till.simulator), "--options", str(options)]
        till.line.program.start("payment", words, f"http://127.0.0.1:{till.simulator}/_simulator/health")
        till.line.start("resolution")
        till.start()
        yield till
    finally:
        till.line.program.close()


def _pays(till: Till, view: Any, action: str = "pay") -> Any:
    """The payer goes where the view leads: an address, or a code to scan."""
    attempt = view["attempts"][-1]
    way = attempt.get("qr_text") or attempt["pay_url"]
    return till.order("POST", "pay", {"address": way, "action": action, "wait": True})


@pytest.mark.parametrize("name", [name for name in _ALL if name != "paygov"])
def test_each_intermediary_pays_in_its_own_way(till: Till, name: str) -> None:
    """By a notice that is believed, or by the question that an unbelieved one leads to."""
    asked = till.asked(provider=name)
    _pays(till, asked)
    view = till.becomes(asked["payment_id"], "paid")
    assert (view["provider"], view["amount"]) == (name, AMOUNT)
    # A question may be answered before the notice arrives; KeyPay's notices never prove a payment.
    assert view["paid_by"] in (("query",) if name == "keypay" else ("notice", "query"))


def test_another_amount_by_qr_waits_for_people(till: Till) -> None:
    """The code is no payment; a line of the bank with its reference and another amount is none either (A32)."""
    short = till.asked(provider="vietqr")
    till.order("POST", "pay", {"address": short["attempts"][0]["qr_text"], "amount": AMOUNT - 1, "wait": True})
    held = until(lambda: till.view(short["payment_id"])["attempts"][0].get("held"), "people have to look")
    assert (held, till.view(short["payment_id"])["state"] == "paid") == ("amount_differs", False)


def test_what_nobody_can_verify_waits_for_a_statement(till: Till) -> None:
    """PayGov's callback proves nothing: the fee is open, flagged, until the accountants' file says that it was paid."""
    asked = till.asked(provider="paygov")
    _pays(till, asked)
    flagged = until(lambda: "unverified_notice" in till.view(asked["payment_id"])["flags"], "the notice was heard")
    assert flagged
    assert till.view(asked["payment_id"])["state"] != "paid"
    _settled(till, "paygov")
    assert till.becomes(asked["payment_id"], "paid")["paid_by"] == "statement"


def test_the_portal_finds_what_is_due_and_pays_it(till: Till) -> None:
    """Its pull, its platform, its confirmation: one attempt of one fee; asked again nothing is due."""
    wanted = till.wanted(channel="counter", portal_pull=True)
    asked = till.call("POST", "", wanted).tree
    told = till.order("POST", "pull", {"dossier": wanted["dossier_code"]})
    assert (told["answer"]["error_code"], told["fault"]) == (1, ""), told
    view = till.becomes(asked["payment_id"], "paid")
    assert (view["provider"], view["attempts"][0]["reference"]) == ("pp", told["ref"])
    assert till.order("POST", "pull", {"dossier": wanted["dossier_code"]})["answer"]["error_code"] == 0


def test_a_fee_paid_twice_keeps_the_first_and_asks_to_give_the_second_back(till: Till) -> None:
    """Two transactions there, one payment and one refund that waits for two operators here."""
    asked = till.asked(provider="vnpay")
    _pays(till, asked, "pay_twice")
    till.becomes(asked["payment_id"], "paid")
    refunds = until(lambda: till.view(asked["payment_id"])["refunds"], "a refund is asked for")
    assert [(one["state"], one["amount"], one["cause"]) for one in refunds] == [("asked", AMOUNT, "duplicate_payment")]


def test_money_goes_back_whole_or_in_part_once_two_operators_have_signed(till: Till) -> None:
    """At intermediaries that are done at once; more than is left is refused before anybody is asked."""
    operators(till)
    for name, amount, state in (("momo", AMOUNT, "refunded"), ("zalopay", AMOUNT // 4, "partially_refunded")):
        asked = till.asked(provider=name)
        _pays(till, asked)
        till.becomes(asked["payment_id"], "paid")
        way = f"/{asked['payment_id']}/refunds"
        wanted = {"request_id": f"hoan-{name}", "amount": amount, "reason": "Rút hồ sơ"}
        refund_id = till.call("POST", way, wanted).tree["refunds"][0]["refund_id"]
        beyond = till.call("POST", way, {**wanted, "request_id": f"hoan-them-{name}", "amount": AMOUNT - amount + 1})
        assert beyond.status == 409, beyond
        words = ("decide", "payment", "refund", asked["payment_id"], "--set", f"refund_id={refund_id}", *REASON)
        proposal = till.line.command(*words, "--as", "binh", "--json").tree["proposal"]
        assert till.line.command("decisions", "approve", proposal, *REASON, "--as", "chi").code == 0
        view = till.becomes(asked["payment_id"], state, 20.0)
        assert (view["refunded_amount"], view["refunds"][0]["state"]) == (amount, "done")


def test_the_books_of_every_intermediary_are_explained_by_ours(till: Till) -> None:
    """After settlement each row has its pair: what came in there is what came in here, to the last đồng."""
    books = till.order("GET", "books")
    dropped = {name: _dropped(till, name) for name in _ALL}
    for name, statement in dropped.items():
        summary = _taken(till, name, statement)["summary"]
        came_in = {row["outcome"]: row for row in summary if row["side"] == "Thu"}
        assert came_in["Cộng"]["theirs"] == books["sums"][name]["paid"] > 0
        assert came_in["Cộng"]["difference"] == 0, (name, summary)
        (went_back,) = [row for row in summary if (row["side"], row["outcome"]) == ("Hoàn", "Cộng")]
        assert (went_back["theirs"], went_back["difference"]) == (books["sums"][name]["refunded"], 0), (name, summary)
        # What stands apart is explained: paid twice and waiting for two operators, another amount and waiting for people.
        assert set(came_in) == {"Cộng", "Khớp", *_APART.get(name, ())}


def test_a_statement_that_does_not_add_up_is_refused_and_changes_no_report(till: Till) -> None:
    """Whole, with its reason; the report stays what it was."""
    before = _settled(till, "momo")["summary"]
    after = _settled(till, "momo", defect="wrong_sum")
    assert after["summary"] == before
    assert "sum_pay" in after["files"][-1]["fault"]


def _settled(till: Till, name: str, **how: object) -> Any:
    """Today's statement of an intermediary is dropped, and taken or refused; the report then."""
    return _taken(till, name, _dropped(till, name, **how))


def _dropped(till: Till, name: str, **how: object) -> Any:
    """A statement of today, with its side file, under the next number."""
    ordered = {"provider": name, "date": _today(), "seq": next(till._numbers), "write": True, **how}
    return till.order("POST", "statements", ordered)


def _taken(till: Till, name: str, statement: Any) -> Any:
    """The report once that very file is done with."""

    def report() -> Any:
        answer = till.call("GET", f"/settlements/{name}/{_today()}")
        files = answer.tree["files"] if answer.status == 200 else []
        done = [one for one in files if one["sha256"] == statement["sha256"] and one["state"] in _ENDED]
        return answer.tree if done else None

    return until(report, f"the statement of {name} is settled")


def _today() -> str:
    return f"{datetime.now(UTC).astimezone(VIETNAM):%Y%m%d}"
