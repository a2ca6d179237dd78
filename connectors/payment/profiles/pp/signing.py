"""What PP and we sign, and in which order (payment facts 3.1): lower-case SHA-256 of the values and the secret, piped.

In CONFIRM the time stands before the text, in INIT after it. No field but the last may hold a pipe: then the joined text has
one reading only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from connectors.payment.canonical import Algorithm, Place, Recipe

PIPE: Final = "|"


def recipe_of(names: Sequence[str]) -> Recipe:
    """The recipe over the values of `names`, as the configuration may name them for answers (payment facts 9)."""
    return Recipe(Algorithm.SHA_256, names=tuple(names), separator=PIPE, place=Place.SUFFIX)


INIT: Final = recipe_of(
    (
        *("LoaiBanTin", "PhienBan", "MaDoiTac", "MaThamChieu", "SoTien", "LoaiHinhThanhToan", "MaKenhThanhToan"),
        *("MaThietBi", "NgonNgu", "MaTienTe", "MaNganHang", "ThongTinGiaoDich", "ThoiGianGD", "Ip"),
    )
)
CONFIRM: Final = recipe_of(
    (
        *("LoaiBanTin", "MaLoi", "MaDoiTac", "MaThamChieu", "SoTien", "MaTienTe", "MaGiaoDich", "MaNganHang"),
        *("ThoiGianGD", "ThongTinGiaoDich"),
    )
)
QUERY: Final = recipe_of(("LoaiBanTin", "PhienBan", "MaDoiTac", "MaThamChieu", "ThoiGianGD"))
"""QUERY and GET_BILL."""


def unambiguous(recipe: Recipe, fields: Mapping[str, str]) -> bool:
    """Whether no signed value but the last holds a pipe, so that nothing can be moved from one field into the next."""
    return not any(PIPE in fields.get(name, "") for name in recipe.names[:-1])
