"""A toy provider of identities in memory, with the capability SignOn: it believes what it is told and counts what it is asked."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode

from connectors.kit.contract import Budget
from connectors.kit.signing_on import Errand, LoggedOut, Session, SignedOn, SignOnRefused, SignOnTraits
from mappings.codes import IdentityType
from mappings.identity import Account, AccountKind, Assurance
from mappings.partial_date import PartialDate

NUMBER = "001090000000"
NAME = "Nguyễn Văn Thử"


def account(provider: str = "toy") -> Account:
    """An invented person, whose birth is known by its year alone."""
    return Account(
        provider=provider,
        subject_key="TECH-000000",
        kind=AccountKind.PERSON,
        id_type=IdentityType.CCCD,
        id_number=NUMBER,
        full_name=NAME,
        birth=PartialDate(1990),
        assurance=Assurance(ial=2),
        missing=("ThuDienTu",),
        claim_names=("TechID", "HoVaTen"),
    )


LEVELS = {"toy": ("LoA1", "LoA2")}
"""The levels of those providers whose levels are known."""


@dataclass
class ToySignOn:
    """Two providers. Codes are good once; `error` is raised by the next step; `silent` keeps it from ever ending.

    Without `sids` its sessions have no name.
    """

    names: tuple[str, ...] = ("toy", "other")
    error: Exception | None = None
    silent: asyncio.Event | None = None
    sids: bool = True
    errands: list[Errand] = field(default_factory=list)
    exchanged: list[str] = field(default_factory=list)

    def providers(self) -> Mapping[str, SignOnTraits]:
        """Both, the first by default."""
        return {
            name: SignOnTraits(name, f"{name}-dialect", f"Nhà cung cấp {name}", LEVELS.get(name, ()))
            for name in self.names
        }

    async def begin(self, errand: Errand, budget: Budget) -> str:
        """The address of a login page that nobody serves."""
        await self._troubled()
        self.errands.append(errand)
        told = {"redirect_uri": errand.redirect_uri, "state": errand.secrets.state, "nonce": errand.secrets.nonce}
        return f"https://dinh-danh.example.vn/{errand.provider}?{urlencode(told)}"

    async def finish(self, errand: Errand, params: Mapping[str, str], budget: Budget) -> SignedOn:
        """The invented person, for whoever brings a code."""
        if params.get("error"):
            raise SignOnRefused("access_denied", "Quý vị đã không đồng ý đăng nhập.")
        self.exchanged.append(params["code"])
        await self._troubled()
        sid = f"sid-{params['code']}" if self.sids else ""
        session = Session(errand.provider, sub="thu.nguyen", sid=sid, id_token="id-token-of-toy")
        return SignedOn(account(errand.provider), session)

    def logout_address(self, session: Session, return_uri: str, state: str) -> str:
        """Where the session ends; the second provider has no such place."""
        if session.provider != self.names[0]:
            return ""
        told = {"id_token_hint": session.id_token, "post_logout_redirect_uri": return_uri, "state": state}
        return f"https://dinh-danh.example.vn/logout?{urlencode(told)}"

    async def read_logout(self, provider: str, form: Mapping[str, str], budget: Budget) -> LoggedOut:
        """Believes a token of three words: jti, sid, sub."""
        await self._troubled()
        words = form.get("logout_token", "").split(" ")
        if len(words) != 3:
            raise SignOnRefused("bad_logout_token", "Thông báo đăng xuất không đúng.")
        return LoggedOut(provider, words[0], sid=words[1].strip("-"), sub=words[2].strip("-"))

    async def close(self) -> None:
        """Nothing to close."""

    async def _troubled(self) -> None:
        if self.silent is not None:
            await self.silent.wait()
        if self.error is not None:
            error, self.error = self.error, None
            raise error
