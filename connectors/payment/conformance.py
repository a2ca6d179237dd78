"""What the conformance suite needs to know of payment: MoMo with its calls, VNPAY with its page, notices of both kinds.

The tables of all dialects are examined row by row: an answer with the codes of a row must be read by that very row.
"""

from __future__ import annotations

import hashlib
import hmac
import importlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import msgspec

from connectors.kit.case import ConformanceCase, Example, Feeding, Notices, Sample, TaskSample
from connectors.kit.contract import Change, Notice, Task
from connectors.payment.changes import (
    AttemptMade,
    CancelAsked,
    PayerTold,
    PaymentAsked,
    PaymentChange,
    RefundApproved,
    RefundAsked,
    Said,
    Unanswered,
)
from connectors.payment.client import dialect_of
from connectors.payment.conformance_settlement import settlement_course
from connectors.payment.entering import LEDGER, change_of
from connectors.payment.ledger import Payments
from connectors.payment.model import Beneficiary, FeeLine, Made, Order, Payer, Source, Statement, Verdict
from connectors.payment.orders import Addresses, order_of
from connectors.payment.outcomes import Answered, Operation, load_outcomes
from connectors.payment.payment import Payment
from connectors.payment.references import attempt_ref, payment_id_of
from connectors.payment.speaking import Account, Call, Key
from mappings.codes import FeeKind

PARTNER, ACCESS, SECRET = "CONFMOMO", "conformance-access-7d1", "conformance-secret-9f3c"
TERMINAL, HASH_SECRET = "CONFTMN1", "conformance-hash-secret-51ab"
NAME, NUMBER = "Người Nộp Hợp Quy", "001090000000"
AMOUNT = 500_000
DOSSIER = "000.00.00.G11-261122-{:06d}"
SECRETS = {"env:PAY_MOMO": SECRET, "env:PAY_ACCESS": ACCESS, "env:PAY_VNPAY": HASH_SECRET}

_MOMO = "/momo/v2/gateway/api"
_OPERATIONS: tuple[Operation, ...] = ("create", "notice", "query", "refund", "refund_query")
_UNLISTED = "unlisted"
_SIGNED_NOTICE = (
    *("accessKey", "amount", "extraData", "message", "orderId", "orderInfo", "orderType", "partnerCode"),
    *("payType", "requestId", "responseTime", "resultCode", "transId"),
)


def case(base_url: str) -> ConformanceCase:
    """The case against the simulator at that address."""
    began = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=10)
    here = _Cast(base_url, began)
    return ConformanceCase(
        settings=_settings(base_url),
        secrets=SECRETS,
        simulator={
            "gateway_url": "http://127.0.0.1:9",
            "momo": {"merchant": PARTNER, "secrets": [SECRET], "access": ACCESS},
            "vnpay": {"merchant": TERMINAL, "secrets": [HASH_SECRET]},
        },
        sample=_no_events,
        effects=lambda _state, _sample: 0,
        state_path="/_simulator/books",
        round_trip=_round_trip,
        outcomes=(),
        reads=_reads,
        planted=(NAME, NUMBER),
        task=here.task,
        task_effects=_task_effects,
        fault_operation={"create": "momo.create", "refund": "momo.refund"},
        notices=Notices(here.notice, _forgeries),
        changes=here.course,
        kept=here.kept(),
        own_pollers=frozenset({"due", "sweep", "statements", "statement_apis"}),
    )


def _settings(base_url: str) -> Mapping[str, object]:
    return {
        "public_url": "https://cong.example.gov.vn",
        "beneficiaries": {
            "default": {"account": "0011001234567", "bank_code": "VIETCOMBANK", "account_name": "CUC HOP QUY"}
        },
        "providers": [
            {
                "profile": "momo",
                "merchant": PARTNER,
                "endpoints": {
                    "create": f"{base_url}{_MOMO}/create",
                    "query": f"{base_url}{_MOMO}/query",
                    "refund": f"{base_url}{_MOMO}/refund",
                    "refund_query": f"{base_url}{_MOMO}/refund/query",
                },
                "keys": [
                    {"id": "2026", "secret": "env:PAY_MOMO"},
                    {"id": "2026", "role": "access", "secret": "env:PAY_ACCESS"},
                ],
                "sources": ["127.0.0.1"],
                "allow_plain": ["127.0.0.1"],
            },
            {
                "profile": "vnpay",
                "merchant": TERMINAL,
                "endpoints": {
                    "pay": f"{base_url}/vnpay/paymentv2/vpcpay.html",
                    "api": f"{base_url}/vnpay/merchant_webapi/api/transaction",
                },
                "keys": [{"id": "2026", "secret": "env:PAY_VNPAY"}],
                "sources": ["127.0.0.1"],
                "allow_plain": ["127.0.0.1"],
            },
        ],
    }


class _Cast:
    """Payments of the case, each asked for ten minutes ago by an invented person."""

    def __init__(self, base_url: str, began: datetime) -> None:
        self._base_url, self._began = base_url, began

    def kept(self) -> Sequence[Change]:
        """What stands in the ledgers: a payment for the notices, one at each intermediary that is due to be asked about."""
        return (
            *self._taken("notice1", "momo", made=True),
            *self._taken("asked1", "momo", made=True),
            *self._taken("asked2", "vnpay", made=True),
        )

    def task(self, operation: str, number: int) -> TaskSample:
        """Put an attempt before MoMo, or ask it for a refund of one that was paid there."""
        name = f"{operation}{number}"
        payment_id = _id(name)
        fields: dict[str, object] = {"payment_id": payment_id, "attempt": 1}
        orders: tuple[Feeding, ...] = ()
        if operation == "refund":
            fields = {"payment_id": payment_id, "refund_id": "hoan-1"}
            paid = msgspec.json.encode({"provider": "momo", "ref": attempt_ref(payment_id, 1), "action": "pay"})
            created = self._create_call(name)
            orders = (
                Feeding(created.method, f"{_MOMO}/create", created.body),
                Feeding("POST", "/_simulator/pay", paid),
            )
        task = Task(operation, "payment", LEDGER, payment_id, 1, DOSSIER.format(number), self._began, fields)

        def kept(answers: Sequence[object]) -> Sequence[Change]:
            return self._refunding(name, answers) if operation == "refund" else self._taken(name, "momo")

        return TaskSample(operation, task, orders=orders, kept=kept)

    def notice(self, number: int) -> Notice:
        """MoMo says that it is paid."""
        fields: dict[str, str | int] = {
            "partnerCode": PARTNER,
            "orderId": attempt_ref(_id(f"notice{number}"), 1),
            "requestId": attempt_ref(_id(f"notice{number}"), 1),
            "amount": AMOUNT,
            "orderInfo": "Thanh toán phí hồ sơ",
            "orderType": "momo_wallet",
            "transId": 4_088_000_000 + number,
            "resultCode": 0,
            "message": "Giao dịch thành công.",
            "payType": "qr",
            "responseTime": int(self._began.timestamp() * 1000),
            "extraData": "",
        }
        signed = "&".join(f"{name}={ACCESS if name == 'accessKey' else fields[name]}" for name in _SIGNED_NOTICE)
        fields["signature"] = hmac.new(SECRET.encode(), signed.encode(), hashlib.sha256).hexdigest()
        path, headers = "/v1/callbacks/payment/momo", {"content-type": "application/json"}
        return Notice("POST", path, "", headers, msgspec.json.encode(fields), "127.0.0.1", "momo")

    def course(self, ledger: str) -> Sequence[Change]:
        """Asked, in doubt, made, paid, paid again, contradicted, cancelled too late, refunded; or a day that is settled."""
        if ledger != LEDGER:
            return settlement_course(ledger, self._began)
        name = "course"
        at = self._began + timedelta(minutes=1)
        changes: list[PaymentChange] = [
            self._asked(name, "momo"),
            Unanswered(at=at, attempt=1),
            AttemptMade(at=at, attempt=1, made=Made(pay_url="https://pay.example.vn/1")),
            self._said(name, "4088000001"),
            self._said(name, "4088000001"),
            self._said(name, "4088000002"),
            Said(at=at, attempt=1, statement=msgspec.structs.replace(self._statement(name), verdict=Verdict.FAILED)),
            PayerTold(at=at),
            CancelAsked(at=at, request_id="huy-1", asked_by="HTGQ", reason="thử", body_sha256="0" * 64),
            *self._refund(),
        ]
        return tuple(change_of(_id(name), change, DOSSIER.format(0)) for change in changes)

    def _refunding(self, name: str, answers: Sequence[object]) -> Sequence[Change]:
        """A payment that MoMo was paid, and a refund that two operators have signed."""
        told = answers[-1] if isinstance(answers[-1], dict) else {}
        number = parse_qs(urlsplit(str(told["location"])).query)["transId"][0]
        rest = (self._said(name, number), *self._refund())
        return (
            *self._taken(name, "momo", made=True),
            *(change_of(_id(name), change, DOSSIER.format(0)) for change in rest),
        )

    def _refund(self) -> tuple[PaymentChange, ...]:
        at = self._began + timedelta(minutes=2)
        return (
            RefundAsked(
                at=at, refund_id="hoan-1", request_id="hoan-1", asked_by="HTGQ", amount=AMOUNT, reason="nộp nhầm",
                body_sha256="1" * 64,
            ),
            RefundApproved(at=at, refund_id="hoan-1", decided_by="op1", approved_by="op2", decision_id="d1"),
        )  # fmt: skip

    def _taken(self, name: str, provider: str, *, made: bool = False) -> Sequence[Change]:
        changes: list[PaymentChange] = [self._asked(name, provider)]
        if made:
            changes.append(AttemptMade(at=self._began, attempt=1, made=Made(pay_url=f"{self._base_url}/pay/{name}")))
        return tuple(change_of(_id(name), change, DOSSIER.format(0)) for change in changes)

    def _asked(self, name: str, provider: str) -> PaymentAsked:
        return PaymentAsked(
            at=self._began,
            payment_id=_id(name),
            asked_by="HTGQ",
            request_id=name,
            body_sha256=hashlib.sha256(name.encode()).hexdigest(),
            dossier_code=DOSSIER.format(0),
            procedure_code="1.001234",
            procedure_name="Cấp giấy phép",
            service_code="1.001234.01",
            unit_code="000.00.00.G11",
            unit_name="Cục thử nghiệm",
            fee_lines=(FeeLine(kind=FeeKind.CHARGE, code="PTD01", name="Phí thẩm định", amount=AMOUNT),),
            amount=AMOUNT,
            text="Thanh toan phi ho so",
            beneficiary=Beneficiary(account="0011001234567", bank_code="VIETCOMBANK", account_name="CUC HOP QUY"),
            payer=Payer(name=NAME, number=NUMBER, address="Hà Nội"),
            provider=provider,
            method="ewallet",
            channel="web",
            expires_at=self._began + timedelta(minutes=30),
            grace_s=900,
        )

    def _said(self, name: str, txn_id: str) -> Said:
        statement = msgspec.structs.replace(self._statement(name), txn_id=txn_id)
        return Said(at=self._began + timedelta(minutes=1), attempt=1, statement=statement)

    def _statement(self, name: str) -> Statement:
        return Statement(
            source=Source.NOTICE, provider="momo", ref=attempt_ref(_id(name), 1), verdict=Verdict.PAID, trusted=True,
            amount=AMOUNT, currency="VND", txn_id="4088000001",
        )  # fmt: skip

    def _create_call(self, name: str) -> Call:
        """The very call by which the connector would put that payment before MoMo."""
        payment: Payment = Payments().apply(None, self._asked(name, "momo"))[0]
        order: Order = order_of(payment, payment.attempts[0], Addresses("https://cong.example.gov.vn", "payment"))
        dialect = dialect_of("momo")
        keys = {"main": [Key("2026", SECRET)], "access": [Key("2026", ACCESS)]}
        account = Account(
            name="momo",
            merchant=PARTNER,
            keys=lambda role: keys.get(role, []),
            endpoints={},
            options=dialect.options_type(),
            now=lambda: self._began,
        )
        call = dialect.open(account).create(order)
        assert isinstance(call, Call)
        return call


def _id(name: str) -> str:
    return payment_id_of("HTGQ", name)


def _forgeries(genuine: Notice) -> Sequence[Notice]:
    """A smaller amount, a failure made a success, no signature, an unknown reference, a stranger's network and dialect."""
    body = genuine.body

    def other(old: bytes, new: bytes) -> Notice:
        return replace(genuine, body=body.replace(old, new))

    return (
        other(b'"amount":500000', b'"amount":5000'),
        other(b'"resultCode":0', b'"resultCode":9000'),
        other(b'"signature":"', b'"signature":"0'),
        other(b'"orderId":"', b'"orderId":" '),
        other(b'{"partnerCode"', b'{"amount":500000,"partnerCode"'),
        replace(genuine, peer="203.0.113.9"),
        replace(genuine, profile="vnpay"),
        replace(genuine, headers={"content-type": "text/plain"}),
    )


def _task_effects(state: object, sample: TaskSample) -> int:
    """How many orders, or refunds, the books of the simulator show for the task."""
    ref = attempt_ref(sample.task.ledger_id, 1)
    charges = [one for one in msgspec.convert(state, _Books).orders if one.ref == ref]
    return sum(len(one.refunds) for one in charges) if sample.operation == "refund" else len(charges)


class _Charge(msgspec.Struct, frozen=True, kw_only=True):
    ref: str
    refunds: list[object] = []


class _Books(msgspec.Struct, frozen=True, kw_only=True):
    orders: list[_Charge]


def _no_events(operation: str, number: int, step: int) -> Sample:
    """Payment carries no events."""
    raise LookupError(f"{operation} {number} {step}")


def _round_trip(example: Example) -> object:
    """Read into the type of the wire that the example names, and write it again."""
    messages = importlib.import_module(f"connectors.payment.profiles.{example.profile}.messages")
    kind: type[msgspec.Struct] = getattr(messages, str(example.tree["type"]))
    return _written(msgspec.convert(example.message, kind), example.message)


def _written(value: object, original: object) -> object:
    """A value of the wire as JSON has it. What a type leaves out because it is empty is written where the original had it."""
    if isinstance(value, msgspec.Struct) and isinstance(original, dict):
        tree = msgspec.to_builtins(value)
        return {
            field.encode_name: _written(getattr(value, field.name), original.get(field.encode_name))
            for field in msgspec.structs.fields(value)
            if field.encode_name in tree or field.encode_name in original
        }
    if isinstance(value, (list, tuple)) and isinstance(original, list):
        return [_written(one, its) for one, its in zip(value, original, strict=True)]
    return msgspec.to_builtins(value)


def _reads(profile: str, row: Mapping[str, str]) -> bool:
    """Whether an answer with the codes of a row is read by that row, for one of the operations that it speaks for."""
    operations = _OPERATIONS if row["operation"] == "*" else [one for one in _OPERATIONS if one == row["operation"]]
    code = _UNLISTED if row["code"] == "*" else row["code"]
    status = _UNLISTED if row.get("status", "") in ("", "*") else row["status"]
    wanted = (row["verdict"], row["family"], row["meaning_vi"])
    found = [
        load_outcomes(profile).conclude(
            Answered(one, code, status, row["pattern"]), date.fromisoformat(row["valid_from"])
        )
        for one in operations
    ]
    return any((one.verdict.value, one.family, one.meaning_vi) == wanted for one in found)
