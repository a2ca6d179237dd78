"""What types cannot say of the settings of questions and proofs: an upstream that is none, figures that mean nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from gateway.config.identity_questions import Proofs, Questions

_CACHE_LIMIT_S = 900.0


def question_faults(questions: Questions | None, upstreams: Collection[str]) -> Iterator[str]:
    """Every fault of `[identity.questions]`, with its place."""
    if questions is None:
        return
    if questions.upstream not in upstreams:
        yield f"identity.questions.upstream: chưa khai báo upstreams.{questions.upstream}"
    figures = ("per_officer_per_hour", "per_agency_per_hour", "per_system_per_hour", "timeout_s")
    yield from (f"identity.questions.{name}: phải lớn hơn 0" for name in figures if getattr(questions, name) <= 0)
    if not 0 <= questions.cache_s <= _CACHE_LIMIT_S:
        yield "identity.questions.cache_s: từ 0 (không nhớ gì) đến 900 giây"
    if not questions.open_states:
        yield "identity.questions.open_states: cần ít nhất một trạng thái"
    for code, asker in questions.callers.items():
        if not asker.operations or not asker.procedures:
            yield f"identity.questions.callers.{code}: operations và procedures không được rỗng"


def proof_faults(proofs: Proofs) -> Iterator[str]:
    """Every fault of `[identity.proofs]`, with its place."""
    for name in ("named_within_days", "keep_days"):
        if getattr(proofs, name) <= 0:
            yield f"identity.proofs.{name}: phải lớn hơn 0"
    if proofs.keep_days < proofs.named_within_days:
        yield "identity.proofs.keep_days: không được ngắn hơn named_within_days"
