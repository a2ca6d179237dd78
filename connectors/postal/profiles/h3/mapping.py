"""How h3 addresses a call, gets its token and asks for a price: one URL of the LGSP, the verb as `service` in its query.

Postal facts 3.3. A client of the field appends a second `?`; that is its mistake, `&` stands here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal

import msgspec

from connectors.kit.errors import CannotMap
from connectors.kit.http_answers import HttpAnswer
from connectors.postal.model import Order, Place, Price
from connectors.postal.profiles._ngsp.answers import NONE, SUCCESS, UNREADABLE, http_code, object_of
from connectors.postal.profiles._ngsp.mapping import JSON, Ngsp, Verb, token_call
from connectors.postal.profiles._ngsp.places import codes_of
from connectors.postal.profiles.h3.messages import PriceAsk, PricePlace
from connectors.postal.profiles.h3.options import TOKEN_ROLES, H3Options
from connectors.postal.speaking import Account, Call, Refused

NAME = "h3"

_TITLE = "Bưu chính công ích"
_AMOUNT = re.compile(r"\d{1,12}(\.\d{1,6})?", re.ASCII)
_WANTED_VI: Mapping[Verb, str] = {"document": "đăng ký hồ sơ", "price": "tra cước"}


class H3(Ngsp):
    """The dialect with an account; beside what `Ngsp` has, `connectors.postal.speaking.Prices`."""

    def __init__(self, account: Account) -> None:
        """Raises `TypeError` for options of another dialect, `ValueError` for secrets that its way to a token needs."""
        if not isinstance(account.options, H3Options):
            raise TypeError("H3Options")
        super().__init__(account, NAME, account.options)
        self._lgsp = account.options
        missing = [role for role in TOKEN_ROLES[self._lgsp.token_dialect] if not account.secret(role)]
        if missing:
            raise ValueError(f"secrets: token_dialect {self._lgsp.token_dialect} cần {', '.join(missing)}")

    def price(self, order: Order) -> Call:
        """The question for a price. Raises `CannotMap` for a place without a code, and where the LGSP offers none."""
        message = PriceAsk(
            weight=order.weight_g,
            main_service=self._lgsp.main_service,
            isreturn=self._lgsp.price_is_return,
            sender=self._priced_place(order.sender.place),
            receiver=self._priced_place(order.receiver.place),
        )
        return self._call("price", {}, msgspec.json.encode(message))

    def priced(self, answer: HttpAnswer) -> tuple[Price, ...] | Refused:
        """The one price that there is."""
        code, amount = _price_in(answer)
        if amount is None:
            return self._conclude("price", code, "").refused(code)
        return (Price(service=self._lgsp.main_service, name=_TITLE, amount=amount),)

    def token(self) -> Call:
        """The token, in the way that this LGSP wants it asked for."""
        match self._lgsp.token_dialect:
            case "bearer_key":
                header, body = f"Bearer {self._account.secret('token_key')}", b"grant_type=client_credentials"
            case "basic_key":
                header, body = f"Basic {self._account.secret('token_key')}", b""
            case "client_credentials":
                return super().token()
        return token_call({"Authorization": header}, body)

    def _call(self, verb: Verb, query: Mapping[str, str], body: bytes = b"") -> Call:
        service: str = getattr(self._lgsp.services, verb)
        if not service:
            raise CannotMap(f"Trục kết nối chưa cung cấp dịch vụ {_WANTED_VI[verb]} (options.services.{verb}).")
        headers = {"Accept": self._lgsp.accept, "Accept-Charset": "UTF-8"}
        if self._lgsp.service_code:
            headers["service-code"] = self._lgsp.service_code
        if not body:
            return Call("GET", "", headers, query={"service": service, **query})
        return Call("POST", "", {**headers, "Content-Type": JSON}, body, {"service": service, **query})

    def _priced_place(self, place: Place) -> PricePlace:
        province, district = codes_of(place, self._account.places)
        return PricePlace(prov_code=province, dist_code=district)


def _price_in(answer: HttpAnswer) -> tuple[str, int | None]:
    """The code of an answer, and its amount in whole đồng where it holds one."""
    refused = http_code(answer)
    if refused:
        return refused, None
    tree = object_of(answer.body)
    if tree is None:
        return UNREADABLE, None
    content = tree.get("content")
    said = content.get("price") if isinstance(content, dict) else None
    text = str(said).strip() if isinstance(said, str | int | float) and not isinstance(said, bool) else ""
    if not _AMOUNT.fullmatch(text):
        return (UNREADABLE if text else NONE), None
    return SUCCESS, int(Decimal(text).quantize(Decimal(1), ROUND_HALF_UP))
