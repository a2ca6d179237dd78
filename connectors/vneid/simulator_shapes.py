"""The two shapes in which the population database writes a record: as observed, and as QCVN 109:2017 has it (facts 2.6)."""

from __future__ import annotations

from connectors.vneid.simulator_envelope import Tree
from connectors.vneid.simulator_persons import Address, Relative


class Observed:
    """Codes as text, three address codes, the whole name in upper case in `Ten`, relatives' names as one text."""

    def own_name(self, name: str) -> Tree:
        """The person's own name: `Ho` and `ChuDem` stay empty."""
        return {"Ho": "", "ChuDem": "", "Ten": name.upper()}

    def coded(self, _element: str, code: str) -> str | Tree | None:
        """A coded value."""
        return code

    def birth(self, birth: str) -> Tree:
        """The year beside the whole date, as far as that is known."""
        whole = birth.replace("-", "")
        return {"Nam": birth[:4], "NgayThangNam": whole if len(birth) > 4 else None}

    def nationality(self, _code: str) -> str | None:
        """Left empty, as in the samples."""
        return ""

    def address(self, address: Address | None) -> Tree | None:
        """Three codes; the district may be empty since 07/2025."""
        if address is None:
            return None
        codes = {"MaTinhThanh": address.province, "MaQuanHuyen": address.district, "MaPhuongXa": address.commune}
        return {**codes, "ChiTiet": address.detail, "QuocGia": address.country}

    def relative(self, relative: Relative | None) -> Tree | None:
        """A name as plain text beside numbers; the head of household with the relation."""
        if relative is None:
            return None
        numbers = {"SoDinhDanh": relative.personal_id, "SoCMND": relative.cmnd}
        if relative.relation:
            return {"QuanHe": relative.relation, **numbers, "HoVaTen": relative.full_name.upper()}
        return {"HoVaTen": relative.full_name.upper(), "QuocTich": relative.nationality, **numbers}

    def household_book(self, number: str) -> str | None:
        """The number of the paper book, where there was one."""
        return number or None


class Qcvn:
    """Structures for codes, one administrative code for an address, names in three parts, dates with dashes."""

    def own_name(self, name: str) -> Tree:
        """Family name, middle names, given name."""
        words = name.split()
        if len(words) < 2:
            return {"Ten": name}
        return {"Ho": words[0], "ChuDem": " ".join(words[1:-1]) or None, "Ten": words[-1]}

    def coded(self, element: str, code: str) -> str | Tree | None:
        """A coded value in an element of its own."""
        return {element: code} if code else None

    def birth(self, birth: str) -> Tree:
        """One of the two: the date with dashes, or the year."""
        return {"NgayThangNam": birth} if len(birth) > 4 else {"Nam": birth}

    def nationality(self, code: str) -> str | None:
        """The code."""
        return code or None

    def address(self, address: Address | None) -> Tree | None:
        """The finest code that is known."""
        if address is None:
            return None
        code = address.commune or address.district or address.province
        return {"MaDonViHanhChinh": code or None, "ChiTiet": address.detail or None, "QuocGia": address.country or None}

    def relative(self, relative: Relative | None) -> Tree | None:
        """Numbers and a structured name."""
        if relative is None:
            return None
        numbers = {"SoDinhDanh": relative.personal_id or None, "SoCMND": relative.cmnd or None}
        name = self.own_name(relative.full_name)
        if relative.relation:
            return {"QuanHe": relative.relation, **numbers, "HoVaTen": name}
        return {**numbers, "QuocTich": relative.nationality or None, "HoVaTen": name}

    def household_book(self, _number: str) -> str | None:
        """Unknown to this profile."""
        return None
