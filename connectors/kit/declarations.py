"""What a manifest declares of routes, pollers, ledgers, decisions, views and reading back, as types that check themselves.

[[endpoints]]
method = "GET"
path = "/v1/toys/{id}"                  # internal: under /v1/; {upstream} stands for the code of the upstream
audience = "internal"                   # or "edge"
capability = "toy.read"
summary = "Đọc một món đồ chơi"
roles = ["resolution"]                  # who may call an internal one
schema = "schemas/toy.json"             # of the body, relative to the connector's folder; "" where there is none
[listener]
profiles = ["v1"]                       # callbacks at /v1/callbacks/{upstream}/{profile}
methods = ["POST"]
[pollers.changes]
every_s = 30.0                          # or daily_at = "01:30", Viet Nam time
jitter_s = 5.0
[ledgers.toys]
sealed = true                           # its state is encrypted with the key of its dossier
effects = ["deliver", "propose"]        # all that it may ask for: deliver, propose, alarm, tell
[decisions.write_off]                   # what operators alone may decide about a ledger (connectors.kit.deciding)
ledger = "toys"
summary = "Xóa sổ một món đồ chơi"
roles = ["supervisor"]                  # who may sign it, first and second
second_key = true                       # always by two operators with two keys
fields = ["reference"]                  # its words beside the id and the reason, signed and kept in the trail: nothing personal
optional = []                           # those of them that may be left out
[views.loans]                           # a table for operators (connectors.kit.showing): codes and times, nothing personal
summary = "Các món đồ chơi đang cho mượn"
filters = ["toy"]                       # by what its rows may be narrowed
[read_back]                             # what a reconciliation can see there (connectors.kit.reading_back), in Vietnamese
sees = ["Hồ sơ có ở hệ thống nhận hay không"]
hidden = ["Nội dung hồ sơ"]             # what it does not show; or none = "why nothing can be read back"
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeVar

import msgspec

from connectors.kit.settings import typed

S = TypeVar("S", bound=msgspec.Struct)
Fault = Callable[[str, str], None]
EffectWord = Literal["deliver", "propose", "alarm", "tell"]

SECTIONS = ("endpoints", "listener", "pollers", "ledgers", "decisions", "views")
CALLBACKS = "/v1/callbacks/"

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_PROFILE = re.compile(r"[a-z][a-z0-9_-]*")
_PARAMETER = re.compile(r"[a-z][a-z_]*")
_SEGMENT = re.compile(r"[A-Za-z0-9._~-]+|\{[a-z_]+\}")
_TIME_OF_DAY = re.compile(r"([01]\d|2[0-3]):[0-5]\d")


class QueryParameter(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A parameter after the path. `meaning` is in Vietnamese, for the published description; the handler judges the value."""

    name: str
    meaning: str

    def __post_init__(self) -> None:
        """Raises `ValueError` for a name or a meaning that tells nobody anything."""
        if not _PARAMETER.fullmatch(self.name) or not self.meaning.strip():
            raise ValueError("query: mỗi tham số có name (chữ thường và _) và meaning")


class EndpointSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One endpoint. `roles`: which callers may use an internal one; on the edge the handler itself decides.

    `query`: the parameters that the handler takes after the path.
    """

    method: Literal["GET", "POST", "PUT", "DELETE"]
    path: str
    audience: Literal["internal", "edge"]
    capability: str
    summary: str
    roles: tuple[Literal["resolution", "sector"], ...] = ("resolution",)
    schema: str = ""
    query: tuple[QueryParameter, ...] = ()

    def __post_init__(self) -> None:
        """Raises `ValueError` for a path that cannot be mounted."""
        segments = self.path.split("/")
        if segments[0] or len(segments) < 2 or not all(map(_SEGMENT.fullmatch, segments[1:])):
            raise ValueError("path phải là /đoạn/đoạn, mỗi đoạn gồm chữ, số, . _ ~ - hoặc là một {tên}")
        if len(set(placeholders(self.path))) != len(placeholders(self.path)):
            raise ValueError("path: một {tên} chỉ được dùng một lần")
        if self.audience == "internal" and not self.path.startswith("/v1/"):
            raise ValueError("path của điểm nội bộ phải bắt đầu bằng /v1/")
        if self.path.startswith(CALLBACKS):
            raise ValueError(f"path không được bắt đầu bằng {CALLBACKS}: dành cho Listener")
        if not (self.summary.strip() and self.capability.strip()):
            raise ValueError("summary và capability không được để trống")
        if len({one.name for one in self.query}) != len(self.query):
            raise ValueError("query: một tham số chỉ được nêu một lần")
        if self.audience == "internal" and not self.roles:
            raise ValueError("roles phải nêu ai được gọi")


class ListenerSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Callbacks: the dialects that have an address, and the methods that their senders use."""

    profiles: tuple[str, ...]
    methods: tuple[Literal["GET", "POST"], ...] = ("POST",)

    def __post_init__(self) -> None:
        """Raises `ValueError` for profiles that cannot stand in an address."""
        if not self.profiles or not all(map(_PROFILE.fullmatch, self.profiles)):
            raise ValueError("profiles phải nêu ít nhất một phương ngữ, gồm chữ thường, số, - và _")
        if not self.methods or len(set(self.profiles)) != len(self.profiles):
            raise ValueError("profiles và methods không được lặp hay để trống")


class PollerSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """When a poller runs: every so many seconds (give or take `jitter_s`), or daily at a time of day in Viet Nam.

    `timeout_s` bounds one page.
    """

    every_s: float = 0.0
    jitter_s: float = 0.0
    daily_at: str = ""
    timeout_s: float = 60.0

    def __post_init__(self) -> None:
        """Raises `ValueError` for a schedule that is none, or two."""
        if bool(self.every_s) == bool(self.daily_at):
            raise ValueError("cần đúng một trong hai: every_s hoặc daily_at")
        if self.daily_at and not _TIME_OF_DAY.fullmatch(self.daily_at):
            raise ValueError("daily_at phải là giờ:phút, ví dụ 01:30 (giờ Việt Nam)")
        if self.every_s < 0 or self.jitter_s < 0 or self.timeout_s <= 0:
            raise ValueError("every_s, jitter_s, timeout_s không được âm")
        if self.every_s and self.jitter_s >= self.every_s:
            raise ValueError("jitter_s phải nhỏ hơn every_s")


class LedgerSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A ledger: whether its state is sealed with the key of its dossier, and all that it may ask for.

    `of` upstream: it belongs to no dossier (a list that names many), and is sealed under the name of its upstream.
    """

    sealed: bool = True
    of: Literal["dossier", "upstream"] = "dossier"
    effects: tuple[EffectWord, ...] = ()

    def __post_init__(self) -> None:
        """Raises `ValueError` for one of no dossier that would have something carried in the lane of a dossier."""
        if self.of == "upstream" and {"deliver", "propose"} & set(self.effects):
            raise ValueError('of = "upstream" không đi cùng effects deliver, propose')


class DecisionSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A decision that operators alone take about a ledger. `second_key`: only with a second operator's key.

    Its `fields` are signed and stay in the audit trail for ever: never anybody's name or account. Of them `optional` may be
    left out.
    """

    ledger: str
    summary: str
    roles: tuple[Literal["operator", "supervisor", "admin"], ...] = ("supervisor",)
    second_key: bool = True
    fields: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raises `ValueError` for one that nobody may take, or that nobody understands."""
        if not self.roles or not self.summary.strip():
            raise ValueError("roles và summary không được để trống")
        if not set(self.optional) <= set(self.fields):
            raise ValueError("optional phải nằm trong fields")


class ViewSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A table that operators may look at, and the filters that narrow it."""

    summary: str
    filters: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raises `ValueError` for one that nobody understands, or whose filters cannot be named."""
        if not self.summary.strip():
            raise ValueError("summary không được để trống")
        if not all(map(_NAME.fullmatch, self.filters)) or len(set(self.filters)) != len(self.filters):
            raise ValueError("filters: mỗi tên một lần, gồm chữ thường không dấu, chữ số và dấu gạch dưới")


class ReadBackSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What an upstream shows of what it acknowledged, and what it does not; or `none`, why it shows nothing."""

    sees: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    none: str = ""

    def __post_init__(self) -> None:
        """Raises `ValueError` for one that claims both, or tells nobody anything."""
        if bool(self.sees) == bool(self.none.strip()):
            raise ValueError("cần đúng một trong hai: sees (xem được gì) hoặc none (vì sao không xem lại được)")
        if not all(sentence.strip() for sentence in (*self.sees, *self.hidden)):
            raise ValueError("sees và hidden là các câu, không để trống")


@dataclass(frozen=True, slots=True)
class Declarations:
    """All seven, as one manifest declares them."""

    endpoints: tuple[EndpointSpec, ...] = ()
    listener: ListenerSpec | None = None
    pollers: Mapping[str, PollerSpec] = field(default_factory=dict)
    ledgers: Mapping[str, LedgerSpec] = field(default_factory=dict)
    decisions: Mapping[str, DecisionSpec] = field(default_factory=dict)
    views: Mapping[str, ViewSpec] = field(default_factory=dict)
    read_back: ReadBackSpec | None = None


def read_declarations(tree: Mapping[str, object], fault: Fault) -> Declarations:
    """The declarations of a manifest; every fault is told to `fault(key, sentence)`."""
    listener = _read(tree["listener"], ListenerSpec, "listener", fault) if "listener" in tree else None
    endpoints = tree.get("endpoints", [])
    if not isinstance(endpoints, list):
        fault("endpoints", "phải là danh sách bảng [[endpoints]]")
        endpoints = []
    read = [_read(entry, EndpointSpec, f"endpoints[{index}]", fault) for index, entry in enumerate(endpoints)]
    return Declarations(
        endpoints=tuple(spec for spec in read if spec is not None),
        listener=listener,
        pollers=_named(tree, "pollers", PollerSpec, fault),
        ledgers=_named(tree, "ledgers", LedgerSpec, fault),
        decisions=_named(tree, "decisions", DecisionSpec, fault),
        views=_named(tree, "views", ViewSpec, fault),
        read_back=_read(tree["read_back"], ReadBackSpec, "read_back", fault) if "read_back" in tree else None,
    )


def placeholders(path: str) -> tuple[str, ...]:
    """The names in braces of a path, in order."""
    return tuple(re.findall(r"\{([a-z_]+)\}", path))


def _named(tree: Mapping[str, object], section: str, kind: type[S], fault: Fault) -> dict[str, S]:
    table = tree.get(section, {})
    if not isinstance(table, dict):
        fault(section, "phải là một bảng")
        return {}
    found: dict[str, S] = {}
    for name, entry in table.items():
        where = f"{section}.{name}"
        if not _NAME.fullmatch(name):
            fault(where, "tên chỉ gồm chữ thường không dấu, chữ số và dấu gạch dưới")
        spec = _read(entry, kind, where, fault)
        if spec is not None:
            found[name] = spec
    return found


def _read(entry: object, kind: type[S], where: str, fault: Fault) -> S | None:
    if not isinstance(entry, dict):
        fault(where, "phải là một bảng")
        return None
    spec, faults = typed(entry, kind)
    for sentence in faults:
        fault(where, sentence)
    return spec
