"""A parcel in the words of the simulated donhang: the members of its answers and of `Data` in its notices (postal facts 4).

The members and their order are those of the verified vector of facts 4.4; what is not known is null, a number 0, a date
`0001-01-01T00:00:00`, as .NET writes them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from connectors.postal import simulator_wire as wire
from connectors.postal.simulator_parcels import Event, Happening, Parcel

NO_ID: Final = "00000000-0000-0000-0000-000000000000"
_NO_DATE = "0001-01-01T00:00:00"

_NULLS = (
    *("ItemCode", "CustomerId", "CustomerCode", "OrderCode", "ServiceId", "ServiceName", "SenderFullname"),
    *("SenderAddress", "SenderTel", "ReceiverFullname", "ReceiverAddress", "ReceiverTel", "SenderProvinceId"),
    *("SenderDistrictId", "ReceiverProvinceId", "ReceiverDistrictId", "ShipperTel", "OrderAmount", "FuelFreight"),
    *("RegionFreight", "FuelFreightEvaluation", "RegionFreightEvaluation", "PackageContent", "PickupType"),
    *("IsPackageViewable", "ValueAddedServiceList", "Opt", "AcceptancePoscode", "DestinationPoscode", "ToPOSCode"),
    *("CauseCode", "DeliveryNote", "CauseName", "InputTime", "SolutionName", "SolutionCode", "DeliveryTime"),
    *("BccpCreateTime", "BccpLastUpdateTime", "PaypostTracedate", "PaypostTransferDate", "CancelTime", "CancelNotes"),
    *("CancelStatus", "CancelStatusDesc", "SendingTime", "LastUpdateTime", "SenderWardId", "ReceiverWardId"),
    *("IsReceiverPayFreight", "DeliveryDateEvaluation", "WidthEvaluation", "LengthEvaluation", "HeightEvaluation"),
    *("WeightEvaluation", "ServiceDisplayName", "CustomerNote", "CodAmountEvaluation", "OrderAmountEvaluation"),
    *("OriginalCodAmountEvaluation", "OldCustomerCode", "OldAcceptancePoscode", "OldToPOSCode", "OldReceiverTel"),
    *("BatchCode", "CodAmountNotForBatch", "SenderAddressType", "ReceiverAddressType", "AdditionalDatas", "SoLanIn"),
)
_SUMS = (
    *("CodAmount", "TotalFreightExcludeVat", "TotalFreightIncludeVat", "VatFreight", "ShippingFreight", "VasFreight"),
    *("CodFreight", "TotalFreightExcludeVatEvaluation", "TotalFreightIncludeVatEvaluation", "VatFreightEvaluation"),
    *("ShippingFreightEvaluation", "VasFreightEvaluation", "CodFreightEvaluation", "Weight", "WeightConvert"),
    *("Width", "Length", "Height"),
)
_COUNTS = (
    *("OrderStatusId", "ShippingStatusId", "PaymentStatusId", "DeliveryID", "DeliveryTimes", "PaypostStatus"),
    "VendorId",
)
_EMPTY: Mapping[str, object] = {
    "Id": NO_ID,
    **dict.fromkeys(_NULLS),
    **dict.fromkeys(_COUNTS, 0),
    **dict.fromkeys(_SUMS, 0.0),
    "IsDeliverable": False,
    "IsReturn": False,
    "CreateTime": _NO_DATE,
}
_ECHOED = (
    *("SenderFullname", "SenderAddress", "SenderTel", "ReceiverFullname", "ReceiverAddress", "ReceiverTel"),
    *("SenderProvinceId", "SenderDistrictId", "SenderWardId", "ReceiverProvinceId", "ReceiverDistrictId"),
    *("ReceiverWardId", "ServiceName", "PackageContent", "PickupType", "IsPackageViewable", "CustomerNote"),
    *("WeightEvaluation", "ReceiverAddressType", "IsReceiverPayFreight", "CodAmountEvaluation"),
)
_TRIED = {Happening.DELIVERED, Happening.FAILED_ATTEMPT, Happening.RETURNED}
_BACK = {Happening.RETURNING, Happening.RETURNED}


def told(parcel: Parcel, event: Event, code: int) -> dict[str, object]:
    """What `Data` says of a parcel as it was at that event; `code` is its `OrderStatusId`."""
    until = [one for one in parcel.history if one.number <= event.number]
    tries = [one for one in until if one.happening in _TRIED]
    remitted = next((one for one in until if one.happening is Happening.COD_REMITTED), None)
    failed = event.happening is Happening.FAILED_ATTEMPT
    last = tries[-1] if tries else None
    said: dict[str, object] = {
        **_EMPTY,
        **{name: parcel.wire[name] for name in _ECHOED if name in parcel.wire},
        "Id": parcel.parcel_id,
        "ItemCode": parcel.item_code or None,
        "CustomerCode": parcel.wire.get("CustomerCode"),
        "OrderCode": parcel.number,
        "OrderStatusId": code,
        "CodAmount": float(parcel.cod_due if event.amount is None else event.amount),
        "TotalFreightIncludeVatEvaluation": float(str(parcel.wire.get("freight", 0))),
        "AcceptancePoscode": "100000",
        "DestinationPoscode": "700000",
        "ToPOSCode": event.pos_code or None,
        "DeliveryID": len(tries),
        "DeliveryTimes": event.attempts,
        "IsDeliverable": event.state is Happening.DELIVERED,
        "IsReturn": event.state in _BACK,
        "DeliveryTime": wire.slashed(last.at) if last is not None and event.state is not Happening.RETURNING else None,
        "DeliveryNote": event.note or None,
        "CreateTime": wire.plain(parcel.created_at),
        "LastUpdateTime": wire.slashed(event.at),
        "PaypostStatus": int(remitted is not None),
    }
    if failed:
        said |= {"CauseCode": "01", "CauseName": "Người nhận đi vắng", "SolutionCode": "02", "SolutionName": "Phát lại"}
    if remitted is not None:
        said |= {"PaypostTransferDate": wire.slashed(remitted.at), "PaypostTracedate": wire.slashed(remitted.at)}
    if event.happening is Happening.CANCELLED:
        said |= {"CancelTime": wire.slashed(event.at), "CancelStatus": "1", "CancelStatusDesc": "Đã hủy"}
    return said


def answered(parcel: Parcel, event: Event, code: int) -> dict[str, object]:
    """The same as the answer to an order or to a question."""
    warned = parcel.script.warnings
    return {
        **told(parcel, event, code),
        "IsSuccess": True,
        "Message": "",
        "IsCancelable": parcel.cancellable,
        "IsWarningTinhThanh": "province" in warned,
        "IsWarningQuanHuyen": "district" in warned,
        "IsWarningPhuongXa": "ward" in warned,
    }
