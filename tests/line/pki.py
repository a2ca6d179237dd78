"""A small authority for tests, made with openssl: server and client certificates, good, expired, and of a stranger."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

_CONFIG = """
[ca]
default_ca = here
[here]
dir = .
database = {name}.index
new_certs_dir = .
serial = {name}.serial
default_md = sha256
policy = any
copy_extensions = copy
[any]
commonName = supplied
"""


def openssl(folder: Path, *words: str) -> None:
    """Run openssl in a folder; fails with what it said."""
    done = subprocess.run(["openssl", *words], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@dataclass(frozen=True)
class Authority:
    """A certificate authority in a folder: NAME.pem and NAME.key."""

    folder: Path
    name: str

    @classmethod
    def found(cls, folder: Path, name: str) -> Authority:
        """A new self-signed authority."""
        folder.mkdir(parents=True, exist_ok=True)
        made = cls(folder, name)
        words = ("-subj", f"/CN={name}", "-days", "30", "-addext", "basicConstraints=critical,CA:TRUE")
        openssl(folder, "req", "-x509", *_NEW, "-keyout", f"{name}.key", "-out", f"{name}.pem", *words)
        (folder / f"{name}.index").write_text("")
        (folder / f"{name}.serial").write_text("1000\n")
        (folder / f"{name}.cnf").write_text(_CONFIG.format(name=name))
        return made

    @property
    def certificate(self) -> Path:
        """What others trust."""
        return self.folder / f"{self.name}.pem"

    def issue(self, who: str, *, server: bool = False, expired: bool = False, key: str = "") -> tuple[Path, Path]:
        """A certificate and its key; `key` names an existing key to be certified again."""
        folder, key_file = self.folder, f"{key or who}.key"
        usage = ("-addext", f"extendedKeyUsage={'serverAuth' if server else 'clientAuth'}")
        names = ("-addext", "subjectAltName=IP:127.0.0.1") if server else ()
        source = ("-key", key_file) if key else (*_NEW, "-keyout", key_file)
        openssl(folder, "req", "-new", *source, "-out", f"{who}.csr", "-subj", f"/CN={who}", *usage, *names)
        dates = ("20200101000000Z", "20210101000000Z") if expired else ("20200101000000Z", "20490101000000Z")
        signer = ("-config", f"{self.name}.cnf", "-cert", f"{self.name}.pem", "-keyfile", f"{self.name}.key")
        validity = ("-startdate", dates[0], "-enddate", dates[1])
        openssl(folder, "ca", "-batch", "-notext", *signer, *validity, "-in", f"{who}.csr", "-out", f"{who}.pem")
        return folder / f"{who}.pem", folder / key_file


_NEW = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
