"""The messages of the NGSP adapter, named as its SDK names them (postal facts 2.3 to 2.5 [code]).

Nulls are written, not left out. Money is a double on the wire that carries whole đồng; codes of places are whole numbers.
"""

from __future__ import annotations

import msgspec


class _Wire(msgspec.Struct, frozen=True, kw_only=True):
    """A type of the wire; its `repr` says no value, since orders name persons."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


class MOrder(_Wire, frozen=True, kw_only=True):
    """`order/post` [code]: seventeen members, among them no ward, no weight, no service and no key against repeats.

    `OrderNumber` is ours, one for each parcel of a customer. `CODAmount` is what the postman collects.
    """

    CustomerCode: str
    OrderNumber: str
    CODAmount: int
    SenderProvince: int
    SenderDistrict: int
    SenderAddress: str
    SenderName: str
    SenderEmail: str | None
    SenderTel: str
    SenderDesc: str | None
    Description: str | None
    ReceiverName: str
    ReceiverAddress: str
    ReceiverTel: str
    ReceiverProvince: int
    ReceiverDistrict: int
    ReceiverEmail: str | None


class Said(_Wire, frozen=True, kw_only=True):
    """The answer to an order, a cancellation and a registration [code]; no source lists its values."""

    Status: int
    Message: str | None = None


class MProcedure(_Wire, frozen=True, kw_only=True):
    """What a dossier is for [code]; `Elements` are its papers, joined with commas."""

    Code: str
    Title: str
    Category: str
    Elements: str


class MTransceiver(_Wire, frozen=True, kw_only=True):
    """Who sends papers or receives the result [code]."""

    Name: str
    Phone: str
    ProvinceCode: int
    ProvinceTitle: str
    DistrictCode: int
    DistrictTitle: str
    Address: str
    Email: str | None


class MDocument(_Wire, frozen=True, kw_only=True):
    """`document/post` [code]: a dossier with both ways that it may go by post. Of `State` only the sample 1 is known."""

    CustomerCode: str
    OrderNumber: str
    Procedure: MProcedure
    IsSendDocument: bool
    DocumentSender: MTransceiver | None
    IsReceiveResult: bool
    ResultReceiver: MTransceiver | None
    State: int


class ObjectId(_Wire, frozen=True, kw_only=True):
    """The id of a record: 24 hex digits, the first 8 its second where it is a standard one [assumed]."""

    oid: str = msgspec.field(name="$oid")


class Tracked(_Wire, frozen=True, kw_only=True):
    """One scan of the feed [code]. The unit of `EventTime` is not known; of `StatusCode` only 4 (delivered)."""

    id: ObjectId = msgspec.field(name="_id")
    CustomerCode: str
    OrderNumber: str
    EventTime: int
    POSID: str | None = None
    ItemCode: str | None = None
    StatusCode: int
    StatusMessage: str | None = None
    Notes: str | None = None


class Embedded(_Wire, frozen=True, kw_only=True, omit_defaults=True):
    """What a page holds [code]."""

    docs: tuple[Tracked, ...] = msgspec.field(name="rh:doc", default=())


class TrackingPage(_Wire, frozen=True, kw_only=True, omit_defaults=True):
    """`order/tracking` [code]: HAL over a document store. Nothing embedded: nothing new."""

    size: int = msgspec.field(name="_size")
    total_pages: int = msgspec.field(name="_total_pages")
    returned: int = msgspec.field(name="_returned")
    embedded: Embedded | None = msgspec.field(name="_embedded", default=None)
