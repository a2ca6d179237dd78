"""How the simulated intermediaries behave: their merchants and keys, where notices go, how fast time runs.

What the facts leave unknown is an option with its default here. Secrets are invented and belong to simulations.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

PROVIDERS = ("pp", "keypay", "paygov", "vnpay", "momo", "zalopay", "vietqr")
"""Every intermediary that is simulated, by its name in addresses and orders."""

Encoder = Literal["php", "java", "dotnet", "js", "python"]


class MerchantOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Our merchant at one intermediary. Of several secrets of a role the first signs and every one verifies.

    `secrets` is the key of facts section 3 (MoMo's secretKey, ZaloPay's and KeyPay's key 1), `second` key 2, `access` the
    access key. `bearer`: the token that a call has to carry ("": none), as behind an LGSP. `return_url`: where payers are
    sent back to by those whose orders name no address; empty: our return page at `edge_url`. `notify_url` is the address
    registered for notices: empty means that of `gateway_url`, unless the order itself names one.
    """

    merchant: str
    secrets: tuple[str, ...] = ()
    second: tuple[str, ...] = ()
    access: str = ""
    notify_url: str = ""
    return_url: str = ""
    bearer: str = ""

    def __repr__(self) -> str:
        return f"MerchantOptions(merchant={self.merchant!r})"


class SpeedOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Seconds of a simulation. `pace` scales the schedules of facts 4.5: 1 is as in life, 0.01 makes 5 minutes 3 seconds.

    `refund_s`: how long a refund is under way (scaled too); `expiry_s`: of an order whose request names none;
    `late_s`: how long after its expiry a late payment arrives.
    """

    pace: float = 0.01
    refund_s: float = 120.0
    expiry_s: float = 900.0
    late_s: float = 1.0


class PaymentOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is simulated, and how. `gateway_url` is where notices go: `{gateway_url}/v1/callbacks/{upstream}/{provider}`.

    `edge_url`, for return pages and the portal's pull, is the same where empty; `pull_token` goes with that pull.
    `base_url`: the simulator's own address as payers know it; empty: the one that was called. `ca_file`: certificates to
    trust for notices over TLS. `statements_dir`: where ordered statement files are written. `faults` is a plan to begin
    with. `encoder`: which language VNPAY signs notices in (facts 3.5). `pp_wrapper`: PP is behind an LGSP that puts answers
    into a text; `pp_bill`: what GET_BILL gives.
    """

    gateway_url: str = "http://127.0.0.1:8080"
    edge_url: str = ""
    upstream: str = "payment"
    base_url: str = ""
    ca_file: str = ""
    statements_dir: str = ""
    encoder: Encoder = "java"
    pp_wrapper: Literal["none", "lgsp_string"] = "none"
    pp_bill: Literal["json", "pdf"] = "json"
    pull_token: str = ""
    speed: SpeedOptions = SpeedOptions()
    pp: MerchantOptions = MerchantOptions(merchant="SIMPP", secrets=("simulator-pp",))
    keypay: MerchantOptions = MerchantOptions(
        merchant="simkeypay", secrets=("simulator-keypay-1",), second=("simulator-keypay-2",)
    )
    paygov: MerchantOptions = MerchantOptions(
        merchant="SIMPG", secrets=("simulator-paygov",), access="simulator-access"
    )
    vnpay: MerchantOptions = MerchantOptions(merchant="SIMTMN01", secrets=("simulator-vnpay",))
    momo: MerchantOptions = MerchantOptions(merchant="SIMMOMO", secrets=("simulator-momo",), access="simulator-access")
    zalopay: MerchantOptions = MerchantOptions(
        merchant="2553", secrets=("simulator-zalopay-1",), second=("simulator-zalopay-2",)
    )
    vietqr: MerchantOptions = MerchantOptions(merchant="970436:1012345670", secrets=("simulator-vietqr",))
    faults: dict[str, Any] = {}

    def of(self, provider: str) -> MerchantOptions:
        """Our merchant there; `provider` is one of `PROVIDERS`."""
        found: MerchantOptions = getattr(self, provider)
        return found
