"""The signing house of a demonstration: an authority of its own, the official's key in custody, and the configuration for both.

Everything is made at start and lies in the installation's folder, so that nothing that signs outlives the performance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template

from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_der_x509_certificate

from connectors.kit.simulated_authority import keys
from connectors.kit.simulated_authority.authority import Authority
from connectors.kit.simulated_authority.declaration import read_declaration
from gateway.cli.installation import RESOLUTION_SYSTEM, write_safely

DECLARATION = Path(__file__).with_name("authority.toml")
KEY = "can_bo"
ISSUERS = ("duty-root", "duty-ca")
PAPER_NAMESPACE = "urn:vi-du:ket-qua:1"

_SIGNER = "official"
_POLICY = """\
name = "trinh-dien"
[status]
grace_seconds = 86400   # trạng thái hỏi trước khi ký vẫn dùng được trong một ngày
"""
_PORTAL = "[upstreams.national_dvc.settings]\n"
_RESULTS_AT = 'result_url_base = "https://ket-qua.vi-du.example/v1/results"\n'
_CONFIGURATION = Template("""
[results]
trust_dir = "trust"
policy_file = "policy.toml"
retry_s = [0.5]         # mô phỏng
dossier_paths = ["{$namespace}KetQua/{$namespace}MaHoSo"]

[signing]
workers = 4             # mô phỏng: một buổi trình diễn ký hết trong một phút

[signing.status]
hosts = ["$host"]
internal = ["$host"]    # mô phỏng
rewrites = {}

[signing.timestamp]
url = "http://$host/tsa/tsa-duty"
internal = true         # mô phỏng

[signing.keys.$key]
kind = "pem"
domain = "public-duty"
file = "keys/$key.pem"
certificates_file = "keys/$key-chain.pem"
custodian = "Văn phòng Bộ (trình diễn)"
entrusted_by = "QĐ 01/QĐ-VIDU"
profiles = ["P-PDF-T", "P-XML-T"]
systems = [$systems]
procedures = ["*"]
per_minute = 6000       # mô phỏng
""")


@dataclass(frozen=True, slots=True)
class House:
    """Where the signing house stands: its folder with keys and certificates, its address, the grounds of whoever verifies."""

    folder: Path
    port: int

    @property
    def url(self) -> str:
        """The address of its services."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def place(self) -> Path:
        """The keys and certificates of the authority."""
        return self.folder / "authority"

    @property
    def ready(self) -> str:
        """An address that answers once the authority stands."""
        return f"{self.url}/crl/{ISSUERS[-1]}.crl"

    @property
    def words(self) -> list[str]:
        """The arguments of the authority's process."""
        return [str(DECLARATION), str(self.place), str(self.port)]

    @property
    def grounds(self) -> list[str]:
        """The arguments with which `gateway verify` judges offline."""
        return [
            *("--trust", str(self.folder / "trust")),
            *("--policy", str(self.folder / "policy.toml")),
            *("--evidence", str(self.folder / "evidence")),
        ]


def lay_out_signing(folder: Path, port: int, systems: Sequence[str]) -> House:
    """Make keys and certificates, and add signing and judging to the installation in `folder`; `systems` may ask beside ours."""
    house = House(folder, port)
    for part in ("authority", "trust/public-duty", "evidence"):
        (folder / part).mkdir(parents=True, mode=0o700)
    declaration = read_declaration(DECLARATION).at(house.url)
    authority = Authority(declaration, keys.ring(declaration.keys, house.place))
    pem = {name: _pem(der) for name, der in authority.certificates.items()}
    (root,) = declaration.roots
    write_safely(folder / f"trust/{root.domain}/{root.certificate}.pem", pem[root.certificate])
    anchor = f'[[anchor]]\nfile = "{root.domain}/{root.certificate}.pem"\nsource = "{root.source}"\n'
    write_safely(folder / "trust/anchors.toml", anchor.encode())
    write_safely(folder / "policy.toml", _POLICY.encode())
    write_safely(folder / f"keys/{KEY}.pem", keys.to_pem(authority.key(_SIGNER)))
    write_safely(folder / f"keys/{KEY}-chain.pem", pem[_SIGNER] + pem[ISSUERS[-1]])
    words = {
        "host": f"127.0.0.1:{port}",
        "key": KEY,
        "namespace": PAPER_NAMESPACE,
        "systems": ", ".join(f'"{system}"' for system in (RESOLUTION_SYSTEM, *systems)),
    }
    configuration = folder / "gateway.toml"
    more = _CONFIGURATION.substitute(words)
    told = configuration.read_text(encoding="utf-8").replace(_PORTAL, _PORTAL + _RESULTS_AT, 1)
    write_safely(configuration, (told + more).encode(), mode=0o644)
    return house


def _pem(der: bytes) -> bytes:
    return load_der_x509_certificate(der).public_bytes(Encoding.PEM)
