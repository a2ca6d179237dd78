"""The operator at the keyboard: whose private key signs a decision, and where it is kept.

Private keys lie in `keys/operators/<name>.pem` beside the configuration, mode 0600, or wherever `--key` says; the gateway
itself never reads them. A key with a passphrase asks for it.
"""

from __future__ import annotations

import argparse
import getpass
import stat
import sys
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from gateway.admin.statement import Envelope, SigningKey, Spoken, Statement, sign
from gateway.cli.installation import write_safely
from gateway.clock import Clock
from gateway.config import Loaded
from gateway.errors import ConfigError
from gateway.records import operators

FOLDER = "keys/operators"


@dataclass(frozen=True, slots=True)
class Signer:
    """An operator's name and private key."""

    name: str
    key: SigningKey

    @property
    def public_key(self) -> str:
        """The public key, as PEM."""
        return _public_pem(self.key)

    def say(self, command: str, words: Spoken, installation: str, clock: Clock) -> Envelope:
        """A fresh decision, signed now."""
        statement = Statement(
            installation=installation,
            command=command,
            words=words,
            operator=self.name,
            key_id=operators.key_id(self.public_key),
            decision_id=clock.new_id(),
            at=clock.now(),
        )
        return sign(statement, self.key)


def signer_arguments(parser: argparse.ArgumentParser) -> None:
    """`--as` and `--key`: who decides."""
    parser.add_argument(
        "--as",
        dest="operator",
        default="",
        metavar="TÊN",
        help=f"người vận hành ký quyết định (mặc định: khóa duy nhất trong {FOLDER} cạnh tệp cấu hình)",
    )
    parser.add_argument("--key", type=Path, metavar="TỆP_PEM", help=f"khóa riêng để ký (mặc định: {FOLDER}/<TÊN>.pem)")


def signer(arguments: argparse.Namespace, loaded: Loaded) -> Signer:
    """Who signs; raises `ConfigError` that says what is missing."""
    path: Path | None = arguments.key
    if path is None:
        path = loaded.path(f"{FOLDER}/{arguments.operator}.pem") if arguments.operator else _only(loaded)
    return Signer(arguments.operator or path.stem, _load(path))


def make_key(path: Path) -> str:
    """A fresh Ed25519 pair: `path` (private, 0600) and its public part beside it (.pub.pem); gives the public PEM.

    Raises `FileExistsError` when a key lies there: a private key is never overwritten.
    """
    if path.exists():
        raise FileExistsError(path)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    key = Ed25519PrivateKey.generate()
    write_safely(path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public = _public_pem(key)
    write_safely(path.with_suffix(".pub.pem"), public.encode(), mode=0o644)
    return public


def _only(loaded: Loaded) -> Path:
    """The only private key of the folder; with more than one, nobody guesses who is at the keyboard."""
    folder = loaded.path(FOLDER)
    found = [path for path in sorted(folder.glob("*.pem")) if not path.name.endswith(".pub.pem")]
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(path.stem for path in found)
        raise ConfigError((f"{folder}: có nhiều khóa; hãy chọn người ký bằng --as TÊN ({names})",))
    raise ConfigError(
        (f"{folder}: chưa có khóa của người vận hành; hãy dùng --key TỆP hoặc gateway operators add TÊN --new-key",)
    )


def _load(path: Path) -> SigningKey:
    try:
        raw = path.read_bytes()
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError as error:
        raise ConfigError((f"{path}: không đọc được khóa riêng ({error.strerror})",)) from error
    if mode & 0o077:
        raise ConfigError((f"{path}: quyền {mode:04o}; khóa riêng phải là 0600",))
    try:
        key = load_pem_private_key(raw, _passphrase(raw, path))
    except (ValueError, TypeError) as error:
        raise ConfigError((f"{path}: không phải khóa riêng PEM, hoặc sai mật khẩu",)) from error
    if isinstance(key, Ed25519PrivateKey):
        return key
    if isinstance(key, EllipticCurvePrivateKey) and isinstance(key.curve, SECP256R1):
        return key
    raise ConfigError((f"{path}: phải là khóa Ed25519 hoặc ECDSA P-256",))


def _passphrase(raw: bytes, path: Path) -> bytes | None:
    if b"ENCRYPTED" not in raw:
        return None
    if not sys.stdin.isatty():
        raise ConfigError((f"{path}: khóa có mật khẩu; hãy chạy lệnh ở cửa sổ có bàn phím",))
    return getpass.getpass(f"Mật khẩu của {path.name}: ").encode()


def _public_pem(key: SigningKey) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
