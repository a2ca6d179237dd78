"""The CMS inside every signed PDF of the public corpora: our core accepts nothing that openssl does not accept too."""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from signing.catalogue import finding_rows
from signing.cms.core import read_signed_data
from signing.cms.identifiers import TST_INFO
from signing.der import object_size
from signing.timestamp import read_token
from tests.corpora import corpus

_RANGE = re.compile(rb"/ByteRange\s*\[\s*(\d+)\s+(\d+)\s+(\d+)\s+(\d+)\s*\]")
CORPORA = {
    "MatthiasValvekens__pyHanko": 20,
    "esig__dss": 100,
    "mkl-public__testarea-itext5": 1,
    "mkl-public__testarea-pdfbox2": 10,
}
"""How many signatures each holds at least, so that a pattern that finds nothing cannot pass."""

STRICTER = {
    "cms_attributes_der",
    "cms_content_place",
    "cms_single_signer",
    "cms_algorithms_agree",
    "algorithm_known",
    "signature_policy",
}
"""Why we refuse some that openssl takes: order of signed attributes, content inside a detached signature, two signers where one
belongs, algorithms that contradict each other, SHA3-224, a signature algorithm where a digest belongs, policies unknown to us."""


def _signatures(folder: Path) -> Iterator[tuple[str, bytes, bytes]]:
    """The name of a file, a CMS object of it, and the bytes that it signs."""
    for path in sorted(folder.rglob("*.pdf")):
        raw = path.read_bytes()
        for found in _RANGE.finditer(raw):
            first, length, second, rest = (int(one) for one in found.groups())
            text = raw[first + length : second].strip(b"<> \r\n")
            if not re.fullmatch(rb"(?:[0-9A-Fa-f]{2})+", text):
                continue
            value = bytes.fromhex(text.decode("ascii"))
            size = object_size(value)
            if size is not None:
                yield path.name, value[:size], raw[first : first + length] + raw[second : second + rest]


def _openssl_accepts(folder: Path, message: bytes, content: bytes) -> bool:
    (folder / "message").write_bytes(message)
    (folder / "content").write_bytes(content)
    command = ["openssl", "cms", "-verify", "-noverify", "-binary", "-inform", "DER", "-in", "message"]
    command += ["-content", "content", "-out", "out"]
    return subprocess.run(command, cwd=folder, capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("name", CORPORA)
def test_no_cms_holds_that_openssl_refuses_and_what_we_refuse_alone_has_a_named_reason(
    name: str, tmp_path: Path
) -> None:
    """Hundreds of signatures by dozens of products: BER and DER, RSA, ECDSA and EdDSA, broken and sound ones."""
    seen: Counter[str] = Counter()
    for file, message, content in _signatures(corpus(name)):
        facts = read_signed_data(message, lambda digest, held=content: digest.of(held), attached=False)  # type: ignore[misc] # bound
        if facts.content_type == TST_INFO:
            read_token(message, content, "document")
            continue
        decisive = {one.code for one in facts.all_observations if not one.ok and finding_rows()[one.code].on_failure}
        accepted = _openssl_accepts(tmp_path, message, content)
        assert accepted or decisive, file
        assert not accepted or not decisive or decisive & STRICTER, (file, decisive)
        seen["alike" if accepted is not bool(decisive) else "stricter"] += 1
    assert seen.total() >= CORPORA[name] and seen["alike"] > seen["stricter"]
