"""The document security store of a PDF: certificates, CRLs and OCSP responses, all unjudged (EN 319 142-1 clause 5.4)."""

from __future__ import annotations

from dataclasses import dataclass, field

from signing.pdf.document import View
from signing.pdf.syntax import Dictionary, Malformed, Ref, Stream, Value

_MOST = 1_024
_KINDS = {
    b"Certs": "certificates",
    b"Cert": "certificates",
    b"CRLs": "crls",
    b"CRL": "crls",
    b"OCSPs": "ocsps",
    b"OCSP": "ocsps",
}


@dataclass(slots=True)
class Store:
    """What a DSS holds, each value once, in the order in which it was found."""

    certificates: dict[bytes, None] = field(default_factory=dict)
    crls: dict[bytes, None] = field(default_factory=dict)
    ocsps: dict[bytes, None] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    @property
    def filled(self) -> bool:
        """Whether there is revocation material, without which nothing is preserved for the long term."""
        return bool(self.crls or self.ocsps)


def read_store(view: View) -> Store:
    """The DSS of this view, and its VRI entries; what cannot be read is left out and noted."""
    store = Store()
    try:
        dss = view.at(view.catalog.get(b"DSS"))
        if isinstance(dss, Dictionary):
            _take(view, dss, store)
            related = view.at(dss.get(b"VRI"))
            for one in related.values() if isinstance(related, Dictionary) else ():
                entry = view.at(one)
                if isinstance(entry, Dictionary):
                    _take(view, entry, store)
        elif dss is not None:
            store.faults.append("the DSS is no dictionary")
    except Malformed as malformed:
        if malformed.limit:
            raise
        store.faults.append(malformed.detail)
    return store


def _take(view: View, dictionary: Dictionary, store: Store) -> None:
    seen: set[Value] = set()
    for key, kind in _KINDS.items():
        kept: dict[bytes, None] = getattr(store, kind)
        for one in view.array(dictionary.get(key), key.decode("ascii")):
            if not isinstance(one, Ref) or one in seen:
                continue
            seen.add(one)
            stream = view.at(one)
            if len(seen) > _MOST:
                raise Malformed(f"more than {_MOST} values in the DSS", limit=True)
            if isinstance(stream, Stream):
                kept[view.plain(stream)] = None
