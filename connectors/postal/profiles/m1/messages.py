"""Wire types of donhang.vnpost.vn, named as the wire names them (postal facts 4). Amounts in đồng, weights in grams, sizes in cm.

Numbers come with a point (`150000.0`) and any member may be null or of another type than here; whoever reads an answer takes
its members one by one (`connectors.postal.answers`). Times are `yyyy-MM-ddTHH:mm:ss` or `dd/MM/yyyy HH:mm:ss` without a zone.
"""

from __future__ import annotations

import msgspec
from msgspec import UNSET, UnsetType

Number = int | float | None


class _Message(msgspec.Struct, frozen=True, kw_only=True):
    """A message. It may name people and hold a token, so that nothing of it is ever printed."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


class SignIn(_Message, frozen=True, kw_only=True):
    """`MobileAuthentication/GetAccessToken` [code IDX]."""

    TenDangNhap: str
    MatKhau: str


class SignedIn(_Message, frozen=True, kw_only=True):
    """Its answer [code IDX]: the token that stands in the header `h-token` of every call."""

    IsSuccess: bool | None = None
    Token: str | None = None
    Payload: dict[str, object] | UnsetType = UNSET


class CreateOrder(_Message, frozen=True, kw_only=True):
    """`CustomerConnect/CreateOrder`, `doitac/createorder` (needs `CustomerCode`) [code MMM, IDX]. `OrderCode` is ours.

    `ReceiverAddressType` 1 home, 2 office; `PickupType` 1 the postman comes, 2 the sender brings it; `UseBaoPhat` asks for the
    slip that proves delivery.
    """

    SenderFullname: str
    SenderTel: str
    SenderAddress: str
    SenderProvinceId: str
    SenderDistrictId: str
    SenderWardId: str
    ReceiverFullname: str
    ReceiverTel: str
    ReceiverAddress: str
    ReceiverProvinceId: str
    ReceiverDistrictId: str
    ReceiverWardId: str
    ReceiverAddressType: int | None
    ServiceName: str
    OrderCode: str
    PackageContent: str
    WeightEvaluation: int
    WidthEvaluation: int | None
    LengthEvaluation: int | None
    HeightEvaluation: int | None
    CodAmountEvaluation: int
    OrderAmountEvaluation: int
    IsPackageViewable: bool
    PickupType: int
    IsReceiverPayFreight: bool
    CustomerNote: str
    UseBaoPhat: bool
    UseHoaDon: bool
    UseNhanTinSmsNguoiNhanTruocPhat: bool
    UseNhanTinSmsNguoiNhanSauPhat: bool
    CustomerCode: str | UnsetType = UNSET
    PickupPoscode: str | UnsetType = UNSET


class Parcel(_Message, frozen=True, kw_only=True, omit_defaults=True):
    """A parcel as donhang tells of it: the answer to an order, an entry of a list, and `Data` of a notice [code MMM].

    `Id` is needed to cancel; `OrderStatusId` stands in statuses.csv; `PaypostTransferDate` is when the cash was paid over;
    `IsWarning*` name the parts of an address that did not resolve. `0001-01-01T00:00:00` is no date.
    """

    Id: str | None = None
    ItemCode: str | None = None
    CustomerCode: str | None = None
    OrderCode: str | None = None
    OrderStatusId: int | None = None
    ShippingStatusId: int | None = None
    PaymentStatusId: int | None = None
    ServiceName: str | None = None
    SenderFullname: str | None = None
    SenderAddress: str | None = None
    SenderTel: str | None = None
    ReceiverFullname: str | None = None
    ReceiverAddress: str | None = None
    ReceiverTel: str | None = None
    CodAmount: Number = None
    CodAmountEvaluation: Number = None
    TotalFreightIncludeVat: Number = None
    TotalFreightIncludeVatEvaluation: Number = None
    Weight: Number = None
    AcceptancePoscode: str | None = None
    DestinationPoscode: str | None = None
    ToPOSCode: str | None = None
    DeliveryID: int | None = None
    DeliveryTimes: int | None = None
    DeliveryTime: str | None = None
    DeliveryNote: str | None = None
    IsDeliverable: bool | None = None
    IsReturn: bool | None = None
    CauseCode: str | None = None
    CauseName: str | None = None
    SolutionCode: str | None = None
    SolutionName: str | None = None
    InputTime: str | None = None
    SendingTime: str | None = None
    BccpCreateTime: str | None = None
    BccpLastUpdateTime: str | None = None
    PaypostTracedate: str | None = None
    PaypostTransferDate: str | None = None
    PaypostStatus: int | None = None
    CancelTime: str | None = None
    CancelNotes: str | None = None
    CancelStatus: str | int | None = None
    CancelStatusDesc: str | None = None
    CreateTime: str | None = None
    LastUpdateTime: str | None = None
    IsCancelable: bool | None = None
    IsSuccess: bool | None = None
    Message: str | None = None
    IsWarningTinhThanh: bool | None = None
    IsWarningQuanHuyen: bool | None = None
    IsWarningPhuongXa: bool | None = None


Parcels = list[Parcel]
"""The answer to `FindOrders` [assumed]: every parcel that was named."""


class CancelOrder(_Message, frozen=True, kw_only=True):
    """`CustomerConnect/CancelOrder`, answered by 204 [code IDX]. `OrderId` is the carrier's `Id`, not our number."""

    OrderId: str


class FindOrders(_Message, frozen=True, kw_only=True):
    """`Order/GetListOrderByManagerWithCustomCode` [code MMM]; that it finds our own number is assumed of its name."""

    PageSize: int
    ListItemCode: list[str]


class PriceQuestion(_Message, frozen=True, kw_only=True):
    """`CustomerConnect/TinhCuocTatCaDichVu`, `DoiTac/TinhCuocTatCaDichVu` [code IDX]: what every service would cost."""

    SenderProvinceId: str
    SenderDistrictId: str
    ReceiverProvinceId: str
    ReceiverDistrictId: str
    Weight: int
    Width: int
    Length: int
    Height: int
    CodAmount: int
    OrderAmount: int
    IsReceiverPayFreight: bool
    UseBaoPhat: bool
    UseHoaDon: bool
    UseNhanTinSmsNguoiNhanTruocPhat: bool
    UseNhanTinSmsNguoiNhanSauPhat: bool
    CustomerCode: str | UnsetType = UNSET


class ServicePrice(_Message, frozen=True, kw_only=True, omit_defaults=True):
    """An entry of its answer [code IDX]; `TenDichVu` [assumed]. The amount is with VAT."""

    MaDichVu: str | None = None
    TongCuocSauVAT: Number = None
    TenDichVu: str | None = None


ServicePrices = list[ServicePrice]
"""The answer to `PriceQuestion` [code IDX]."""


class Push(_Message, frozen=True, kw_only=True):
    """A notice [code MMM; recomputed in postal facts 4.4]: `Data` is JSON text, signed together with `SendDate` as received."""

    Data: str
    SendDate: str
    SignData: str
