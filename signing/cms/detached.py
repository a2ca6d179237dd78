"""P-CMS-B and P-CMS-T made: a detached CAdES signature beside a file of any size, in the three steps of `signing.making`.

The file is digested in pieces and never held. CAdES baseline wants the claimed signing-time (EN 319 122-1 clause 6.3).
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from signing.algorithms import DIGESTS, Digest
from signing.cms.making import assemble, signed_attributes
from signing.errors import Unusable
from signing.making import Order, Prepared
from signing.writing import unreadable, write_whole


def prepare(order: Order) -> Prepared:
    """The signed attributes over the source's digest, as state, and their digest to be signed. Raises `Unusable`."""
    digest = order.algorithm.digest
    content = _digest_of_file(order.source, digest)
    attributes = signed_attributes(content, order.certificate, order.algorithm, order.signing_time)
    return Prepared(order, digest.of(attributes), attributes)


def imprint(prepared: Prepared, signature: bytes, digest: str) -> bytes:
    """What a time-stamping authority stamps: the digest (by our name of it) of the signature value (RFC 3161 appendix A)."""
    return DIGESTS[digest].of(signature)


def complete(prepared: Prepared, signature: bytes, token: bytes | None) -> None:
    """Writes the target: the signature with its certificates, and the token where there is one. Raises `Unusable`.

    The target appears at once and whole, or not at all.
    """
    order = prepared.order
    if order.profile.stamped and token is None:
        raise Unusable("thieu_dau_thoi_gian", "Hồ sơ ký này đòi hỏi dấu thời gian nhưng chưa có.")
    message = assemble(prepared.state, signature, order.algorithm, (order.certificate, *order.chain), token)
    write_whole(order.target, [message])


def _digest_of_file(path: Path, digest: Digest) -> bytes:
    try:
        with path.open("rb") as source:
            return hashlib.file_digest(source, digest.name).digest()
    except OSError as fault:
        raise unreadable(fault) from None
