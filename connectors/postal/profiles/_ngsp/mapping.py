"""Orders, cancellations, registrations and pages of the NGSP adapter, pure: h2 and h3 differ in how a call is addressed.

Postal facts 2 and 9. What nobody could confirm is an option; what an answer means stands in the outcomes.csv of the dialect.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final, Literal

import msgspec

from connectors.kit.errors import CannotMap
from connectors.kit.granted import Made
from connectors.kit.granted import granted as granted_token
from connectors.kit.http_answers import HttpAnswer
from connectors.postal.model import Contact, Direction, Order, Placed
from connectors.postal.outcomes import Answered, Conclusion, Operation, load_outcomes, shown
from connectors.postal.profiles._ngsp.answers import SUCCESS, http_code, said
from connectors.postal.profiles._ngsp.feed import MOST, NotAPage, Reader
from connectors.postal.profiles._ngsp.messages import MDocument, MOrder, MProcedure, MTransceiver
from connectors.postal.profiles._ngsp.options import NgspOptions
from connectors.postal.profiles._ngsp.places import codes_of, title_of
from connectors.postal.speaking import Account, Call, CancelSaid, Fed, Refused
from connectors.postal.statuses import load_statuses
from mappings.carrier_places import PlaceCodes
from mappings.text import nfc

Verb = Literal["order", "cancel", "tracking", "document", "price"]
"""What the adapter is asked for; each dialect says where."""

FORM: Final = "application/x-www-form-urlencoded"
JSON: Final = "application/json"

_TOKEN_LIFE_S = 3600.0
_TOKEN_SHARE = 0.8  # of its life a token is used: postal facts 2.1


class Ngsp(ABC):
    """The adapter with an account; see `connectors.postal.speaking.Dialogue`, and `Tokens`, `Feeds`, `Registers` there."""

    def __init__(self, account: Account, profile: str, options: NgspOptions) -> None:
        self._account, self._options = account, options
        self._outcomes, self._statuses = load_outcomes(profile), load_statuses(profile)
        self._reader = Reader(f"{account.name}-{profile}", account.customer, options, self._meaning)

    @abstractmethod
    def _call(self, verb: Verb, query: Mapping[str, str], body: bytes = b"") -> Call:
        """The call for a verb: GET without a body, else POST of JSON."""

    def place(self, order: Order) -> Call:
        """`order/post`. Raises `CannotMap` for a place without a code of the post, and for what an order must name."""
        sender, receiver = self._sender(order), self._receiver(order)
        message = MOrder(
            CustomerCode=self._account.customer,
            OrderNumber=order.order_number,
            CODAmount=order.cod_amount,
            SenderProvince=sender.ProvinceCode,
            SenderDistrict=sender.DistrictCode,
            SenderAddress=sender.Address,
            SenderName=sender.Name,
            SenderEmail=sender.Email,
            SenderTel=sender.Phone,
            SenderDesc=nfc(order.contents) or None,
            Description=nfc(order.note) or _described(order),
            ReceiverName=receiver.Name,
            ReceiverAddress=receiver.Address,
            ReceiverTel=receiver.Phone,
            ReceiverProvince=receiver.ProvinceCode,
            ReceiverDistrict=receiver.DistrictCode,
            ReceiverEmail=receiver.Email,
        )
        return self._call("order", {}, msgspec.json.encode(message))

    def placed(self, order: Order, answer: HttpAnswer) -> Placed | Refused:
        """Done, had already, or refused as the table says."""
        return self._done("order", answer)

    def cancel(self, order: Order) -> Call:
        """`order/cancel`: a GET with an effect (sic, postal facts 2.2)."""
        return self._call("cancel", {"CustomerCode": self._account.customer, "OrderNumber": order.order_number})

    def cancelled(self, order: Order, answer: HttpAnswer) -> CancelSaid | Refused:
        """What became of it; whatever cannot be told is looked for in the history."""
        conclusion, code = self._concluded("cancel", answer)
        match conclusion.means:
            case "business":
                return CancelSaid("refused", code)
            case "busy" | "auth" | "configuration":
                return conclusion.refused(code)
            case "cancelled":
                return CancelSaid(self._options.cancel_means, code)
            case "requested" | "too_late" | "refused" | "unknown_order" as outcome:
                return CancelSaid(outcome, code)
            case _:
                return CancelSaid("in_doubt", code)

    def register(self, order: Order, procedure: tuple[str, str], components: Sequence[str]) -> Call:
        """`document/post`: the dossier, and which of its two ways goes by post. Raises `CannotMap` as `place` does."""
        collected = order.direction is Direction.COLLECT
        code, title = procedure
        message = MDocument(
            CustomerCode=self._account.customer,
            OrderNumber=order.dossier_code,
            Procedure=MProcedure(Code=code, Title=nfc(title), Category="", Elements=nfc(", ".join(components))),
            IsSendDocument=collected,
            DocumentSender=self._sender(order) if collected else None,
            IsReceiveResult=not collected,
            ResultReceiver=None if collected else self._receiver(order),
            State=self._options.document_state,
        )
        return self._call("document", {}, msgspec.json.encode(message))

    def registered(self, order: Order, answer: HttpAnswer) -> Placed | Refused:
        """As for an order."""
        return self._done("register", answer)

    def feed(self, cursor: str, page_size: int) -> Call:
        """`order/tracking` after the cursor; 24 zeros at the very start [code], unless it is followed from a day on."""
        return self._call("tracking", {"pagesize": str(min(page_size, MOST)), "lastId": cursor or self._reader.start})

    def fed(self, cursor: str, answer: HttpAnswer) -> Fed | Refused:
        """The page, or why the feed cannot be gone on from here; its cursor stays then."""
        code = http_code(answer)
        if not code:
            try:
                return self._reader.read(answer.body, cursor, self._account.now())
            except NotAPage as fault:
                code = fault.code
        return self._conclude("feed", code, "").refused(code)

    def token(self) -> Call:
        """Client credentials, the account in the header (RFC 6749, 4.4; postal facts 2.1)."""
        pair = f"{self._account.secret('consumer_key')}:{self._account.secret('consumer_secret')}"
        basic = b64encode(pair.encode()).decode("ascii")
        return token_call({"Authorization": f"Basic {basic}"}, b"grant_type=client_credentials")

    def granted(self, answer: HttpAnswer) -> Made | None:
        """The token, kept for 80 % of its life; seconds, whatever a client's comment calls them (postal facts 2.1)."""
        made = granted_token(answer.body, _TOKEN_LIFE_S, 0)
        return None if made is None else Made(made.value, max(1.0, made.ttl_s * _TOKEN_SHARE))

    def authorised(self, call: Call, token: str) -> Call:
        """The call with its token."""
        return replace(call, headers={**call.headers, "Authorization": f"Bearer {token}"})

    def _sender(self, order: Order) -> MTransceiver:
        return _party(order.sender, "người gửi", self._account.places)

    def _receiver(self, order: Order) -> MTransceiver:
        return _party(order.receiver, "người nhận", self._account.places)

    def _done(self, operation: Operation, answer: HttpAnswer) -> Placed | Refused:
        conclusion, code = self._concluded(operation, answer)
        if conclusion.means in ("done", "duplicate"):
            return Placed(duplicate=conclusion.means == "duplicate", code=code)
        return conclusion.refused(code)

    def _concluded(self, operation: Operation, answer: HttpAnswer) -> tuple[Conclusion, str]:
        bare = self._options.without_status == "success"
        code, sentence = said(answer, self._options.success_status, bare_is_success=bare)
        return self._conclude(operation, code, sentence), "" if code == SUCCESS else shown(code)

    def _conclude(self, operation: Operation, code: str, sentence: str) -> Conclusion:
        return self._outcomes.conclude(Answered(operation, code, sentence), self._account.now())

    def _meaning(self, code: str, at: datetime) -> str:
        return self._statuses.meaning(code, at, self._account.statuses)


def token_call(headers: Mapping[str, str], body: bytes) -> Call:
    """A call for a token; the type of the body is said as it should be, though the SDK misspells its header."""
    typed = {"Content-Type": FORM} if body else {}
    return Call("POST", "", {**typed, "Accept": JSON, **headers}, body, token_url=True, authorised=False)


def _party(contact: Contact, who: str, codes: PlaceCodes) -> MTransceiver:
    """Somebody in the adapter's words. Raises `CannotMap` that names what is missing, never the person."""
    needed = {"họ tên": contact.name, "địa chỉ": contact.place.text, "số điện thoại": contact.phone}
    missing = [title for title, value in needed.items() if not value.strip()]
    if missing:
        raise CannotMap(f"Vận đơn bưu điện còn thiếu {', '.join(missing)} của {who}.")
    province, district = codes_of(contact.place, codes)
    return MTransceiver(
        Name=nfc(contact.name.strip()),
        Phone=contact.phone.strip(),
        ProvinceCode=province,
        ProvinceTitle=title_of(contact.place),
        DistrictCode=district,
        DistrictTitle="",
        Address=nfc(contact.place.text.strip()),
        Email=contact.email.strip() or None,
    )


def _described(order: Order) -> str:
    """What the parcel is for, where nobody said it (postal facts 7)."""
    verb = "Thu gom" if order.direction is Direction.COLLECT else "Trả kết quả"
    return f"{verb} hồ sơ {order.dossier_code}"
