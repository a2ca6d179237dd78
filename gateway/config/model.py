"""What can be set, as types: every key of the TOML file with its meaning, its unit and its default."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Literal

import msgspec

from connectors.kit.secrets import SecretRef
from gateway.config.identity import Identity
from gateway.config.signing import Signing
from gateway.config.upstream import Breaker as Breaker
from gateway.config.upstream import Retry as Retry
from gateway.config.upstream import Upstream as Upstream


class Struct(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of all settings: frozen, strict."""


class Tls(Struct, frozen=True):
    """TLS 1.2 or newer on a listener; files are PEM, relative to the configuration file, and may be replaced at any time.

    They are looked at again at each handshake, so a renewed certificate or a changed list of authorities holds from the
    next connection without a restart. Client certificates are asked for when `client_ca_file` names who may issue them
    (a self-signed certificate names itself); `require_client_certificate` refuses connections without one. What such a
    certificate is worth, the register says.
    """

    cert_file: str
    key_file: str
    client_ca_file: str = ""
    require_client_certificate: bool = False


class Listen(Struct, frozen=True):
    """Where a listener binds; port 0 takes a free one. Without `tls` it speaks plain HTTP, for a proxy on this machine.

    `trusted_proxies` (internal only) are the addresses or networks from which the header `Client-Cert` (RFC 9440) is
    believed; from anywhere else a request that carries it is refused. Such a proxy must drop the header where it comes in.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    tls: Tls | None = None
    trusted_proxies: tuple[str, ...] = ()


class EdgeListen(Listen, frozen=True):
    """The listener that strangers reach: callbacks, return pages, downloads. Off unless it is configured.

    A body is at most `max_body_bytes` and whole within `body_timeout_s`; `concurrency` calls are answered at a time, each
    within `reply_timeout_s`, and beside them as many of one address may still be sending. `forwarded_by` (addresses or
    networks of our own proxies) are believed about the address that they forward a callback for (X-Forwarded-For): connectors
    compare it with the addresses of who may call them.
    """

    port: int = 8443
    forwarded_by: tuple[str, ...] = ()
    max_body_bytes: int = 262_144
    body_timeout_s: float = 10.0
    reply_timeout_s: float = 30.0
    concurrency: int = 64


class Listeners(Struct, frozen=True):
    """The listeners; `admin_socket` is a Unix socket of mode 0600, relative to the data directory."""

    internal: Listen = Listen()
    edge: EdgeListen | None = None
    admin_socket: str = "admin.sock"


LEAST_MONTHS = 12
"""Nothing that is younger goes, whatever the configuration says: records of a year are kept at hand (identity facts, 18)."""


class Postgres(Struct, frozen=True):
    """The shared store, for several nodes: PostgreSQL 15 or later.

    `dsn` is a reference (`env:`, `file:`, `credential:`) to a connection string with its user and password. `durability`
    is what a receipt may say: `local` (on the server's own disk) or `sync-standby` (on a standby too; the server must have
    `synchronous_standby_names`). After `lock_s` a wait for another node ends, and a transaction that is idle as long is
    ended by the server. `synchronous_commit` exists for the negative controls of tests and stays on in production.
    `keep_months`: for so many months after its end a month of payloads and attempts is not let go, whoever orders it.
    `migrate`: what a start does about missing steps of the tables: `open` applies them, `refuse` refuses to start, where only
    the user of `migrate_dsn` (empty: that of `dsn`) may make tables, by `gateway migrate`.
    """

    dsn: SecretRef
    migrate: Literal["open", "refuse"] = "open"
    migrate_dsn: SecretRef = SecretRef("")
    durability: Literal["local", "sync-standby"] = "local"
    connect_s: float = 5.0
    answer_s: float = 30.0
    lock_s: float = 10.0
    synchronous_commit: Literal["on", "off"] = "on"
    keep_months: int = 60


class Storage(Struct, frozen=True):
    """The store of record: embedded in `data_dir`, or (with `postgres`) shared by several nodes, each with its own `data_dir`.

    `key_file` holds the key-encryption key (32 bytes, base64), mode 0600, the same on all nodes; `key` refers to it
    instead (such as `credential:kek`) and goes before the file. Embedded, payloads above `inline_bytes` go to
    content-addressed files. `queue_limit` bounds what waits for the writer: beyond it the answer is 503. `synchronous`
    exists for the negative controls of tests and stays FULL in production.
    """

    data_dir: str = "data"
    key_file: str = "keys/kek"
    key: SecretRef = SecretRef("")
    inline_bytes: int = 65_536
    queue_limit: int = 4_096
    synchronous: Literal["FULL", "NORMAL"] = "FULL"
    postgres: Postgres | None = None


class Coordination(Struct, frozen=True):
    """What nodes share and may lose. Without `redis` each node keeps to its share of every limit, and is woken by looking.

    `redis` is a reference (`env:`, `file:`, `credential:`) to an address `redis://` or `rediss://` with user and password.
    `prefix` begins every name there, so that two installations may share a server. `ca_file` holds trust anchors for `rediss://`
    in place of the machine's. No caller waits longer than `answer_s` for an answer, nor `connect_s` for a connection.
    """

    redis: SecretRef = SecretRef("")
    prefix: str = "tthc"
    connect_s: float = 2.0
    answer_s: float = 1.0
    ca_file: str = ""


class Intake(Struct, frozen=True):
    """Limits and policies of the way in (dossier-model 4 and 8). `body_timeout_s`: a body must be whole by then.

    `parked_limit`: how many events of one system may wait on one dossier; beyond it the answer is 429, because each
    accept on that dossier reads them all.
    """

    max_body_bytes: int = 1_048_576
    body_timeout_s: float = 30.0
    max_depth: int = 32
    max_skew_s: int = 300
    unknown_dossier: Literal["refuse", "park"] = "refuse"
    parked_limit: int = 200
    gap_alarm_s: int = 600
    logical_path_prefix: str = ""
    transitions: Literal["strict", "lenient"] = "strict"
    dossier_code_patterns: tuple[str, ...] = (
        r"^(?P<unit>(?:\d{3}\.\d{2}\.\d{2}\.)?[A-Y]\d{2}(?:\.[0-9A-Z]+)*)-(?P<date>\d{6}|\d{8})-(?P<seq>\d{4,7})$",
    )


class Files(Struct, frozen=True):
    """Files that come before the event that names them (dossier-model 4.1, result).

    `max_bytes` bounds one file, `max_per_dossier` how many one system brings to one dossier. Who sends must not pause for
    `stall_s` seconds, nor stay below `min_bytes_per_s` in the mean (after a first `stall_s`). `concurrency` bounds uploads,
    and downloads, under way; `per_system` those of one system. `keep_free_bytes` of the disk are left to the journal. What
    arrived and was never named by a row is removed at a start that comes `orphan_after_s` later. `pull_timeout_s` bounds a
    file that we fetch (only from `callers.*.pull_hosts`); `pull_ca_file` holds trust anchors for that in place of the
    machine's. `folder` is where they lie, sealed (empty: `content` in `data_dir`; with several nodes, the database): one for
    several nodes must be a disk that all of them reach and that keeps what was fsynced.
    """

    folder: str = ""
    max_bytes: int = 536_870_912
    max_per_dossier: int = 1_000
    stall_s: float = 20.0
    min_bytes_per_s: int = 2_048
    concurrency: int = 16
    per_system: int = 8
    keep_free_bytes: int = 268_435_456
    orphan_after_s: float = 86_400.0
    pull_timeout_s: float = 600.0
    pull_ca_file: str = ""


class WorkingHours(Struct, frozen=True):
    """When offices work, in Viet Nam's time: alarms that count working hours count these [assumed: hours differ by office].

    `days` are weekdays (1 Monday to 7 Sunday); `spans` are "HH:MM-HH:MM" in order; `holidays` count for nothing (they are
    announced each year, Bộ luật Lao động 2019 Điều 112).
    """

    days: tuple[int, ...] = (1, 2, 3, 4, 5)
    spans: tuple[str, ...] = ("08:00-12:00", "13:30-17:30")
    holidays: tuple[date, ...] = ()


class Results(Struct, frozen=True):
    """Checking the signatures of results; without this section they are withheld from the outside altogether.

    `trust_dir` holds the anchors of both domains (`public-duty/`, `public/`, `anchors.toml`), `policy_file` the policy of the
    judge (empty: the built-in one), `signers_file` the ministry's own signer table (CSV with the columns of
    `mappings/tables/signers.csv`), whose procedures come before ours.
    Where status information is missing, a result is judged again after `retry_s` (seconds, the last one repeats), and an alarm
    is raised after `alarm_working_hours`. A file above `max_bytes` is held unread.
    `dossier_paths`: where a signed XML document names its dossier, as paths of Clark names from its root, such as
    "{urn:x}KetQua/{urn:x}MaHoSo"; a document that names another dossier is held.
    `public_url` is the address of `GET /v1/results/{code}` as the public reaches it, for QR codes; one peer may ask
    `look_ups_per_minute` times (IPv6: a /64 is one peer). A file given to `POST /v1/validations` has at most
    `max_validation_bytes`.
    """

    trust_dir: str
    policy_file: str = ""
    signers_file: str = ""
    retry_s: tuple[float, ...] = (60.0, 300.0, 900.0, 1_800.0)
    alarm_working_hours: float = 4.0
    working: WorkingHours = WorkingHours()
    max_bytes: int = 104_857_600
    dossier_paths: tuple[str, ...] = ()
    public_url: str = ""
    look_ups_per_minute: int = 30
    max_validation_bytes: int = 20_971_520


class CallerKey(Struct, frozen=True):
    """A public key of a caller, by its `keyid`. `file` is a PEM file, relative to the configuration file."""

    algorithm: Literal["rsa-pss-sha512", "ecdsa-p256-sha256", "ed25519"]
    file: str


class CallerRecord(Struct, frozen=True):
    """A registered calling system: its keys and what its owner consented to (QĐ 3036 Điều 5.7).

    `procedures` and `states` may be ("*",). `outside` says when its events go on to the outside: after the resolution
    system pushed its own event back (`on_push_back`), or as soon as the resolution system acknowledged (`on_ack`).
    `profile` names the published dialect that it speaks; from `pull_hosts` files may be fetched by address (none: never).

    The consent of a sector system (document, validity, scope, keys, certificates) is entered from here into the register
    once, when the store does not know the system yet; from then on `gateway consent` changes it, and a difference is a
    warning. A section without `consent_no` and `consent_date` gives technical settings only (`outside`, `profile`,
    `pull_hosts`). The resolution system needs no consent and keeps its keys here. `certificates` pin client certificates
    as `certificate:HEX` or `spki:HEX` (SHA-256 of the DER form); `authentication` says what must vouch for a request.
    """

    role: Literal["resolution", "sector"]
    keys: Mapping[str, CallerKey] = {}
    procedures: tuple[str, ...] = ("*",)
    states: tuple[str, ...] = ("*",)
    consent_no: str = ""
    consent_date: date | None = None
    valid_to: date | None = None
    outside: Literal["on_push_back", "on_ack"] = "on_push_back"
    profile: str = "default"
    pull_hosts: tuple[str, ...] = ()
    title: str = ""
    owner: str = ""
    valid_from: date | None = None
    certificates: tuple[str, ...] = ()
    authentication: Literal["signature", "certificate", "both"] = "signature"


class RouteRule(Struct, frozen=True):
    """Events of callers with `role` go to the upstreams `to`, in the operations that each manifest names for events."""

    role: Literal["resolution", "sector"]
    to: tuple[str, ...]


class Observe(Struct, frozen=True):
    """Logs as JSON lines on standard error."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"


DecisionWord = Literal[
    "hold",
    "release",
    "replay",
    "pause",
    "resume",
    "pause-plan",
    "pause-cancel",
    "skip",
    "skip-gap",
    "apply-event",
    "pass-event",
    "result-judge",
    "result-refuse",
    "result-override",
    "repair-close",
    "decide",
    "consent-add",
    "consent-revoke",
    "operator-add",
    "operator-revoke",
    "reload",
]
"""The decisions that may be marked (`gateway.records.operators.DECISIONS`; a test compares the two)."""


class Operators(Struct, frozen=True):
    """How people decide. `second_key_for`: commands that a second operator must sign as well (four eyes); `result-override`
    always is one of them (signing facts 5.1), and so is every decision about a ledger whose connector declares it so.

    A proposal that nobody approved is void after `proposal_hours`. A signed statement is taken for `max_skew_s` seconds.
    """

    second_key_for: tuple[DecisionWord, ...] = ("skip", "skip-gap", "apply-event", "pass-event", "consent-revoke")
    proposal_hours: float = 72.0
    max_skew_s: int = 300


class Evidence(Struct, frozen=True):
    """Who signs the record that opens each start's evidence chain; without `key` it stays unsigned, and the check says so.

    `key` is a reference (`file:`, mode 0600) to an Ed25519 private key in PEM; `trusted` are files with the public keys of
    the other nodes, and of keys that were used before.
    """

    key: SecretRef = SecretRef("")
    trusted: tuple[str, ...] = ()


class Settings(Struct, frozen=True):
    """Everything. Paths are relative to the directory of the file."""

    node: str = "gateway-1"
    listen: Listeners = Listeners()
    storage: Storage = Storage()
    coordination: Coordination = Coordination()
    intake: Intake = Intake()
    files: Files = Files()
    results: Results | None = None
    evidence: Evidence = Evidence()
    signing: Signing = Signing()
    identity: Identity | None = None
    callers: dict[str, CallerRecord] = {}
    upstreams: dict[str, Upstream] = {}
    routes: tuple[RouteRule, ...] = ()
    observe: Observe = Observe()
    operators: Operators = Operators()


class Loaded(Struct, frozen=True):
    """Settings with the directory they are relative to and the `file` that they were read from.

    `generation` is a short digest of all keys but those that each node has for itself (its name, its data directory, where it
    listens, its key of the evidence, how much it logs), shown in `/healthz`: nodes that are configured alike show the same.
    """

    settings: Settings
    base: Path
    file: Path = Path("gateway.toml")
    crash_at: str = ""
    generation: str = ""

    def path(self, relative: str) -> Path:
        """A path of the settings, resolved."""
        return (self.base / relative).resolve()

    def data_dir(self) -> Path:
        """Where the store, the lock and the admin socket live."""
        return self.path(self.settings.storage.data_dir)
