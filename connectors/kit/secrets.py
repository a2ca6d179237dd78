"""References to secrets: where a secret stands, never the secret itself.

A setting that takes a secret has the type `SecretRef`, in the house and in every connector (delivery-engine F20). The kit
hands connectors a function that follows references (`Kit.secret`); what stands in their settings is worth nothing to a thief.
"""

from __future__ import annotations

import re

_WRITTEN = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]*|file:[^\x00-\x1f\x7f]+|credential:[A-Za-z0-9_.@-]{1,255}", re.ASCII)

PLAIN = (
    "bí mật phải viết là env:TÊN, file:ĐƯỜNG_DẪN hoặc credential:TÊN (systemd LoadCredential), không viết thẳng giá trị"
)
"""What is said of a value that is no reference. It may be the secret itself, so not a letter of it is repeated."""


class SecretRef(str):
    """Where a secret stands; an empty reference means that there is none.

    `env:NAME` is a variable of the environment, `file:PATH` the text of a file (relative to the configuration file),
    `credential:NAME` a file of that name in `$CREDENTIALS_DIRECTORY` (systemd.exec(5), LoadCredential). White space around
    the text is dropped. Anything else is refused with `ValueError`, which does not repeat it.
    """

    __slots__ = ()

    def __new__(cls, text: str = "") -> SecretRef:
        """Refuses what is no reference."""
        if text and not is_reference(text):
            raise ValueError(PLAIN)
        return super().__new__(cls, text)

    @property
    def scheme(self) -> str:
        """`env`, `file` or `credential`; empty for the empty reference."""
        return self.partition(":")[0]

    @property
    def place(self) -> str:
        """What follows the scheme: the name or the path."""
        return self.partition(":")[2]


def is_reference(text: str) -> bool:
    """Whether a text is a reference to a secret."""
    # systemd refuses these two as names of credentials; here they would lead out of the directory.
    return _WRITTEN.fullmatch(text) is not None and text not in ("credential:.", "credential:..")


def read_setting(kind: object, value: object) -> object:
    """The hook of msgspec for settings: reads references (`dec_hook`); raises `ValueError`, or `TypeError` for other types."""
    if kind is not SecretRef:
        raise NotImplementedError(f"settings of type {kind!r} are not supported")
    if not isinstance(value, str):
        raise ValueError(PLAIN)
    return SecretRef(value)


def write_setting(value: object) -> str:
    """The hook of msgspec for settings that are written as JSON (`enc_hook`): a reference is its text."""
    if not isinstance(value, SecretRef):
        raise NotImplementedError(f"settings of type {type(value)!r} are not supported")
    return str(value)
