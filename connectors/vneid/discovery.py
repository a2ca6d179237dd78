"""What a provider says of itself (OpenID Connect Discovery 1.0): fills the addresses that the configuration left empty.

Off unless `discovery_url` is set (identity facts 1.1, rule). A document never changes what the configuration says, and every
address it gives is judged like a configured one: https to a listed host. Its `issuer` must be the configured one exactly (4.3).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from connectors.vneid.sign_on_settings import ProviderSettings

_MEMBERS: Mapping[str, str] = {
    "authorize_url": "authorization_endpoint",
    "token_url": "token_endpoint",
    "jwks_url": "jwks_uri",
    "userinfo_url": "userinfo_endpoint",
    "par_url": "pushed_authorization_request_endpoint",
}
"""Setting to the document's member. The logout address is always configured: it is needed where nobody can wait."""


class DocumentRefused(ValueError):
    """Tài liệu discovery không dùng được: the text is for the operator and repeats no address."""


def filled(settings: ProviderSettings, document: Mapping[str, Any]) -> ProviderSettings:
    """The settings with what the document adds; raises `DocumentRefused`.

    A provider that announces `authorization_response_iss_parameter_supported` is held to it (RFC 9207 3).
    """
    if document.get("issuer") != settings.issuer:
        raise DocumentRefused("issuer trong tài liệu khác với issuer đã khai")
    found: dict[str, Any] = {
        setting: document[member]
        for setting, member in _MEMBERS.items()
        if not getattr(settings, setting) and isinstance(document.get(member), str)
    }
    if document.get("authorization_response_iss_parameter_supported") is True:
        found["issuer_parameter_required"] = True
    try:
        return msgspec.structs.replace(settings, **found, discovery_url="")
    except ValueError as error:
        raise DocumentRefused(str(error)) from None
