"""RFC 5280 6.1 along one path, by pyhanko-certvalidator: the only door to it; it fetches nothing and checks no status.

Names, basic constraints, path length, key usage, name constraints, policies (RFC 9618 graph) and unknown critical extensions are
its part; validity, algorithms, status and usage are judged by our own rules beside it. Its coroutine awaits nothing when nothing
may be fetched, so it is stepped by hand and needs no event loop.
"""

from __future__ import annotations

from collections.abc import Coroutine
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from pyhanko_certvalidator.authority import CertTrustAnchor, TrustQualifiers
from pyhanko_certvalidator.context import ValidationContext
from pyhanko_certvalidator.errors import PathError, ValidationError
from pyhanko_certvalidator.name_trees import process_general_subtrees
from pyhanko_certvalidator.path import ValidationPath
from pyhanko_certvalidator.policy_decl import (
    NO_REVOCATION,
    AcceptAllAlgorithms,
    CertRevTrustPolicy,
    PKIXValidationParams,
)
from pyhanko_certvalidator.validate import async_validate_path

from signing.chain.certificates import UNREADABLE, ReadCertificate
from signing.chain.search import Path
from signing.policy import PathRules

ANY_POLICY = "2.5.29.32.0"

_UNLIMITED = 1_000
_MAX_NAMES = 1_024
_AGES = timedelta(days=290_000)


@dataclass(frozen=True, slots=True)
class Walk:
    """What RFC 5280 6.1 says of one path. `broken`: the rule that it violates, in English for experts; empty when none.

    `policies`: the user-constrained policy set (6.1.6) as dotted identifiers of the relying party's side.
    """

    broken: str
    policies: frozenset[str] = frozenset()


@lru_cache(maxsize=256)
def walk(path: Path, rules: PathRules) -> Walk:
    """Walk a path (leaf first, anchor last) under these inputs. A pure function, remembered: signers come again.

    Validity periods are not judged here (the tolerance swallows them): what they mean depends on what is proven.
    """
    anchor, below = path[-1], path[-2::-1]
    if not below:
        return Walk("")
    if len(path) * max(_names(one) for one in path) > _MAX_NAMES:
        return Walk("too many names and name constraints")
    moment = below[-1].not_before
    try:
        chain = ValidationPath(_anchored(anchor), [one.asn1 for one in below[:-1]], below[-1].asn1)
        _stepped(async_validate_path(_context(anchor, moment), chain, parameters=_inputs(rules)))
    except (ValidationError, PathError) as failure:
        return Walk(_short(failure))
    except NotImplementedError as failure:
        return Walk(f"a name constraint of a kind that is not supported: {_short(failure)}")
    except UNREADABLE as failure:
        return Walk(f"unreadable: {type(failure).__name__}")
    qualified = chain.qualified_policies() or ()
    return Walk("", frozenset(_dotted(one.user_domain_policy_id) for one in qualified))


def _context(anchor: ReadCertificate, moment: datetime) -> ValidationContext:
    return ValidationContext(
        trust_roots=[anchor.asn1],
        moment=moment,
        best_signature_time=moment,
        allow_fetching=False,
        time_tolerance=_AGES,
        revinfo_policy=CertRevTrustPolicy(NO_REVOCATION),
        algorithm_usage_policy=AcceptAllAlgorithms(),
    )


def _anchored(anchor: ReadCertificate) -> CertTrustAnchor:
    """The anchor with the constraints of its own certificate (RFC 5937): path length and names; never its policies."""
    constraints = anchor.asn1.name_constraints_value
    parameters = None
    if constraints is not None:
        parameters = PKIXValidationParams(
            initial_permitted_subtrees=_subtrees(constraints["permitted_subtrees"]),
            initial_excluded_subtrees=_subtrees(constraints["excluded_subtrees"]),
        )
    length = anchor.asn1.max_path_length
    limit = _UNLIMITED if length is None else length
    qualifiers = TrustQualifiers(standard_parameters=parameters, max_path_length=limit, max_aa_path_length=_UNLIMITED)
    return CertTrustAnchor(anchor.asn1, qualifiers)


def _subtrees(value: Any) -> Any:
    return process_general_subtrees(value) if value.native is not None else None


def _inputs(rules: PathRules) -> PKIXValidationParams:
    return PKIXValidationParams(
        user_initial_policy_set=frozenset("any_policy" if one == ANY_POLICY else one for one in rules.policies),
        initial_policy_mapping_inhibit=rules.inhibit_mapping,
        initial_explicit_policy=rules.explicit_policy,
        initial_any_policy_inhibit=rules.inhibit_any,
    )


def _names(certificate: ReadCertificate) -> int:
    """How many names it bears or constrains: the library compares each with each."""
    constraints = certificate.asn1.name_constraints_value
    subtrees = () if constraints is None else (constraints["permitted_subtrees"], constraints["excluded_subtrees"])
    return len(certificate.asn1.subject_alt_name_value or ()) + sum(len(one.native or ()) for one in subtrees)


def _dotted(policy: str) -> str:
    return ANY_POLICY if policy == "any_policy" else policy


def _stepped(work: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine that never waits. Raises RuntimeError when it does wait, which would mean that it tried to fetch."""
    try:
        work.send(None)
    except StopIteration as end:
        return end.value
    finally:
        work.close()
    raise RuntimeError("path validation waited for something although nothing may be fetched")


def _short(failure: BaseException) -> str:
    return str(failure)[:200]
