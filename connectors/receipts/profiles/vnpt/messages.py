"""The messages of the receipt service, fields named as it names them (payment facts 7.2; VNPT style, namespace tempuri.org).

Arguments, operations and error codes are [code]; the inside of `xmlInvData` is what clients of the same service write for
invoices, [assumed] to hold for receipts.
"""

from __future__ import annotations

import msgspec

PUBLISH = "ImportAndPublishInv"
"""PublishService.asmx: issue, once for each key."""
FETCH = "downloadInvFkeyNoPay"
"""PortalService.asmx: what was issued under a key, as XML."""
FETCH_PDF = "downloadInvPDFFkeyNoPay"
"""PortalService.asmx: the same as PDF, base64."""


class Product(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a receipt: what was collected. `VATRate` -1: no value added tax [assumed]."""

    Code: str
    ProdName: str
    ProdUnit: str
    ProdQuantity: int
    ProdPrice: int
    Amount: int


class Invoice(msgspec.Struct, frozen=True, kw_only=True):
    """One receipt. `ArisingDate` dd/MM/yyyy in Viet Nam; amounts in whole đồng; `Extra` is the code of the dossier [assumed]."""

    CusCode: str
    CusName: str
    CusAddress: str
    PaymentMethod: str
    Products: tuple[Product, ...]
    Total: int
    VATRate: int
    VATAmount: int
    Amount: int
    AmountInWords: str
    ArisingDate: str
    CurrencyUnit: str
    ComName: str
    ComTaxCode: str
    Extra: str
    Extra1: str

    def __repr__(self) -> str:
        """Nothing of the payer."""
        return "Invoice()"


class Inv(msgspec.Struct, frozen=True, kw_only=True):
    """A receipt under its key (`fkey`): asked twice, issued once."""

    key: str
    Invoice: Invoice


class Issued(msgspec.Struct, frozen=True, kw_only=True):
    """What the service says of one that it issued: `OK:pattern;serial-fkey_number`, or the members of the XML of the same names.

    `amount` is there only when it was fetched; None where the answer does not say.
    """

    pattern: str
    serial: str
    fkey: str
    number: str
    amount: int | None = None
