"""Hệ thống thông tin giải quyết TTHC: pushes each event to it, signed, in the Standard Webhooks shape.

The receiver tells repeats by `webhook-id`, which is the delivery's own id, so a push may be repeated without harm; it
offers no way to ask what it has, and none is needed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec
from yarl import URL

from connectors.kit.contract import Budget, Delivery, Enquiry, Found, Kit, Receipt, TaskDelivery
from connectors.kit.errors import (
    AnswerUnreadable,
    Busy,
    ContractChanged,
    CredentialsRefused,
    DeliveryError,
    Rejected,
    SettingsError,
    UpstreamFault,
)
from connectors.kit.http import HttpClient, HttpOptions, retry_after_s
from connectors.kit.secrets import SecretRef
from connectors.resolution.client import ResolutionClient, UnfitKey, WebhookSigner, ed25519_signer, hmac_signer
from connectors.resolution.profiles.push_v1.mapping import map_proposal, map_push
from connectors.resolution.profiles.push_v1.messages import Push, PushAnswer, read_answer
from connectors.resolution.profiles.push_v1.outcomes import conclude
from mappings.codec import encode
from mappings.dates import local_date

_DUPLICATE = "duplicate"
_POSITIVE = frozenset({"done", _DUPLICATE})
_ERRORS: Mapping[str, type[DeliveryError]] = {
    "busy": Busy,
    "rejected": Rejected,
    "upstream_fault": UpstreamFault,
    "credentials_refused": CredentialsRefused,
    "contract_changed": ContractChanged,
}


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Settings of one subscription; README.md explains each. `signing_key` is a reference to a secret, never the key.

    `signature` ed25519 takes a PEM private key, hmac_sha256 a shared secret `whsec_…`.
    """

    url: str
    signing_key: SecretRef
    profile: Literal["push-v1"] = "push-v1"
    signature: Literal["ed25519", "hmac_sha256"] = "ed25519"
    allow_plain: tuple[str, ...] = ()
    ca_file: str = ""


class ResolutionSystem:
    """Deliverer and Enquirer of the resolution system, for events and for proposed changes."""

    def __init__(self, client: ResolutionClient, kit: Kit) -> None:
        self._client = client
        self._kit = kit

    async def deliver(self, delivery: Delivery) -> Receipt:
        """The receiver's acknowledgement; 2xx, or a conflict that says "known already"."""
        return await self._pushed(delivery.delivery_id, map_push(delivery.carried), delivery.budget)

    async def deliver_task(self, delivery: TaskDelivery) -> Receipt:
        """A proposed change, pushed and acknowledged like an event."""
        return await self._pushed(delivery.delivery_id, map_proposal(delivery.task), delivery.budget)

    async def _pushed(self, delivery_id: str, push: Push, budget: Budget) -> Receipt:
        http, exchange = await self._client.push(delivery_id, encode(push), budget)
        answer = read_answer(http.body)
        at = self._kit.now()
        concluded = conclude(http.status, answer.status if answer else "", local_date(at))
        if concluded.family not in _POSITIVE:
            raise _ERRORS[concluded.family](
                f"{concluded.meaning_vi} (HTTP {http.status}).",
                exchange=exchange,
                retry_after_s=retry_after_s(http.headers),
            )
        if answer is None and http.status < 300:
            raise AnswerUnreadable(exchange=exchange)
        return Receipt(
            reference=(answer or PushAnswer()).reference or delivery_id,
            at=at,
            exchange=exchange,
            duplicate=concluded.family == _DUPLICATE,
            message=concluded.meaning_vi,
        )

    async def enquire(self, delivery: Delivery) -> Enquiry:
        """Nothing can be asked; the same push under the same id is recognised by the receiver."""
        return _recognised(delivery.delivery_id)

    async def enquire_task(self, delivery: TaskDelivery) -> Enquiry:
        """The same of a proposal."""
        return _recognised(delivery.delivery_id)

    async def close(self) -> None:
        """Release sockets."""
        await self._client.close()


def create(settings: Settings, kit: Kit) -> ResolutionSystem:
    """The connector for one upstream; raises `SettingsError` for an address or a key that cannot work."""
    signer = _signer(settings, kit)
    base, path = _split(settings.url)
    options = HttpOptions(allow_plain=settings.allow_plain, ca_file=settings.ca_file)
    try:
        http = HttpClient(base_url=base, kit=kit, options=options)
    except ContractChanged as error:
        raise SettingsError("resolution", (f"url: {error.message_vi}",)) from None
    return ResolutionSystem(ResolutionClient(http=http, kit=kit, path=path, signer=signer), kit)


def _recognised(delivery_id: str) -> Enquiry:
    return Enquiry(
        Found.CANNOT_TELL,
        repeat_allowed=True,
        reason_vi=f"Gửi lại được: bên nhận nhận ra {delivery_id} qua webhook-id.",
    )


def _signer(settings: Settings, kit: Kit) -> WebhookSigner:
    text = kit.secret(settings.signing_key)
    try:
        return ed25519_signer(text) if settings.signature == "ed25519" else hmac_signer(text)
    except UnfitKey as error:
        raise SettingsError("resolution", (f"signing_key: {error}",)) from None


def _split(url: str) -> tuple[str, str]:
    """The origin and the path of the address; credentials, query and fragment are refused by the client."""
    try:
        parsed = URL(url)
        bare = parsed.absolute and not (parsed.query_string or parsed.fragment or parsed.user or parsed.password)
        return (str(parsed.origin()), parsed.path) if bare else (url, "")
    except ValueError:
        raise SettingsError("resolution", ("url: không phải là một URL hợp lệ",)) from None
