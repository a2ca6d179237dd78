"""What can be set about signatures: workers, whom we ask for status and stamps, and the keys that we sign with."""

from __future__ import annotations

from typing import Literal

import msgspec

from connectors.kit.secrets import SecretRef


class Struct(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of these settings: frozen, strict."""


class StatusAsked(Struct, frozen=True):
    """Whom we ask for the status of certificates: `hosts` (`host`, which means ports 80 and 443, or `host:port`).

    Addresses stand in strangers' certificates, so nobody else is ever asked. `internal`: those among them that lie in a private
    network. `rewrites`: the name in certificates -> the host that is asked instead (`ocsp.ca.ptc` is a name of the state's
    internal network). One answer takes at most `timeout_s` and `max_bytes`, all that one judgement needs `whole_s`. Answers are
    kept in memory until their nextUpdate and at most `keep_s`, in `cache_bytes` altogether. After `failures` in a row a host is
    left alone for `open_s`.
    """

    hosts: tuple[str, ...] = ("ocsp.ca.gov.vn", "ca.gov.vn", "crl.ca.gov.vn")
    internal: tuple[str, ...] = ()
    rewrites: dict[str, str] = msgspec.field(default_factory=lambda: {"ocsp.ca.ptc": "ocsp.ca.gov.vn"})
    timeout_s: float = 15.0
    whole_s: float = 30.0
    max_bytes: int = 67_108_864
    keep_s: float = 3_600.0
    cache_bytes: int = 134_217_728
    failures: int = 3
    open_s: float = 60.0


class StampAsked(Struct, frozen=True):
    """The time-stamping authority; never taken from a certificate (NĐ 68/2024 Điều 29). `internal`: it lies in a private network.

    `policy`: the object identifier that its stamps must carry, empty for its own choice. `digest` of what is stamped. A clock
    that lies further than `max_offset_s` from its time signs nothing (T7). `ca_file`: trust anchors for https in place of the
    machine's.
    """

    url: str
    internal: bool = False
    policy: str = ""
    digest: Literal["sha256", "sha384", "sha512"] = "sha256"
    timeout_s: float = 15.0
    max_offset_s: float = 60.0
    ca_file: str = ""


class SigningKey(Struct, frozen=True):
    """One key that we sign with, and its custody: who answers for it, for what it may be used, who may ask.

    `kind` pkcs12 or pem: `file`, of mode 0600, with `certificates_file` where the certificates stand apart. pkcs11: `module` (the
    vendor's library), `token_label` or `token_serial`, `key_label` or `key_id` (hex). `secret` refers to the passphrase or PIN as
    `file:PATH` (mode 0600), `credential:NAME` or `env:NAME`. `domain` is the trust domain of the certificate.

    `custodian` and `entrusted_by` (the document that gave the key into custody) stand in every audit row. `profiles`: what may be
    written; `systems`: who may ask (codes of callers); `procedures`: for dossiers of which procedures, ("*",) for all;
    `media_types`: of documents. At most `per_minute` signatures; `max_bytes` of one document. `algorithm`: such as
    "rsa-pss-sha256", empty for the key's preferred one.
    """

    kind: Literal["pkcs12", "pem", "pkcs11"]
    domain: Literal["public-duty", "public"]
    custodian: str
    entrusted_by: str
    profiles: tuple[str, ...]
    systems: tuple[str, ...]
    procedures: tuple[str, ...]
    file: str = ""
    certificates_file: str = ""
    secret: SecretRef = SecretRef("")
    module: str = ""
    token_label: str = ""
    token_serial: str = ""
    key_label: str = ""
    key_id: str = ""
    media_types: tuple[str, ...] = ("application/pdf", "application/xml", "text/xml", "application/octet-stream")
    per_minute: int = 60
    max_bytes: int = 104_857_600
    algorithm: str = ""


class Signing(Struct, frozen=True):
    """Signatures at work. `workers` processes read documents; they hold no keys.

    Status of our own certificate is at most `fresh_s` seconds old in our hands when we sign (NĐ 23/2025 Điều 15). Documents
    lie in `work_dir` (below the data directory, mode 0700, cleared of them at each start) while they are signed; a memory file
    system suits it. `max_clock_error_s`: sign only while the kernel vouches for its clock within so many seconds;
    None does not ask it.
    """

    workers: int = 2
    work_dir: str = "signing"
    fresh_s: float = 300.0
    max_clock_error_s: float | None = None
    status: StatusAsked = StatusAsked()
    timestamp: StampAsked | None = None
    keys: dict[str, SigningKey] = {}
