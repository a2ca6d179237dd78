"""PEM text (RFC 7468) in files that people hand in: the DER of every block of the wanted kinds, in their order."""

from __future__ import annotations

import base64
import binascii
import re

_BLOCK = re.compile(rb"-----BEGIN ([A-Z0-9 ]{1,64})-----([A-Za-z0-9+/=\s]++)-----END \1-----")


def pem_blocks(raw: bytes, *labels: bytes) -> list[bytes]:
    """What stands in the blocks with these labels; nothing when there is none, or when one of them is no base64."""
    try:
        return [
            base64.b64decode(b"".join(text.split()), validate=True)
            for label, text in _BLOCK.findall(raw)
            if label in labels
        ]
    except binascii.Error:
        return []
