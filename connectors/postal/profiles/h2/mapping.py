"""How h2 addresses a call: a path for each verb, beneath the base of the adapter (postal facts 2.2)."""

from __future__ import annotations

from collections.abc import Mapping

from connectors.postal.profiles._ngsp.mapping import JSON, Ngsp, Verb
from connectors.postal.profiles._ngsp.options import NgspOptions
from connectors.postal.speaking import Account, Call

NAME = "h2"

_PATHS: Mapping[Verb, str] = {
    "order": "order/post",
    "cancel": "order/cancel",
    "tracking": "order/tracking",
    "document": "document/post",
}


class H2(Ngsp):
    """The dialect with an account."""

    def __init__(self, account: Account) -> None:
        """Raises `TypeError` for options of another dialect."""
        if not isinstance(account.options, NgspOptions):
            raise TypeError("NgspOptions")
        super().__init__(account, NAME, account.options)

    def _call(self, verb: Verb, query: Mapping[str, str], body: bytes = b"") -> Call:
        headers = {"Accept": JSON, "Accept-Charset": "UTF-8"}
        if not body:
            return Call("GET", _PATHS[verb], headers, query=query)
        return Call("POST", _PATHS[verb], {**headers, "Content-Type": JSON}, body, query)
