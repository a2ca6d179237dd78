"""The dialect of donhang.vnpost.vn, pure: orders, questions, cancellations and prices made and read, notices verified.

Postal facts 4 and 9. Refusals come with HTTP 200 and `IsSuccess` false as well as with 4xx and plain text; what can be read
neither way may have happened. A notice counts when a key of the carrier signed its very text.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Final, cast, get_args

import msgspec
from msgspec import UNSET

from connectors.kit.contract import Notice, Reply
from connectors.kit.errors import CannotMap
from connectors.kit.granted import Made
from connectors.kit.http_answers import HttpAnswer
from connectors.postal.answers import Json, flag_of, moment_in, object_of, text_of, tree_of, whole_of, words_of
from connectors.postal.model import Contact, Direction, Order, Placed, Price
from connectors.postal.outcomes import Answered, Conclusion, Operation, load_outcomes
from connectors.postal.outward import outward
from connectors.postal.profiles.m1 import signing
from connectors.postal.profiles.m1.lists import MOST_LISTED, is_whole, listed_in
from connectors.postal.profiles.m1.messages import (
    CancelOrder,
    CreateOrder,
    FindOrders,
    PriceQuestion,
    Push,
    SignIn,
)
from connectors.postal.profiles.m1.options import DonhangOptions, PathName
from connectors.postal.profiles.m1.parcels import (
    NAME,
    Members,
    Told,
    id_of,
    is_ours,
    placed_of,
    sighting_of,
    sightings_of,
)
from connectors.postal.speaking import (
    Absent,
    Account,
    Call,
    CancelOutcome,
    CancelSaid,
    Dialogue,
    Heard,
    Refused,
    Sighting,
)
from mappings.carrier_places import CarrierPlace
from mappings.places import UnknownPlace
from mappings.text import nfc, shorten

READ_S: Final = 30.0
_MOST_NOTICE: Final = 1_048_576
_LONGEST_TEL: Final = 50
_LONGEST_WORDS: Final = 500
_STATUSES: Final = {"taken": 200, "bad_signature": 401, "malformed": 400, "replayed": 409, "refused_source": 403}
_CANCEL_CODES: Final = {"10": "cancelled", "60": "cancelled", "62": "cancelled", "61": "requested"}
_OUTCOMES: Final = frozenset(get_args(CancelOutcome))
_KEPT_KINDS: Final = frozenset({"busy", "auth", "configuration"})


def opened(account: Account) -> Dialogue:
    """The dialect with an account. Raises `ValueError` for keys that are none and for secrets that the options miss."""
    if not isinstance(account.options, DonhangOptions):
        raise TypeError("DonhangOptions")
    wanted = ("token",) if account.options.auth == "static" else ("username", "password")
    missing = [role for role in wanted if not account.secret(role)]
    if missing:
        raise ValueError(f"secrets: auth = {account.options.auth} cần {', '.join(missing)}")
    return Donhang(account) if account.options.auth == "static" else DonhangSignedIn(account)


class Donhang:
    """The dialect with an account whose token was handed over once; see `connectors.postal.speaking`.

    A Dialogue that `Finds`, `Prices` and `Hears`.
    """

    def __init__(self, account: Account) -> None:
        """Raises `ValueError` for a public key that is none, `TypeError` for options of another dialect."""
        if not isinstance(account.options, DonhangOptions):
            raise TypeError("DonhangOptions")
        self._account, self._options = account, account.options
        self._keys = tuple(signing.public_key(text, self._options.fewest_key_bits) for text in account.public_keys)

    def place(self, order: Order) -> Call:
        """The order under our number. Raises `CannotMap` for a place without a code and a number that nobody can dial."""
        sender, receiver = self._party(order.sender), self._party(order.receiver)
        options = self._options
        collect = order.direction is Direction.COLLECT
        message = CreateOrder(
            SenderFullname=sender.name,
            SenderTel=sender.tel,
            SenderAddress=sender.address,
            SenderProvinceId=sender.province,
            SenderDistrictId=sender.district,
            SenderWardId=sender.ward,
            ReceiverFullname=receiver.name,
            ReceiverTel=receiver.tel,
            ReceiverAddress=receiver.address,
            ReceiverProvinceId=receiver.province,
            ReceiverDistrictId=receiver.district,
            ReceiverWardId=receiver.ward,
            ReceiverAddressType=_OFFICE if collect else _HOME,
            ServiceName=order.service or options.service,
            OrderCode=order.order_number,
            PackageContent=_words(order.contents),
            WeightEvaluation=order.weight_g,
            WidthEvaluation=None,
            LengthEvaluation=None,
            HeightEvaluation=None,
            CodAmountEvaluation=order.cod_amount,
            OrderAmountEvaluation=0,
            IsPackageViewable=False,
            PickupType=1 if collect else options.pickup,
            IsReceiverPayFreight=False,
            CustomerNote=_words(order.note),
            UseBaoPhat=options.use_bao_phat,
            UseHoaDon=False,
            UseNhanTinSmsNguoiNhanTruocPhat=options.sms_before,
            UseNhanTinSmsNguoiNhanSauPhat=options.sms_after,
            CustomerCode=self._account.customer if options.account == "partner" else UNSET,
            PickupPoscode=options.pickup_poscode or UNSET,
        )
        return self._call("order", message)

    def placed(self, order: Order, answer: HttpAnswer) -> Placed | Refused:
        """The carrier's id and what it made of the address; an answer about another order is no answer."""
        parcel = object_of(answer.body) if _good(answer) else None
        code = "unreadable"
        if not _good(answer):
            code = f"http-{answer.status}"
        elif parcel is not None and flag_of(parcel, "IsSuccess") is False:
            code = "refused"
        elif parcel is not None and id_of(parcel):
            code = "ok" if text_of(parcel, "OrderCode") in ("", order.order_number) else "other-order"
        conclusion = self._conclude("order", code, answer)
        if conclusion.means not in ("done", "duplicate"):
            return conclusion.refused(code)
        return placed_of(parcel or {}, duplicate=conclusion.means == "duplicate")

    def cancel(self, order: Order) -> Call:
        """The call with the carrier's own id. Raises `CannotMap` where we do not have it."""
        if not order.carrier_ref:
            raise CannotMap("Chưa biết mã đơn (Id) của bưu điện nên chưa gửi được yêu cầu hủy.")
        if self._options.cancel_by == "body":
            return self._call("cancel", CancelOrder(OrderId=order.carrier_ref))
        call = self._call("cancel", {})
        return replace(call, query={"orderId": order.carrier_ref})

    def cancelled(self, order: Order, answer: HttpAnswer) -> CancelSaid | Refused:
        """What became of it: the carrier's own status where the answer bears one."""
        said = object_of(answer.body) if _good(answer) else None
        code = self._options.cancel_answer if _good(answer) else f"http-{answer.status}"
        if said is None and _good(answer) and answer.body.strip() not in (b"", b"true", b"null"):
            code = "unreadable"
        elif said is not None:
            code = _CANCEL_CODES.get(text_of(said, "OrderStatusId"), code)
            if flag_of(said, "IsSuccess") is False:
                code = "too_late" if flag_of(said, "IsCancelable") is False else "refused"
        conclusion = self._conclude("cancel", code, answer)
        if conclusion.means in _KEPT_KINDS:
            return conclusion.refused(code)
        return CancelSaid(cast(CancelOutcome, conclusion.means) if conclusion.means in _OUTCOMES else "in_doubt", code)

    def find(self, order: Order) -> Call:
        """The question, by our number and by the item code where there is one."""
        named = [code for code in (order.order_number, order.item_code) if code]
        return self._call("find", FindOrders(PageSize=MOST_LISTED, ListItemCode=named))

    def found(self, order: Order, answer: HttpAnswer) -> tuple[Placed, tuple[Sighting, ...]] | Absent | Refused:
        """The parcel of that number; a full list that lacks it says that there is none, anything else says nothing."""
        tree = tree_of(answer.body) if _good(answer) else None
        listed = listed_in(tree)
        if listed is None:
            code = "unreadable" if _good(answer) else f"http-{answer.status}"
            return self._conclude("find", code, answer).refused(code)
        parcel = self._chosen(listed, order)
        if parcel is None:
            # A list that does not know numbers of ours, or that was cut, proves nothing: a parcel must never be doubled.
            certain = self._options.finds_order_codes and is_whole(tree, listed, order.order_number)
            return Absent() if certain else self._conclude("find", "uncertain", answer).refused("uncertain")
        told = Told("query", self._account.now(), evidence=hashlib.sha256(answer.body).hexdigest())
        return placed_of(parcel), sightings_of(parcel, self._account, self._options, told)

    def price(self, order: Order) -> Call:
        """What each service would cost. Raises `CannotMap` for a place without a code."""
        sender, receiver = self._codes(order.sender), self._codes(order.receiver)
        message = PriceQuestion(
            SenderProvinceId=sender.province,
            SenderDistrictId=sender.district,
            ReceiverProvinceId=receiver.province,
            ReceiverDistrictId=receiver.district,
            Weight=order.weight_g,
            Width=0,
            Length=0,
            Height=0,
            CodAmount=order.cod_amount,
            OrderAmount=0,
            IsReceiverPayFreight=False,
            UseBaoPhat=self._options.use_bao_phat,
            UseHoaDon=False,
            UseNhanTinSmsNguoiNhanTruocPhat=self._options.sms_before,
            UseNhanTinSmsNguoiNhanSauPhat=self._options.sms_after,
            CustomerCode=self._account.customer if self._options.account == "partner" else UNSET,
        )
        return self._call("price", message)

    def priced(self, answer: HttpAnswer) -> tuple[Price, ...] | Refused:
        """Every service with a price; one without is not offered on that way."""
        tree = tree_of(answer.body) if _good(answer) else None
        listed = listed_in(tree)
        code = "unreadable"
        prices: tuple[Price, ...] = ()
        if not _good(answer):
            code = f"http-{answer.status}"
        elif listed is not None:
            prices = tuple(sorted(_prices(listed), key=lambda one: (one.amount, one.service)))
            code = "ok" if prices else "none"
        elif isinstance(tree, dict) and flag_of(tree, "IsSuccess") is False:
            code = "refused"
        conclusion = self._conclude("price", code, answer)
        return prices if conclusion.means == "done" else conclusion.refused(code)

    def hear(self, notice: Notice) -> Heard:
        """A notice, by its signature. `fresh` False: it was sent outside the window, so only news of it count."""
        envelope = object_of(notice.body, _MOST_NOTICE)
        try:
            push = msgspec.convert(envelope, Push) if envelope is not None else None
        except msgspec.ValidationError:
            push = None
        if push is None:
            return Heard("malformed")
        if not signing.is_signed(self._keys, push.Data, push.SendDate, push.SignData):
            return Heard("bad_signature")
        parcel, sent_at = object_of(push.Data, _MOST_NOTICE), moment_in(push.SendDate, self._options.times)
        if parcel is None or sent_at is None:
            return Heard("malformed")
        now = self._account.now()
        told = Told("webhook", now, sent_at, hashlib.sha256(push.Data.encode()).hexdigest())
        seen = sighting_of(parcel, self._account, self._options, told)
        fresh = abs(now - sent_at) <= timedelta(seconds=self._options.replay_window_s)
        return Heard("taken", (seen,) if seen is not None else (), fresh=fresh)

    def acknowledge(self, heard: Heard) -> Reply:
        """Any 200 is enough (postal facts 9); a refusal has its status and no words."""
        return Reply(_STATUSES[heard.ack])

    def _chosen(self, listed: list[dict[str, Json]], order: Order) -> Members | None:
        """The parcel of that order: the one whose id we know, else one that was not taken back, the latest of the list."""
        mine = [
            one for one in listed if text_of(one, "OrderCode") == order.order_number and is_ours(one, self._account)
        ]
        known = [one for one in mine if order.carrier_ref and id_of(one) == order.carrier_ref]
        alive = [one for one in mine if _CANCEL_CODES.get(text_of(one, "OrderStatusId")) != "cancelled"]
        return next(iter(reversed(known or alive or mine)), None)

    def _party(self, contact: Contact) -> _Party:
        """A side of the order. Raises `CannotMap`."""
        tel = "".join(contact.phone.split())
        if not tel or len(tel) > _LONGEST_TEL:
            raise CannotMap("Số điện thoại của bên gửi hoặc bên nhận trống hoặc dài hơn 50 ký tự.")
        place = self._codes(contact)
        address = _words(contact.place.text)
        return _Party(_words(contact.name), tel, address, place.province, place.district, place.ward)

    def _codes(self, contact: Contact) -> CarrierPlace:
        """Province, district and ward in the carrier's codes; its default where there is no such code (facts 8.3)."""
        try:
            place = outward(contact.place, self._account.places)
        except UnknownPlace:
            raise CannotMap("Mã tỉnh của bên gửi hoặc bên nhận không có trong danh mục hành chính.") from None
        options = self._options
        return replace(
            place, district=place.district or options.unknown_district, ward=place.ward or options.unknown_ward
        )

    def _conclude(self, operation: Operation, code: str, answer: HttpAnswer) -> Conclusion:
        answered = Answered(operation, code, _message(answer))
        return load_outcomes(NAME).conclude(answered, self._account.now())

    def _call(self, name: PathName, message: object) -> Call:
        call = Call("POST", self._options.path(name), dict(_HEADERS), msgspec.json.encode(message), read_s=READ_S)
        return self._bearing(call)

    def _bearing(self, call: Call) -> Call:
        """The call with the token that was handed over."""
        return replace(call, headers={**call.headers, _TOKEN: self._account.secret("token")})


class DonhangSignedIn(Donhang):
    """The same where the token is fetched with a name and a password: a dialogue with `Tokens`."""

    def token(self) -> Call:
        """The call for a token."""
        account = SignIn(TenDangNhap=self._account.secret("username"), MatKhau=self._account.secret("password"))
        path = self._options.path("token")
        return Call("POST", path, dict(_HEADERS), msgspec.json.encode(account), read_s=READ_S, authorised=False)

    def granted(self, answer: HttpAnswer) -> Made | None:
        """The token; how long it lives the carrier does not say (`token_life_s`)."""
        said = object_of(answer.body) if _good(answer) else None
        if said is None or flag_of(said, "IsSuccess") is False:
            return None
        token = text_of(said, "Token")
        fit = token.isascii() and token.isprintable() and " " not in token and 0 < len(token) <= 8_192
        return Made(token, float(self._options.token_life_s)) if fit else None

    def authorised(self, call: Call, token: str) -> Call:
        """The call with its token."""
        return replace(call, headers={**call.headers, _TOKEN: token})

    def _bearing(self, call: Call) -> Call:
        return call


_TOKEN: Final = "h-token"
_HEADERS: Final = {"Content-Type": "application/json; charset=utf-8", "Accept": "application/json"}
_HOME, _OFFICE = 1, 2


class _Party(msgspec.Struct, frozen=True):
    """A side of the order in the carrier's words."""

    name: str
    tel: str
    address: str
    province: str
    district: str
    ward: str

    def __repr__(self) -> str:
        return "_Party(...)"


def _words(text: str) -> str:
    """A text for people at the carrier: in NFC, on one line, cut to what fits."""
    return shorten(" ".join(nfc(text).split()), _LONGEST_WORDS, _LONGEST_WORDS - 3)


def _good(answer: HttpAnswer) -> bool:
    return 200 <= answer.status < 300


def _message(answer: HttpAnswer) -> str:
    """The carrier's own sentence: a member of its answer, or the answer itself, which may be plain text."""
    said = object_of(answer.body)
    if said is not None:
        return words_of(said, "Message") or words_of(said, "message")
    tree = tree_of(answer.body)
    text = tree if isinstance(tree, str) else answer.body[:2_000].decode("utf-8", "replace")
    return words_of({"Message": text}, "Message")


def _prices(listed: list[dict[str, Json]]) -> Iterator[Price]:
    for one in listed:
        amount, service = whole_of(one, "TongCuocSauVAT"), text_of(one, "MaDichVu")
        if amount and service:
            yield Price(service=service, name=words_of(one, "TenDichVu") or service, amount=amount)
