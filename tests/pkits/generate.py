"""Makes `cases.json` and `material.tar.xz` from NIST PKITS 1.0.1 as kept in google/boringssl.

    TTHC_CORPORA=DIR python -m tests.pkits.generate

The test data of NIST PKITS are a work of the United States Government and in the public domain (17 U.S.C. 105). Names of cases,
their inputs and expected results are read from the table that boringssl generated from PKITS.pdf. A second run changes nothing.
"""

from __future__ import annotations

import io
import json
import lzma
import re
import sys
import tarfile
from pathlib import Path
from typing import Any

from tests.corpora import present

HERE = Path(__file__).parent
_CASE = re.compile(r"// (4\.[\d.]+) ([^\n]*)\n(?:WRAPPED_)?TYPED_TEST_P\(.*?\n}\n", re.DOTALL)
_ARRAY = re.compile(r"const char\* const (certs|crls)\[\] = \{(.*?)\};", re.DOTALL)
_POLICIES = "2.16.840.1.101.3.2.1.48."
ANY_POLICY = "2.5.29.32.0"


def main() -> int:
    """Write both files; 1 when the corpus is not on this machine."""
    corpus = present("google__boringssl", "pki/testdata/nist-pkits")
    if corpus is None:
        sys.stderr.write("google__boringssl is not under TTHC_CORPORA\n")
        return 1
    cases = _cases((corpus / "pkits_testcases-inl.h").read_text("utf-8"))
    text = ",\n".join(json.dumps(one, ensure_ascii=False) for one in cases)
    (HERE / "cases.json").write_text(f"[\n{text}\n]\n", "utf-8")
    wanted = sorted(
        {f"certs/{name}.crt" for case in cases for name in case["certificates"]}
        | {f"crls/{name}.crl" for case in cases for name in case["crls"]}
    )
    (HERE / "material.tar.xz").write_bytes(_packed({name: (corpus / name).read_bytes() for name in wanted}))
    return 0


def _cases(table: str) -> list[dict[str, Any]]:
    found = []
    for match in _CASE.finditer(table):
        body = match.group(0)
        arrays = {kind: re.findall(r'"([^"]+)"', names) for kind, names in _ARRAY.findall(body)}
        found.append(
            {
                "number": match.group(1),
                "name": match.group(2),
                "certificates": arrays["certs"],
                "crls": arrays["crls"],
                "valid": "info.should_validate = true" in body,
                "policies": _set(body, "SetInitialPolicySet", [ANY_POLICY]),
                "explicit_policy": "SetInitialExplicitPolicy(true)" in body,
                "inhibit_mapping": "SetInitialPolicyMappingInhibit(true)" in body,
                "inhibit_any": "SetInitialInhibitAnyPolicy(true)" in body,
                "user_constrained": _set(body, "SetUserConstrainedPolicySet", None),
            }
        )
    return found


def _set(body: str, call: str, default: list[str] | None) -> list[str] | None:
    match = re.search(call + r'\("([^"]*)"\)', body)
    if match is None:
        return default
    names = [name for name in match.group(1).split(",") if name]
    return sorted(ANY_POLICY if name == "anyPolicy" else _POLICIES + name.rpartition("-")[2] for name in names)


def _packed(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return lzma.compress(buffer.getvalue(), preset=9 | lzma.PRESET_EXTREME)


if __name__ == "__main__":
    sys.exit(main())
