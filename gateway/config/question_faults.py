"""What types cannot say of the settings of questions and proofs: an upstream that is none, figures that mean nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from gateway.config.identity_questions import Proofs, Questions

_CACHE_LIMIT_S = 900.0
# Where the word stands in the place of verification, the portal is told that the account was verified by VNeID.
_ACCOUNT, _REGISTER = "vneid", "dancu"
_MOST_TIMEOUT_S = 3_600.0
_MOST_DAYS = 36_500.0
_MOST = 1_000_000_000
YEAR_S = 31_536_000.0
"""The longest that anything of a sign-on may last."""


def figure_faults(settings: object, names: Iterable[str], most: float = _MOST) -> Iterator[str]:
    """Figures that mean nothing: none, less than that, not a number, or more than a calendar can hold."""
    for name in names:
        value = getattr(settings, name)
        if not value > 0:
            yield f"{name}: phải lớn hơn 0"
        elif value > most:
            yield f"{name}: không được quá {most:.0f}"


def question_faults(questions: Questions | None, upstreams: Collection[str]) -> Iterator[str]:
    """Every fault of `[identity.questions]`, with its place."""
    if questions is None:
        return
    if questions.upstream not in upstreams:
        yield f"identity.questions.upstream: chưa khai báo upstreams.{questions.upstream}"
    quotas = ("per_officer_per_hour", "per_agency_per_hour", "per_system_per_hour")
    yield from (f"identity.questions.{fault}" for fault in figure_faults(questions, quotas))
    yield from (f"identity.questions.{fault}" for fault in figure_faults(questions, ("timeout_s",), _MOST_TIMEOUT_S))
    if not 0 <= questions.cache_s <= _CACHE_LIMIT_S:
        yield "identity.questions.cache_s: từ 0 (không nhớ gì) đến 900 giây"
    if not questions.open_states:
        yield "identity.questions.open_states: cần ít nhất một trạng thái"
    for code, asker in questions.callers.items():
        if not asker.operations or not asker.procedures:
            yield f"identity.questions.callers.{code}: operations và procedures không được rỗng"


def proof_faults(proofs: Proofs) -> Iterator[str]:
    """Every fault of `[identity.proofs]`, with its place."""
    days = ("named_within_days", "keep_days")
    yield from (f"identity.proofs.{fault}" for fault in figure_faults(proofs, days, _MOST_DAYS))
    if proofs.keep_days < proofs.named_within_days:
        yield "identity.proofs.keep_days: không được ngắn hơn named_within_days"
    for profile, title in proofs.verified_by.items():
        if not title.strip():
            yield f"identity.proofs.verified_by.{profile}: không được trống"
    if _ACCOUNT in proofs.verified_by.get(_REGISTER, "").casefold():
        yield f"identity.proofs.verified_by.{_REGISTER}: không ghi VNeID, vì cơ sở dữ liệu không xác thực tài khoản của ai"
