"""PAdES and older PDF signatures read into facts (EN 319 142-1, ISO 32000-2 12.8; signing facts 5.2 steps 0 to 5).

The file alone decides: which bytes a signature covers, by their places; what came after it, by comparing revisions; what it
brings along as evidence. Nothing is judged here, nothing is repaired, and no content of a document makes this raise.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace

from signing.algorithms import Digest
from signing.cms.core import SignedDataFacts, read_signed_data
from signing.model import (
    Covered,
    DocumentKind,
    Facts,
    Observation,
    SignatureFacts,
    SignatureFormat,
    TokenFacts,
)
from signing.pdf.active import active_content
from signing.pdf.difference import Change, compare
from signing.pdf.document import Document
from signing.pdf.fields import is_stamp
from signing.pdf.permissions import permission_of
from signing.pdf.signatures import Found, RangeFault, SignedRange, date_of, find_signatures, signed_range
from signing.pdf.store import read_store
from signing.pdf.syntax import Malformed
from signing.policy import ReadingLimits
from signing.timestamp import read_token

_FORMATS = {b"ETSI.CAdES.detached": SignatureFormat.PADES, b"adbe.pkcs7.detached": SignatureFormat.PDF_PKCS7}
_NOTHING = Covered("none")
_MAX_TOKENS = 16


def read_pdf(raw: bytes, limits: ReadingLimits) -> Facts:
    """The facts of one PDF; never raises over content.

    A file that is no readable PDF, or too large to be read, gives facts without signatures whose observations say why.
    """
    facts = Facts(hashlib.sha256(raw).hexdigest(), len(raw), DocumentKind.PDF)
    if len(raw) > limits.max_bytes:
        return replace(facts, observations=(Observation("limits", False, f"{len(raw)} bytes"),))
    try:
        document = Document(raw, limits)
        if document.encrypted:
            return replace(facts, observations=(Observation("pdf_not_encrypted", False),))
        document.view().pages(limits.max_pdf_pages)
        return _Reading(document, facts, limits).facts()
    except Malformed as malformed:
        code = "limits" if malformed.limit else "well_formed"
        return replace(facts, observations=(Observation(code, False, malformed.detail),))


def revision_bytes(raw: bytes, covered: Covered) -> bytes:
    """The document as one signature saw it: the signed revision, its own signature value included; empty when none is proven."""
    return raw[: max((end for _, end in covered.ranges), default=0)]


@dataclass(frozen=True, slots=True)
class _Placed:
    """One signature with the bytes that it covers, or why it does not say so."""

    found: Found
    range: SignedRange | RangeFault


class _Reading:
    """One document being read: its signatures, and what each revision did."""

    def __init__(self, document: Document, facts: Facts, limits: ReadingLimits) -> None:
        self._document = document
        self._facts = facts
        self._changes: dict[int, Change] = {}
        found = find_signatures(document, limits.max_signatures)
        self._placed = [_Placed(one, signed_range(document, one)) for one in found]
        self._store = read_store(document.view())
        self._carried: list[SignedDataFacts] = []

    def facts(self) -> Facts:
        """Everything that was found."""
        stamps = [one for one in self._placed if is_stamp(one.found.dictionary)]
        others = [one for one in self._placed if not is_stamp(one.found.dictionary)]
        tokens = tuple(self._token(one) for one in stamps)
        signatures = tuple(self._signature(one, index, bool(stamps)) for index, one in enumerate(others, 1))
        store, carried = self._store, self._carried
        return replace(
            self._facts,
            signatures=signatures,
            observations=self._observations(bool(others)),
            certificates=tuple(store.certificates),
            crls=tuple(dict.fromkeys((*store.crls, *(crl for one in carried for crl in one.crls)))),
            ocsps=tuple(dict.fromkeys((*store.ocsps, *(ocsp for one in carried for ocsp in one.ocsps)))),
            document_tokens=tokens,
        )

    def _observations(self, signed: bool) -> tuple[Observation, ...]:
        document = self._document
        active = active_content(document.view())
        return (
            Observation("limits", True),
            Observation("well_formed", True),
            Observation("pdf_not_encrypted", True),
            Observation("signature_found", signed),
            Observation("pdf_single_table", not document.hybrid),
            Observation("active_content", not active, ", ".join(active)),
            Observation("pdf_store_readable", not self._store.faults, "; ".join(self._store.faults)[:200]),
        )

    def _token(self, placed: _Placed) -> TokenFacts:
        """A document time stamp: a token over everything up to the end of its revision."""
        ranged = placed.range
        if isinstance(ranged, RangeFault):
            seen = _range_observations(ranged)
            return TokenFacts(b"", "document", None, observations=(*seen, Observation("timestamp_imprint", False)))
        token = read_token(ranged.container, self._digest_of(ranged), "document")
        seen = (*_range_observations(ranged), self._coverage(ranged), *self._permission(placed, ranged))
        return replace(token, observations=(*token.observations, *seen), covered=self._covered(ranged))

    def _signature(self, placed: _Placed, index: int, stamped: bool) -> SignatureFacts:
        """One signature; `stamped`: the document carries a document time stamp."""
        found, ranged = placed.found, placed.range
        wanted = found.dictionary.get(b"SubFilter")
        known = _FORMATS.get(wanted) if isinstance(wanted, bytes) else None
        facts = SignatureFacts(
            id=_shown(found.field.name) or f"#{index}",
            format=known or SignatureFormat.PDF_OTHER,
            covered=_NOTHING,
            claimed_time=date_of(found.view.at(found.dictionary.get(b"M"))),
        )
        seen = [*_range_observations(ranged)]
        if known is None:
            seen.append(Observation("signature_format", False, ascii(wanted)[:64]))
        if isinstance(ranged, RangeFault):
            return replace(facts, observations=tuple(seen))
        seen += [self._coverage(ranged), *self._permission(placed, ranged)]
        facts = replace(facts, covered=self._covered(ranged))
        if known is None:
            return replace(facts, observations=tuple(seen))
        return self._with_message(facts, ranged, tuple(seen), stamped)

    def _with_message(
        self, facts: SignatureFacts, ranged: SignedRange, seen: tuple[Observation, ...], stamped: bool
    ) -> SignatureFacts:
        message = read_signed_data(ranged.container, self._digest_of(ranged), attached=False)
        self._carried.append(message)
        seen += message.all_observations
        signer = message.signer
        if signer is None:
            return replace(facts, observations=seen, certificates=message.certificates)
        tokens = [
            read_token(token, signer.signature_value, "signature", message.certificates)
            for token in signer.signature_tokens[:_MAX_TOKENS]
        ]
        own_stamp = any(one.gen_time for one in tokens)
        tokens += [
            read_token(token, self._digest_of(ranged), "content", message.certificates)
            for token in signer.content_tokens[:_MAX_TOKENS]
        ]
        return replace(
            facts,
            certificate=signer.certificate,
            certificate_protected=signer.protected,
            certificates=message.certificates,
            claimed_time=facts.claimed_time or signer.claimed_time,
            signature_value=signer.signature_value,
            algorithms=signer.algorithms,
            observations=seen,
            tokens=tuple(tokens),
            level=self._level(facts.format, own_stamp, stamped),
        )

    def _level(self, kind: SignatureFormat, stamped: bool, document_stamped: bool) -> str:
        """What the structure claims to be (EN 319 142-1 clause 6)."""
        if kind is not SignatureFormat.PADES:
            return ""
        if self._store.filled and document_stamped:
            return "B-LTA"
        if stamped or document_stamped:
            return "B-LT" if self._store.filled else "B-T"
        return "B-B"

    def _digest_of(self, ranged: SignedRange) -> Callable[[Digest], bytes]:
        raw, known = memoryview(self._document.raw), dict[str, bytes]()

        def digest_of(digest: Digest) -> bytes:
            if digest.name not in known:
                running = hashlib.new(digest.name, raw[: ranged.gap])
                running.update(raw[ranged.resume : ranged.end])
                known[digest.name] = running.digest()
            return known[digest.name]

        return digest_of

    def _covered(self, ranged: SignedRange) -> Covered:
        raw = self._document.raw
        whole = ranged.end == len(raw)
        return Covered(
            "document" if whole else "revision",
            ((0, ranged.gap), (ranged.resume, ranged.end)),
            sha256=self._facts.sha256 if whole else hashlib.sha256(memoryview(raw)[: ranged.end]).hexdigest(),
        )

    def _coverage(self, ranged: SignedRange) -> Observation:
        """Whether nothing but signatures, evidence and stamps came behind the signed revision, up to the end of the file."""
        if ranged.end == len(self._document.raw):
            return Observation("coverage", True)
        if not self._later(ranged) or not self._ends():
            return Observation("coverage", False, "bytes stand behind the last revision")
        if self._reaches_otherwise(ranged):
            return Observation("coverage", False, "Size hides or uncovers objects that were signed")
        for index in self._later(ranged):
            change = self._change(index)
            if change.faults:
                return Observation("coverage", False, f"revision {index + 1}: {change.faults[0]}"[:200])
        return Observation("coverage", True, f"revision {ranged.revision + 1} of {len(self._document.revisions)}")

    def _reaches_otherwise(self, ranged: SignedRange) -> bool:
        """Size of the newest trailer alone decides which objects exist (table 15); PDFBox writes smaller ones in between."""
        revisions = self._document.revisions
        low, high = sorted((revisions[ranged.revision].size, revisions[-1].size))
        return low < high and any(low <= number < high for number in self._document.view(ranged.revision).entries)

    def _ends(self) -> bool:
        """Whether the last revision, or a signature that covers what is behind it, ends the file."""
        size = len(self._document.raw)
        return self._document.revisions[-1].end == size or any(
            isinstance(one.range, SignedRange) and one.range.end == size for one in self._placed
        )

    def _permission(self, placed: _Placed, ranged: SignedRange) -> tuple[Observation, ...]:
        """What the signature itself forbids; silent for those that forbid nothing."""
        found = placed.found
        try:
            permission = permission_of(found.view, found.dictionary, found.field.dictionary)
        except Malformed as malformed:
            return (Observation("pdf_permissions", False, malformed.detail),)
        if permission.free:
            return ()
        for index in self._later(ranged):
            breach = permission.breach(self._change(index))
            if breach:
                return (Observation("pdf_permissions", False, f"revision {index + 1}: {breach}"),)
        return (Observation("pdf_permissions", True),)

    def _later(self, ranged: SignedRange) -> range:
        return range(ranged.revision + 1, len(self._document.revisions))

    def _change(self, index: int) -> Change:
        if index not in self._changes:
            self._changes[index] = compare(self._document.view(index - 1), self._document.view(index))
        return self._changes[index]


def _range_observations(ranged: SignedRange | RangeFault) -> tuple[Observation, ...]:
    if isinstance(ranged, RangeFault):
        return (Observation(ranged.code, False, ranged.detail),)
    return (Observation("byte_range", True), Observation("signature_container", True))


def _shown(name: str) -> str:
    """A field's name for people and logs: no control characters, not endless (attack C5)."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in name[:128])
