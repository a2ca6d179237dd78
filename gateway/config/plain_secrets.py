"""A look over a whole configuration for secrets that stand there themselves, where only references belong (F20).

Types refuse a plain value where a `SecretRef` is expected. This looks at everything else: free tables such as the options
of a dialect, addresses with a password inside, private keys that were pasted, keys of the file that nobody knows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from connectors.kit.secrets import is_reference

_NAMED = re.compile(
    r"(?:.*_)?(?:password|passwd|passphrase|secret|pin|pwd|mat_khau|api_?key|private_key|access_token|client_secret"
    r"|secret_key|hmac_key|bearer)",
    re.ASCII | re.IGNORECASE,
)
"""Names of keys that speak of a secret. `signing_key` of a paper or `key_id` are names of keys and none of them."""

_IN_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://[^/?#\s@]*:[^/?#\s@]+@", re.ASCII | re.IGNORECASE)
_IN_WORDS = re.compile(r"(?:^|\s)password\s*=\s*\S", re.ASCII | re.IGNORECASE)
_PRIVATE = re.compile(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----|^whsec_|\"d\"\s*:\s*\"", re.ASCII)


def plain_secrets(tree: Mapping[str, object], where: str = "") -> Iterator[str]:
    """A sentence for every value that looks like a secret; it names the place and repeats nothing of the value."""
    for key, value in tree.items():
        yield from _looked_at(key, value, f"{where}.{key}" if where else key)


def _looked_at(key: str, value: object, where: str) -> Iterator[str]:
    if isinstance(value, Mapping):
        yield from plain_secrets(value, where)
    elif isinstance(value, list):
        for at, one in enumerate(value):
            yield from _looked_at(key, one, f"{where}[{at}]")
    elif isinstance(value, str) and not is_reference(value):
        if _PRIVATE.search(value):
            yield f"{where}: có khóa bí mật viết thẳng trong cấu hình; hãy để nó trong tệp và tham chiếu file: hoặc credential:"
        elif _IN_ADDRESS.search(value) or _IN_WORDS.search(value):
            yield f"{where}: có mật khẩu viết thẳng trong địa chỉ; hãy chuyển sang một khóa nhận tham chiếu bí mật"
        elif value and _NAMED.fullmatch(key):
            yield f"{where}: trông như bí mật viết thẳng; hãy viết env:TÊN, file:ĐƯỜNG_DẪN hoặc credential:TÊN"
