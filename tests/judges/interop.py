"""Our reader and the JDK on the W3C and IETF interop sets: what each says of core validity, file by file.

`python -m tests.judges.interop` writes the tables of docs/xml-interoperability.md again; the test compares. Core validity is
that of XML Signature 3.2: every Reference digest and the signature value, with whatever key is found (certificate, bare key, or
one of the sets' certificate files). Trust, position and coverage are ours alone and are left out here.
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from signing.model import SignatureFacts
from signing.policy_file import parse_policy
from signing.strength import weaknesses
from signing.xml import Wanted, read_wanted
from tests.corpora import present
from tests.judges import Said, jdk_says

CORPUS = "apache__santuario-xml-security-java"
DOCUMENT = Path(__file__).parents[2] / "docs" / "xml-interoperability.md"
MARK = "<!-- tables: python -m tests.judges.interop -->\n"
SETS = (
    "com/phaos/phaos-xmldsig-three",
    "ie/baltimore/merlin-examples",
    "org/w3c/www/interop/xmldsig",
    "org/w3c/www/interop/xmldsig11",
    "interop/c14n",
)
LEGACY = b"""
name = "interop, old algorithms"
[algorithms]
digests = ["md5", "sha1", "sha256", "sha384", "sha512"]
min_rsa_bits = 512
min_exponent = 3
"""
"""What an operator writes to read such old files: SHA-1 and short keys allowed, nothing else changed."""

CORE = frozenset(
    {"limits", "well_formed", "signature_found", "signature_form", "content_digest", "signature_value", "ids_unique"}
    | {"reference_form", "signed_data_present", "transforms", "algorithm_known", "key_value"}
)
_METHOD = re.compile(rb'SignatureMethod\s+Algorithm="[^"]*[#/]([^"#/]*)"')


@dataclass(frozen=True, slots=True)
class Row:
    """One file: its family of algorithms, what the JDK says, whether we accept it, and which findings failed."""

    name: str
    family: str
    jdk: Said
    accepted: bool
    failed: tuple[str, ...]


def folder() -> Path | None:
    """The root of the sets, or None where the corpus is absent."""
    return present(CORPUS, "src/test/resources")


def files(root: Path) -> list[Path]:
    """Every XML file with a signature in the signature sets; those for encryption are left to encryption."""
    found = (path for one in SETS for path in sorted((root / one).rglob("*.xml")) if "xmlenc" not in str(path))
    return [path for path in found if b"xmldsig#" in path.read_bytes()]


def family(raw: bytes) -> str:
    """hmac, dsa, rsa or ecdsa: the first signature method; none where there is no method."""
    found = _METHOD.search(raw)
    name = found.group(1).decode().lower() if found else ""
    return next((kind for kind in ("hmac", "ecdsa", "dsa", "rsa") if kind in name), "none")


def certificates(root: Path) -> tuple[bytes, ...]:
    """All certificate files of the sets, DER."""
    found = []
    for path in sorted(
        path for one in SETS for path in (root / one).rglob("*") if path.suffix in (".crt", ".cer", ".der")
    ):
        raw = path.read_bytes()
        try:
            one = (
                x509.load_pem_x509_certificate(raw) if raw.startswith(b"-----") else x509.load_der_x509_certificate(raw)
            )
        except ValueError:
            continue  # a key or a list
        found.append(one.public_bytes(Encoding.DER))
    return tuple(dict.fromkeys(found))


def rows(root: Path) -> list[Row]:
    """Both judgements on every file."""
    every, handed = files(root), certificates(root)
    with tempfile.TemporaryDirectory() as place:
        for number, one in enumerate(handed):
            Path(place, f"{number:03}.cer").write_bytes(one)
        said = jdk_says(every, secure=False, certificates=Path(place))
    policy = parse_policy(LEGACY)
    wanted = Wanted(frozenset({"http://www.w3.org/2000/09/xmldsig#base64"}), certificates=handed)
    limits = replace(policy.limits, max_references=64)
    found = []
    for path, word in zip(every, said, strict=True):
        raw = path.read_bytes()
        facts = read_wanted(raw, limits, wanted)
        first = facts.signatures[:1]
        failed = {
            one.code for one in (*facts.observations, *(o for s in first for o in s.observations)) if not one.ok
        } & CORE
        for signature in first:
            failed |= _judged(signature, failed)
            if weaknesses(
                signature.algorithms, signature.certificate, policy.algorithms, datetime(2026, 11, 22, tzinfo=UTC)
            ):
                failed.add("algorithm_strength")
        found.append(Row(str(path.relative_to(root)), family(raw), word, not failed, tuple(sorted(failed))))
    return found


def _judged(found: SignatureFacts, failed: set[str]) -> set[str]:
    """A value that nobody could check is not a value that held."""
    return set() if failed or any(one.code == "signature_value" for one in found.observations) else {"no key found"}


def tables(found: list[Row]) -> str:
    """The tables of the document."""
    judged = [row for row in found if row.family in ("rsa", "ecdsa")]
    both = [row for row in judged if row.accepted and row.jdk.verdict == "VALID"]
    neither = [row for row in judged if not row.accepted and row.jdk.verdict != "VALID"]
    differing = [row for row in judged if row.accepted != (row.jdk.verdict == "VALID")]
    lines = [
        f"{len(found)} files; RSA or ECDSA {len(judged)}: accepted by both {len(both)}, by neither {len(neither)}, "
        f"differing {len(differing)}. Accepted by us and called invalid or in error by the JDK: "
        f"{sum(row.accepted and row.jdk.verdict != 'VALID' for row in found)}.",
        "\n### Differences\n",
        *_listed(differing),
        "\n### Accepted by neither\n",
        *_listed(neither),
        "\n### Accepted by both\n",
        *_named(both),
        "\n### Not run: keys and methods that are never accepted for documents\n",
        "HMAC needs a shared secret and proves nobody's signature (K1); DSA has no row in TT 15/2025/TT-BKHCN. We refuse each of "
        "them by `algorithm_known` or earlier; the JDK's word is not compared.\n",
        *_named([row for row in found if row.family not in ("rsa", "ecdsa")]),
    ]
    return "\n".join(lines) + "\n"


def _listed(found: list[Row]) -> Iterator[str]:
    yield "| file | we refuse by | the JDK says |"
    yield "|---|---|---|"
    for row in found:
        yield f"| {row.name} | {', '.join(row.failed)} | {row.jdk.verdict.lower()}: {row.jdk.reason[:110].replace('|', ' ')} |"


def _named(found: list[Row]) -> Iterator[str]:
    for (place, kind), group in groupby(found, key=lambda row: (row.name.rpartition("/")[0], row.family)):
        names = [row.name.rpartition("/")[2].removesuffix(".xml") for row in group]
        yield f"- {place} ({kind}, {len(names)}):"
        line = " "
        for name in names:
            if len(line) + len(name) > 125:
                yield line.rstrip()
                line = " "
            line += f" {name},"
        yield line.rstrip(",")


def main() -> int:
    """Write the tables again."""
    root = folder()
    if root is None:
        return 1
    head = DOCUMENT.read_text("utf-8").partition(MARK)[0]
    DOCUMENT.write_text(head + MARK + "\n" + tables(rows(root)), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
