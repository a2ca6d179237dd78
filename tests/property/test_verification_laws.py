"""Laws of verification that hold for every input (signing facts 5.3): nothing random passes, and nothing depends on chance."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from signing.grounds import Grounds
from signing.judge import judge
from signing.model import Evidence, Facts, Indication, TrustDomain
from signing.rendering import as_json
from signing.trust import TrustStore
from signing.verifying import examine, verify
from tests import pki, signed

GROUNDS = Grounds(pki.trust(), pki.NOW, pki.evidence())
PASSED = Indication.TOTAL_PASSED


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """One good file of each format, stamped, and the content of the detached one."""
    place = tmp_path_factory.mktemp("verdicts")
    (place / "kq.txt").write_text("Kết quả giải quyết", encoding="utf-8")
    (place / "goc.xml").write_text("<kq><so>15</so><ten>Nguyễn Thị Ánh</ten></kq>", encoding="utf-8")
    signed.pages(place / "goc.pdf")
    made = {
        "xml": signed.sign(place / "goc.xml", place / "kq.xml", stamped=pki.NOW),
        "pdf": signed.sign(place / "goc.pdf", place / "kq.pdf", "agency", stamped=pki.NOW),
        "cms": signed.sign(place / "kq.txt", place / "kq.txt.p7s", "official-p256", stamped=pki.NOW),
        "content": place / "kq.txt",
    }
    return {name: path.read_bytes() for name, path in made.items()}


def _facts(files: dict[str, bytes], name: str) -> Facts:
    return examine(files[name], detached={"": files["content"]} if name == "cms" else {})


KINDS = ("xml", "pdf", "cms")


@pytest.mark.parametrize("kind", KINDS)
def test_the_files_these_laws_start_from_pass(files: dict[str, bytes], kind: str) -> None:
    """Otherwise every law below would hold for nothing."""
    assert judge(_facts(files, kind), GROUNDS).conclusion is PASSED


@given(
    st.sampled_from([b"", b"%PDF-1.7\n", b"<a>", b"\x30\x82\x01\x00\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02"]),
    st.binary(max_size=2000),
)
@settings(max_examples=150, deadline=None)
def test_random_bytes_never_pass_and_never_raise(start: bytes, rest: bytes) -> None:
    """Whatever they pretend to be."""
    assert verify(start + rest, GROUNDS, {"": rest}).conclusion is not PASSED


@pytest.mark.parametrize("kind", KINDS)
@given(chance=st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_flipped_bit_of_what_is_covered_never_passes(
    files: dict[str, bytes], kind: str, chance: random.Random
) -> None:
    """Of a PDF and of a detached content any bit; of XML any bit of the signed text, which canonicalisation keeps."""
    target = "content" if kind == "cms" else kind
    raw = bytearray(files[target])
    places = range(len(raw))
    if kind == "xml":
        start = raw.index(b"<so>") + 4
        places = range(start, raw.index(b"</ten>"))
    if kind == "pdf":
        (_, first), (second, end) = _facts(files, "pdf").signatures[0].covered.ranges
        places = range(first) if chance.random() < 0.5 else range(second, end)
    place = chance.choice(places)
    raw[place] ^= 1 << chance.randrange(8)
    changed = {**files, target: bytes(raw)}
    assert judge(_facts(changed, kind), GROUNDS).conclusion is not PASSED, place


@pytest.mark.parametrize("kind", KINDS)
@given(chance=st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_cut_off_or_torn_files_never_pass(files: dict[str, bytes], kind: str, chance: random.Random) -> None:
    """Half an upload, a hole, a piece twice: no verdict that passes, and no exception."""
    raw = files[kind]
    place, length = chance.randrange(1, len(raw)), chance.randrange(1, 200)
    torn = chance.choice(
        [raw[:place], raw[:place] + raw[place + length :], raw[:place] + raw[place - length : place] + raw[place:]]
    )
    if torn == raw or not torn.strip():
        return
    report = judge(_facts({**files, kind: torn}, kind), GROUNDS)
    # White space beside the root is no content in XML, and bytes outside the signed structure are its own reader's business;
    # but what passes must still be the same signed bytes.
    if report.conclusion is PASSED:
        before = [one.covered.sha256 for one in _facts(files, kind).signatures]
        assert [one.covers.sha256 for one in report.signatures] == before


@given(st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_less_trust_and_less_evidence_never_turn_a_failure_into_a_pass(
    files: dict[str, bytes], data: st.DataObject
) -> None:
    """Taking anchors away, or adding revocations that belong to a later day, only makes it harder."""
    kind = data.draw(st.sampled_from(KINDS))
    facts = _facts(files, kind)
    anchors = data.draw(st.lists(st.sampled_from(GROUNDS.trust.anchors), unique_by=lambda one: one.certificate))
    less = data.draw(st.lists(st.sampled_from(anchors), unique_by=lambda one: one.certificate)) if anchors else []
    evidence = data.draw(
        st.sampled_from([GROUNDS.evidence, pki.evidence(ocsps=False), pki.evidence(crls=False), Evidence()])
    )
    wide = judge(facts, Grounds(TrustStore(tuple(anchors)), pki.NOW, evidence)).conclusion
    narrow = judge(facts, Grounds(TrustStore(tuple(less)), pki.NOW, evidence)).conclusion
    assert not (narrow is PASSED and wide is not PASSED)
    if TrustDomain.PUBLIC_DUTY not in {one.domain for one in anchors}:
        assert wide is not PASSED


def test_an_added_revocation_never_turns_a_failure_into_a_pass(tmp_path: Path) -> None:
    """The list that names the signer, beside the one that does not: the bad news counts."""
    (tmp_path / "goc.xml").write_text("<kq/>", encoding="utf-8")
    for name in ("revoked-before", "revoked-after"):
        facts = examine(signed.sign(tmp_path / "goc.xml", tmp_path / "kq.xml", name).read_bytes())
        good = pki.evidence(at=pki.NOW)
        bad = pki.evidence(at=pki.LATER)
        both = replace(good, crls=(*good.crls, *bad.crls), ocsps=(*good.ocsps, *bad.ocsps))
        for at in (pki.NOW, pki.LATER):
            alone = judge(facts, Grounds(pki.trust(), at, good)).conclusion
            together = judge(facts, Grounds(pki.trust(), at, both)).conclusion
            assert not (together is PASSED and alone is not PASSED), (name, at)
            assert at is pki.NOW or together is not PASSED, name


@given(st.sampled_from(KINDS), st.randoms(use_true_random=False))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_order_of_certificates_anchors_and_evidence_says_nothing(
    files: dict[str, bytes], kind: str, chance: random.Random
) -> None:
    """The same report, byte for byte, however the pieces are shuffled and repeated."""
    facts = _facts(files, kind)
    expected = as_json(judge(facts, GROUNDS))

    def shuffled(many: tuple[bytes, ...]) -> tuple[bytes, ...]:
        return tuple(chance.sample(many, len(many))) + many[:1]

    anchors = GROUNDS.trust.anchors
    evidence = GROUNDS.evidence
    other = Grounds(
        TrustStore(tuple(chance.sample(anchors, len(anchors)))),
        pki.NOW,
        replace(evidence, crls=shuffled(evidence.crls), ocsps=shuffled(evidence.ocsps)),
    )
    signatures = tuple(replace(one, certificates=shuffled(one.certificates)) for one in facts.signatures)
    mixed = replace(facts, signatures=signatures, certificates=shuffled(facts.certificates))
    assert as_json(judge(mixed, other)) == expected


def test_many_at_once_say_what_one_says(files: dict[str, bytes]) -> None:
    """No state is shared between judgements that run side by side."""

    def told(kind: str) -> bytes:
        return as_json(judge(_facts(files, kind), GROUNDS))

    alone = {kind: told(kind) for kind in KINDS}
    with ThreadPoolExecutor(4) as pool:
        for kind, report in zip(KINDS * 6, pool.map(told, KINDS * 6), strict=True):
            assert report == alone[kind]


def test_neither_zone_nor_language_nor_hash_seed_changes_a_byte(files: dict[str, bytes], tmp_path: Path) -> None:
    """Other machines, the same verdict."""
    (tmp_path / "kq.pdf").write_bytes(files["pdf"])
    pki.trust_folder(tmp_path / "trust")
    pki.evidence_folder(tmp_path / "evidence")
    given_ = [
        "verify",
        "kq.pdf",
        "--json",
        "--trust",
        "trust",
        "--evidence",
        "evidence",
        "--at",
        "2026-11-20T03:00:00Z",
    ]
    told = set()
    for zone, language, seed in (("Asia/Ho_Chi_Minh", "C.UTF-8", "1"), ("America/New_York", "C", "2")):
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONUTF8": "1"}
        environment |= {"TZ": zone, "LC_ALL": language, "PYTHONHASHSEED": seed}
        done = subprocess.run(
            [sys.executable, "-m", "gateway", *given_], cwd=tmp_path, env=environment, capture_output=True, check=True
        )
        told.add(done.stdout)
    assert told == {as_json(verify(files["pdf"], GROUNDS), "kq.pdf")}
