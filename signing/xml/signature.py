"""Read one ds:Signature: every check of signing facts 5.2 steps 2 to 5 as an observation, and the bytes it proves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from signing.algorithms import DIGESTS, Scheme, algorithm
from signing.canonical import Element, NotCanonical, canonical_element, elements_named
from signing.certificate import signing_key
from signing.model import AlgorithmUse, Covered, Observation, SignatureFacts, SignatureFormat
from signing.timestamp import read_token
from signing.xml import coverage, manifests, xades
from signing.xml.key import KeyFacts, read_key_info, same_key
from signing.xml.references import Place, Resolved, resolve
from signing.xml.signer import Method, Signer, Value, check_single, find_signer, read_method
from signing.xml.structure import Malformed, SignatureParts, read_signature

NOTHING: Mapping[str, bytes] = MappingProxyType({})
_OF_A_REFERENCE = ("ids_unique", "reference_form", "signed_data_present", "transforms")
_DIGEST_NAMES = {row.uri: row.name for row in DIGESTS.values()}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a reader of one document is told besides the bytes.

    `declared_transforms`: URIs accepted beyond enveloped-signature and canonicalisation (base64, and ds:Manifest for Manifests).
    `detached`: bytes of external References by their exact URI. `signed_path`: the element that the message type names; empty
    demands that nothing is left unsigned. `certificates`: handed in besides, DER, to find a signer that KeyInfo lacks.
    """

    declared_transforms: frozenset[str] = frozenset()
    detached: Mapping[str, bytes] = field(default_factory=lambda: NOTHING)
    signed_path: str = ""
    certificates: tuple[bytes, ...] = ()


PLAIN = Wanted()


@dataclass(frozen=True, slots=True)
class Proven:
    """One signature with the bytes that it proves, in the order of its References."""

    facts: SignatureFacts
    contents: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Signed:
    """What a signature value is over: the parts, the method, and the canonical SignedInfo."""

    parts: SignatureParts
    method: Method
    signed: bytes


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the References. `whole`: each of SignedInfo was resolved; `resolved`: with what declared Manifests list."""

    parts: SignatureParts
    resolved: tuple[Resolved, ...]
    whole: bool


class SignatureReading:
    """The reading of one signature; `evidence` holds its unsigned properties afterwards."""

    def __init__(self, node: Element, name: str, place: Place, wanted: Wanted) -> None:
        self._node = node
        self._name = name
        self._place = place
        self._wanted = wanted
        self._seen: list[Observation] = []
        self._algorithms: list[AlgorithmUse] = []
        self.evidence = xades.Unsigned()

    def read(self) -> Proven:
        """Everything that is to be known of it; a structure that cannot be read ends the reading, with what was seen so far."""
        self._note("signature_position", fault=coverage.position_fault(self._node))
        try:
            parts = read_signature(self._node, self._place.limits.max_references)
            keys = read_key_info(parts.key_info, self._place.limits.max_certificates)
            check_single(keys.certificates)
            method = read_method(parts.method)
            if parts.c14n.c14n is None:
                raise Malformed(f"SignedInfo by {parts.c14n.uri[:100]!r}", "transforms")
            signed = canonical_element(parts.signed_info, parts.c14n.c14n)
            qualified = xades.read_qualified(parts)
        except Malformed as fault:
            return self._broken(fault.code, fault.detail)
        except NotCanonical as fault:
            return self._broken("transforms", str(fault))
        self._note("signature_form")
        resolved = self._references(parts)
        self._properties(parts, qualified, resolved)
        resolved, whole = (*resolved, *self._manifests(parts, resolved)), len(resolved) == len(parts.references)
        signer = self._signer(Signed(parts, method, signed), keys, qualified)
        return self._concluded(Outcome(parts, resolved, whole), qualified, keys, signer)

    def _note(self, code: str, held: bool | None = None, detail: str = "", *, fault: str = "") -> None:
        self._seen.append(Observation(code, not fault if held is None else held, fault or detail))

    def _broken(self, code: str, detail: str) -> Proven:
        self._note(code, False, detail)
        return Proven(
            SignatureFacts(self._name, SignatureFormat.XMLDSIG, Covered("none"), observations=tuple(self._seen))
        )

    def _references(self, parts: SignatureParts) -> tuple[Resolved, ...]:
        """Every Reference, each with its digest; one that may not be resolved never counts as held."""
        resolved = []
        failed: set[str] = set()
        for reference in parts.references:
            known = _DIGEST_NAMES.get(reference.digest_uri, reference.digest_uri[:100])
            self._algorithms.append(AlgorithmUse("reference", known))
            try:
                found = resolve(reference, parts.node, self._place)
            except Malformed as fault:
                failed.add(fault.code)
                self._note(fault.code, False, fault.detail)
                continue
            resolved.append(found)
            self._note("content_digest", found.held, reference.shown)
        for code in _OF_A_REFERENCE:
            if code not in failed:
                self._note(code)
        return tuple(resolved)

    def _properties(
        self, parts: SignatureParts, qualified: xades.Qualified | None, resolved: tuple[Resolved, ...]
    ) -> None:
        if qualified is None:
            return
        self.evidence = qualified.unsigned
        try:
            xades.check_referenced(qualified, resolved)
        except Malformed as fault:
            self._note(fault.code, False, fault.detail)
        else:
            self._note("signed_properties")
        if qualified.policy:
            self._note("signature_policy_none", False)
        if qualified.unsigned.unread:
            self._note("xades_evidence_readable", False, qualified.unsigned.unread)
        counters = sum(1 for one in elements_named(parts.node, coverage.SIGNATURE) if one is not parts.node)
        if counters:
            self._note("counter_signature_judged", False, str(counters))

    def _manifests(self, parts: SignatureParts, resolved: tuple[Resolved, ...]) -> tuple[Resolved, ...]:
        """What Manifests list and the policy lets count."""
        fault, listed = manifests.read_manifests(parts, resolved, self._place)
        if fault is not None:
            self._note("manifest", not fault, fault)
        return listed

    def _signer(self, message: Signed, keys: KeyFacts, qualified: xades.Qualified | None) -> Signer:
        """Step 3 and the signature value. A bare KeyValue is tried where no certificate is: an observation, never a signer."""
        method = message.method
        self._note("algorithm_known", method.chosen is not None, "" if method.chosen else method.uri[:100])
        if method.chosen is None:
            self._algorithms.append(AlgorithmUse("signature", method.uri[:100], parameters=method.parameters))
            return find_signer(Value(_ANY, b"", b""), keys.certificates, ())
        value = Value(method.chosen, message.signed, message.parts.value)
        claims = qualified.claims if qualified is not None else ()
        signer = find_signer(value, keys.certificates, claims)
        if not signer.held and self._wanted.certificates:
            # What was handed in counts only where it fits; what the signature itself carries is reported in any case.
            other = find_signer(value, self._wanted.certificates, claims)
            signer = other if other.held and other.bound is not False else signer
        key, held, detail = signer.key, signer.held, signer.detail
        if signer.certificate is None and keys.keys:
            key = signing_key(keys.keys[0].public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
            held, detail = value.by(key), "by a bare KeyValue"
        bits, exponent = (key.bits, key.exponent) if key is not None else (0, 0)
        self._algorithms.append(AlgorithmUse("signature", method.chosen.name, bits, exponent, method.parameters))
        if signer.bound is not None:
            self._note("signing_certificate_bound", signer.bound, detail if not signer.bound else "")
        self._note("signing_certificate", signer.certificate is not None)
        if key is not None or signer.certificate is not None:
            self._note("signature_value", held, detail if not held or signer.certificate is None else "")
        if signer.key is not None and keys.keys:
            self._note("key_value", all(same_key(one, signer.key.key) for one in keys.keys))
        for claim in (one for named in claims for one in named):
            if claim.digest is not None:
                self._algorithms.append(AlgorithmUse("certificate-digest", claim.digest.name))
        return signer

    def _concluded(self, outcome: Outcome, qualified: xades.Qualified | None, keys: KeyFacts, signer: Signer) -> Proven:
        """Step 5, and the facts of it all."""
        parts, resolved = outcome.parts, outcome.resolved
        fault = "a Reference is open"
        if outcome.whole:
            fault = coverage.coverage_fault(parts, resolved, self._wanted.signed_path)
        self._note("coverage", fault=fault)
        covered = coverage.covered(parts, resolved) if outcome.whole else Covered("none")
        others = self.evidence.certificates + keys.certificates
        facts = SignatureFacts(
            self._name,
            SignatureFormat.XMLDSIG if qualified is None else SignatureFormat.XADES,
            covered,
            signer.certificate,
            signer.bound is True,
            keys.certificates,
            _claimed(parts, qualified, resolved),
            parts.value,
            tuple(dict.fromkeys(self._algorithms)),
            tuple(self._seen),
            tuple(read_token(token, stamped, "signature", others) for token, stamped in self.evidence.tokens),
            xades.level(qualified),
        )
        contents = tuple(one.content for one in coverage.data_of(parts, resolved))
        return Proven(facts, contents if covered.extent != "none" else ())


_ANY = algorithm(Scheme.RSA_PKCS1, "sha256")


def _claimed(
    parts: SignatureParts, qualified: xades.Qualified | None, resolved: tuple[Resolved, ...]
) -> datetime | None:
    """The claimed time: SigningTime of XAdES, else one SigningTime in a signed property, as invoices of Việt Nam carry it."""
    if qualified is not None:
        return qualified.claimed_time
    if not parts.objects:
        return None
    for one in resolved:
        if (
            one.node is None
            or one.node is parts.node
            or all(step is not parts.node for step in one.node.iterancestors())
        ):
            continue
        found = [
            node for node in one.node.iter() if isinstance(node.tag, str) and str(node.tag).endswith("SigningTime")
        ]
        if len(found) == 1:
            return xades.signing_time(found[0])
    return None
