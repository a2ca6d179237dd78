"""What a connector tells the conformance suite: how to be set up against its simulator, and what to send.

Each connector folder has a `conformance.py` with one function:

    def case(base_url: str) -> ConformanceCase

or, for a connector that speaks several dialects or takes several routes, with a mapping of such functions, each examined
by the whole suite:

    CASES: Mapping[str, Case] = {"mapi-2019": ..., "mapi-2023": ...}

It may import the connector's own package and the kit only. `base_url` is where the simulator listens (`http://127.0.0.1:PORT`,
or `https://…` with a certificate that must be refused, or `http://plain.invalid`, which must be refused as plain HTTP): put
it into the settings as it is, and let `allow_plain` hold exactly `("127.0.0.1",)` whatever it says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from connectors.kit.contract import Change, Notice, Question, Task
from connectors.kit.faults import FaultKind
from connectors.kit.signing_on import Errand
from mappings.canonical import Carried


@dataclass(frozen=True, slots=True)
class Sample:
    """One delivery that the suite may make.

    `before` names operations of the same dossier that must be delivered first, in order, with the same `carried`
    (a progress row needs its dossier). `memory` is what the lane remembers already, mostly nothing.
    """

    operation: str
    carried: Carried
    before: tuple[str, ...] = ()
    memory: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Feeding:
    """An order to the simulator's control plane: for a poller, after which it has several pages to read."""

    method: str
    path: str
    body: bytes


@dataclass(frozen=True, slots=True)
class TaskSample:
    """One task that the suite may have delivered: an operation of trigger `effect` and what a ledger asks for.

    `before` is delivered first, in order: a result needs the dossier that it belongs to. `memory` is what the lane remembers
    already, and whatever the receipts of those before ask for. `after` are tasks that are carried before it. `orders` go to the
    simulator before all that; `kept` gives, from their parsed answers, the changes that the connector's ledgers have taken when
    the task is carried.
    """

    operation: str
    task: Task
    before: tuple[Sample, ...] = ()
    memory: Mapping[str, str] = field(default_factory=dict)
    orders: tuple[Feeding, ...] = ()
    kept: Callable[[Sequence[object]], Sequence[Change]] | None = None
    after: tuple[TaskSample, ...] = ()


@dataclass(frozen=True, slots=True)
class Notices:
    """What comes from outside: `genuine(number)`, and `forgeries` of it, each wrong in one way."""

    genuine: Callable[[int], Notice]
    forgeries: Callable[[Notice], Sequence[Notice]]


@dataclass(frozen=True, slots=True)
class SignOnSample:
    """One sign-on that the suite may make.

    `walk(address)` is the order to the simulator that does what the person does with a browser at that address; it answers
    `{"location": the callback's address}`. `operations` are the simulator's names of the calls that end a sign-on, in order:
    the first spends the code.
    """

    errand: Errand
    walk: Callable[[str], Feeding]
    operations: tuple[str, ...]


FAMILIES: Mapping[str, tuple[str, ...]] = {
    "done": ("receipt",),
    "duplicate": ("receipt",),
    "busy": ("busy",),
    "upstream_fault": ("upstream_fault",),
    "answer_unreadable": ("answer_unreadable",),
    "unreadable": ("answer_unreadable",),
    "no_answer": ("no_answer",),
    "rejected": ("rejected",),
    "not_found": (),
    "not_sent": ("not_sent",),
    "session_expired": (),
    "credentials_refused": ("credentials_refused",),
    "consent_missing": ("consent_missing",),
    "contract_changed": ("contract_changed",),
}
"""The families of an `outcomes.csv`, and what each must end in: `receipt` or a `DeliveryError.code`.

An empty tuple: it depends on the operation, so the trigger says it itself (`expect`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeTrigger:
    """An upstream answer that must be read by exactly one row of the profile's `outcomes.csv`.

    `row` names the row: columns with their values, as many as single it out. The suite plays `status` and `body` as the
    answer of the simulator's operation `match` (the name that the simulator gives to `FaultPlan.next`, for example the
    upstream's service name) while `operation` is delivered, and expects what the row's family means, or `expect`.
    With `asked` the capability is not `deliver` but `enquire`, `task` or `enquire_task` (the sample task of that
    operation), `check` (of `Probe`), `ask` (the question of that operation) or `sign_on` (a sign-on with the provider
    `operation`, brought to its end; `refused` is a `SignOnRefused`).
    `profile` is a folder under `profiles/`.
    """

    profile: str
    row: Mapping[str, str]
    operation: str
    match: str
    status: int = 200
    body: str = ""
    content_type: str = "application/json"
    expect: tuple[str, ...] = ()
    asked: Literal["deliver", "enquire", "task", "enquire_task", "check", "ask", "sign_on"] = "deliver"


@dataclass(frozen=True, slots=True)
class Example:
    """One file of `profiles/<profile>/examples/`, parsed. `message` is the wire message; `tree` the whole file."""

    profile: str
    name: str
    message: object
    tree: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConformanceCase:
    """Everything the suite needs to know of a connector.

    `settings`: for `registry.create`. `secrets`: what `Kit.secret` answers, by reference. `simulator`: options of
    `create_app`. `sample(operation, number, step)`: a delivery of dossier `number` (checks never share a number); `step`
    counts its events from 0, each with its own sequence and time. Samples must be the same for the same arguments.
    `state_path`: where the simulator shows what it holds; `effects(state, sample)`: how many times that (parsed JSON) shows
    the effect of the sample: 0 nothing, 1 as it should be.
    `round_trip(example)`: decode the example's message with the profile's types, map it where a mapping in that direction
    exists, encode again; the result must equal `example.message`.
    `planted`: secrets and personal data of the samples that must never be seen in a log or an error text.
    `expected`: for a fault of `kit.faults` the codes of what may come of it, where the suite's own expectation does not fit
    (`receipt` for a receipt, otherwise `DeliveryError.code`); an empty tuple says that the fault does not apply.
    `fault_operation`: the simulator's name of the call that an operation makes, by operation, so that a fault hits that call
    and not a login before it; "*" when absent. `questions`: one lawful question by "call" operation. `sign_ons`: one sign-on by
    provider.
    `profiles`: the folders under `profiles/` whose tables and examples this case answers for; all of them when empty.
    For what a connector brings along: `task(operation, number)` and `task_effects(state, sample)` as `sample` and `effects`;
    `notices` of its listener; `changes(ledger)`, a course of changes of one ledger, repeats and late ones among them;
    `feeding(poller)`. `kept` are changes that its ledgers have taken before anything else. `own_pollers` follow those ledgers,
    not a source outside: they tell of an upstream that does not answer by changes. `reads(profile, row)`: whether an answer with
    the codes of a row of an `outcomes.csv` is read by that very row; for tables whose rows teach a ledger instead of ending
    a delivery, so that no `outcomes` are needed for them.
    """

    settings: Mapping[str, object]
    sample: Callable[[str, int, int], Sample]
    effects: Callable[[object, Sample], int]
    round_trip: Callable[[Example], object]
    outcomes: tuple[OutcomeTrigger, ...]
    planted: tuple[str, ...]
    secrets: Mapping[str, str] = field(default_factory=dict)
    simulator: Mapping[str, object] = field(default_factory=dict)
    state_path: str = "/_simulator/dossiers"
    expected: Mapping[FaultKind, tuple[str, ...]] = field(default_factory=dict)
    fault_operation: Mapping[str, str] = field(default_factory=dict)
    questions: Mapping[str, Question] = field(default_factory=dict)
    sign_ons: Mapping[str, SignOnSample] = field(default_factory=dict)
    profiles: tuple[str, ...] = ()
    task: Callable[[str, int], TaskSample] | None = None
    task_effects: Callable[[object, TaskSample], int] | None = None
    notices: Notices | None = None
    changes: Callable[[str], Sequence[Change]] | None = None
    feeding: Callable[[str], Feeding] | None = None
    kept: Sequence[Change] = ()
    own_pollers: frozenset[str] = frozenset()
    reads: Callable[[str, Mapping[str, str]], bool] | None = None


Case = Callable[[str], ConformanceCase]
