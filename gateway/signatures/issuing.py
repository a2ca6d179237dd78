"""A signature made, step by step: own certificate and path first, then sign, stamp, complete, and verify before it leaves.

The order is the law's (NĐ 68/2024/NĐ-CP Điều 29; NĐ 23/2025/NĐ-CP Điều 15: the status of our own certificate at its issuer, and
of the issuer's certificate, both before signing). Documents are worked on in the pool, by path; the raw signature is made
here, in the only process that holds keys. What fails on the way leaves nothing behind but the reason.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from gateway.clock import Clock
from gateway.signatures import host_clock, tasks
from gateway.signatures.examining import NOTHING, Examiner, Matter
from gateway.signatures.stamping import StampDesk
from signing.algorithms import SignatureAlgorithm
from signing.catalogue import finding_rows, sub_indication_rows
from signing.confinement import Confinement, LimitReached, confinement_for
from signing.errors import SigningRefused, Unusable
from signing.keys import Signer
from signing.making import Order, Prepared, Profile
from signing.model import (
    CertificateQuestion,
    CertificateVerdict,
    Evidence,
    Existence,
    Facts,
    Indication,
    Purpose,
    SubIndication,
    TrustDomain,
)
from signing.report import Report

_JUST_NOW = timedelta(seconds=1)
_DETACHED = frozenset({Profile.CMS_B, Profile.CMS_T})


@dataclass(frozen=True, slots=True)
class Caution:
    """When we refuse to sign. `fresh_s`: how old status information about our own certificate may be in our hands.

    `max_bytes`: of a document. `max_clock_error_s`: the kernel's own bound on the error of its clock; None does not ask it.
    """

    fresh_s: float = 300.0
    max_bytes: int = 104_857_600
    max_clock_error_s: float | None = None


@dataclass(frozen=True, slots=True)
class Wish:
    """One signature to be made with one key: over the file `source`, written to `target`.

    `domains`: to one of them the key's certificate must belong. `known`: evidence that need not be asked for.
    """

    signer: Signer
    domains: frozenset[TrustDomain]
    profile: Profile
    source: Path
    target: Path
    algorithm: SignatureAlgorithm | None = None
    name: str = ""
    known: Evidence = Evidence()


@dataclass(frozen=True, slots=True)
class Made:
    """A signature that was made and verified: digest and size of the target, and how our own verifier judged it."""

    sha256: str
    size: int
    facts: Facts
    report: Report
    evidence: Evidence


class Issuer:
    """Makes signatures. One for the whole program. `reach` marks the steps for tests that kill the process between them."""

    def __init__(
        self,
        examiner: Examiner,
        stamps: StampDesk | None,
        clock: Clock,
        caution: Caution = Caution(),
        reach: Callable[[str], None] = lambda _point: None,
    ) -> None:
        self._examiner, self._stamps, self._clock, self._caution, self._reach = examiner, stamps, clock, caution, reach

    async def sign(self, wish: Wish) -> Made:
        """The signature, verified. Raises `SigningRefused`, `KeyUnavailable`, `StampUnavailable`, `Unusable`."""
        stamps = self._stamps_for(wish.profile)
        self._clock_counts()
        size = _size(wish.source)
        if size > self._caution.max_bytes:
            raise Unusable("tep_qua_lon", f"Tệp cần ký lớn hơn {self._caution.max_bytes} byte.")
        own = await self._own_certificate(wish)
        chosen = self._algorithm(wish)
        now = self._clock.now().replace(microsecond=0)
        signer = wish.signer
        order = Order(
            profile=wish.profile,
            source=wish.source,
            target=wish.target,
            certificate=signer.certificate,
            chain=signer.chain,
            algorithm=chosen,
            signing_time=now,
            name=wish.name,
        )
        bounds = confinement_for(size, self._examiner.rules.policy.limits)
        try:
            prepared: Prepared = await self._work(tasks.PrepareSignature(order), bounds)
            self._reach("signing.prepared")
            signature = await signer.sign(prepared.digest, chosen)
            self._reach("signing.signed")
            token = await self._stamped(stamps, prepared, signature, bounds)
            self._reach("signing.stamped")
            await self._work(tasks.CompleteSignature(prepared, signature, token), bounds)
            made = await self._verified(wish, own)
        except BaseException:
            wish.target.unlink(missing_ok=True)
            raise
        self._reach("signing.verified")
        return made

    async def check(
        self, signer: Signer, domains: frozenset[TrustDomain], known: Evidence = NOTHING
    ) -> tuple[CertificateVerdict, Evidence]:
        """How our own certificate stands now, its path and its status included."""
        now = self._clock.now()
        question = CertificateQuestion(signer.certificate, Purpose.SIGNER, now, now, domains, signer.chain)
        since = now - timedelta(seconds=self._caution.fresh_s)
        return await self._examiner.certificate(question, since, known)

    def _stamps_for(self, profile: Profile) -> StampDesk | None:
        if not profile.stamped:
            return None
        if self._stamps is None:
            raise SigningRefused(
                "chua_cau_hinh_dau_thoi_gian",
                f"Hồ sơ ký {profile} cần dấu thời gian nhưng chưa cấu hình máy chủ cấp ([signing.timestamp]).",
            )
        return self._stamps

    def _clock_counts(self) -> None:
        """T7: a clock that the kernel itself does not vouch for signs nothing, where the operator asks for that."""
        most = self._caution.max_clock_error_s
        if most is None:
            return
        error = host_clock.error_s()
        if error is None or error > most:
            known = "không được đồng bộ" if error is None else f"có thể lệch tới {error:.1f} giây"
            raise SigningRefused("dong_ho_chua_tin_cay", f"Đồng hồ của máy {known}; từ chối ký.")

    async def _own_certificate(self, wish: Wish) -> Evidence:
        """Steps (1) and (2) of Điều 29; what is not known to be good is refused like what is bad."""
        verdict, evidence = await self.check(wish.signer, wish.domains, wish.known)
        if verdict.sub_indication is not None:
            reason = _sentence(verdict.sub_indication)
            rows = finding_rows()
            decisive = (one for one in verdict.findings if not one.ok and rows[one.code].on_failure is not None)
            failed = " ".join(dict.fromkeys(one.message_vi for one in decisive))
            raise SigningRefused(
                "chung_thu_ky_khong_dat", f"Không ký: chứng thư số của khóa này không đạt. {reason} {failed}".strip()
            )
        return evidence

    def _algorithm(self, wish: Wish) -> SignatureAlgorithm:
        able = wish.signer.algorithms
        if wish.algorithm is not None and wish.algorithm not in able:
            raise Unusable("khoa_khong_ho_tro_thuat_toan", f"Khóa này không ký được bằng {wish.algorithm.name}.")
        return wish.algorithm or able[0]

    async def _stamped(
        self, stamps: StampDesk | None, prepared: Prepared, signature: bytes, bounds: Confinement
    ) -> bytes | None:
        if stamps is None:
            return None
        return await stamps.stamp(
            await self._work(tasks.StampImprint(prepared, signature, stamps.authority.digest), bounds)
        )

    async def _verified(self, wish: Wish, own: Evidence) -> Made:
        """What nobody would accept does not leave: every signature in the file passes, and ours is among them."""
        now = self._clock.now()
        digest = await asyncio.to_thread(sha256_of, wish.target)
        # A stamped profile has to stand on its stamp alone; without one, we are the witness of the time.
        witnessed = () if wish.profile.stamped else (Existence(digest, now, "issued"),)
        known = Evidence(own.certificates, own.crls, own.ocsps, witnessed)
        detached = wish.source if wish.profile in _DETACHED else None
        # The word about our certificate was asked for just before; one from after the stamp may not exist for hours.
        grace = max(
            self._examiner.rules.policy.status.grace_seconds, self._examiner.rules.policy.status.max_age_seconds
        )
        matter = Matter(wish.target, now + _JUST_NOW, known, (), detached, grace)
        judged = await self._examiner.examine(matter)
        ours = hashlib.sha256(wish.signer.certificate).hexdigest()
        signed = any(
            one.signer is not None
            and one.signer.certificate_sha256 == ours
            and one.indication is Indication.TOTAL_PASSED
            and one.proven_by.startswith("signature-timestamp" if wish.profile.stamped else "")
            for one in judged.report.signatures
        )
        if judged.report.conclusion is not Indication.TOTAL_PASSED or not signed or judged.facts.sha256 != digest:
            sub = judged.report.sub_indication
            reason = _sentence(sub) if sub is not None else "Không thấy chữ ký vừa tạo."
            raise SigningRefused(
                "chu_ky_vua_tao_khong_dat", f"Chữ ký vừa tạo không qua được kiểm tra nên không được đưa ra. {reason}"
            )
        return Made(digest, wish.target.stat().st_size, judged.facts, judged.report, judged.evidence)

    async def _work(self, task: tasks.Task, bounds: Confinement) -> Any:
        try:
            return await self._examiner.pool.do(task, bounds)
        except LimitReached as stopped:
            raise Unusable("qua_gioi_han", f"Tệp vượt giới hạn xử lý khi ký ({stopped.reason}).") from None


def sha256_of(path: Path) -> str:
    """The digest of a file, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError as fault:
        raise Unusable("khong_doc_duoc_tep", f"Không đọc được tệp cần ký ({fault.strerror}).") from None


def _sentence(sub_indication: SubIndication) -> str:
    row = sub_indication_rows()[sub_indication]
    return f"{row.message_vi} {row.advice_vi}".strip()
