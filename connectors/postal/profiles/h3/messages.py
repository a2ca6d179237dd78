"""The wire types of h3: those of the adapter itself, and the price that only the LGSP offers (postal facts 3.3)."""

from __future__ import annotations

import msgspec

from connectors.postal.profiles._ngsp.messages import Embedded as Embedded
from connectors.postal.profiles._ngsp.messages import MDocument as MDocument
from connectors.postal.profiles._ngsp.messages import MOrder as MOrder
from connectors.postal.profiles._ngsp.messages import MProcedure as MProcedure
from connectors.postal.profiles._ngsp.messages import MTransceiver as MTransceiver
from connectors.postal.profiles._ngsp.messages import ObjectId as ObjectId
from connectors.postal.profiles._ngsp.messages import Said as Said
from connectors.postal.profiles._ngsp.messages import Tracked as Tracked
from connectors.postal.profiles._ngsp.messages import TrackingPage as TrackingPage


class _Wire(msgspec.Struct, frozen=True, kw_only=True):
    """A type of the wire; its `repr` says no value."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


class PricePlace(_Wire, frozen=True, kw_only=True, rename="camel"):
    """Where something comes from or goes to [code], in codes of the post."""

    prov_code: int
    dist_code: int


class PriceAsk(_Wire, frozen=True, kw_only=True):
    """What a parcel would cost [code]: `weight` in grams; what `isreturn` says is not known."""

    weight: int
    main_service: str = msgspec.field(name="mainSrv")
    isreturn: int
    sender: PricePlace
    receiver: PricePlace


class PriceContent(_Wire, frozen=True, kw_only=True):
    """A number as text [code], in đồng."""

    price: str


class PriceAnswer(_Wire, frozen=True, kw_only=True):
    """The answer [code]; a client takes an empty one for an error of its own (417)."""

    content: PriceContent | None = None
