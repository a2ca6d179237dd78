"""A label says in Vietnamese what a postman needs, fits on its page, and its codes are read back by a reader that is not ours."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.postal.label import Issue, Size, as_pdf
from connectors.postal.model import CodLine, Direction
from tests.connectors.postal.parcels import contact, parcel
from tests.papers import codes_of, fonts_of, pages_of, words_of

SIZES: tuple[Size, ...] = ("a6", "a5")
LONGEST = "A" * 10 + "-261120-000000000042-ABCDEFGHIJKLMNOP-T1"


@pytest.mark.parametrize("size", SIZES)
def test_both_codes_are_read_back_from_the_printed_page(size: Size, tmp_path: Path) -> None:
    """Before the post has a number of its own, both codes say ours; afterwards the bar code is the post's."""
    fresh = parcel()
    assert codes_of(as_pdf(fresh, Issue(size)), tmp_path) == {
        ("CODE-128", fresh.order_number),
        ("QR-Code", fresh.order_number),
    }
    taken = parcel(item_code="RA473124829VN")
    assert codes_of(as_pdf(taken, Issue(size)), tmp_path) == {
        ("CODE-128", "RA473124829VN"),
        ("QR-Code", fresh.order_number),
    }


def test_a_number_too_long_for_readable_bars_keeps_its_qr_code(tmp_path: Path) -> None:
    """Fifty letters (the longest order number) would give bars that no scanner reads on A6: none are drawn, and it says so."""
    long = parcel(order_number=LONGEST)
    assert codes_of(as_pdf(long), tmp_path) == {("QR-Code", LONGEST)}
    assert "hãy quét mã QR" in words_of(as_pdf(long), tmp_path)
    assert codes_of(as_pdf(long, Issue("a5")), tmp_path) == {("QR-Code", LONGEST), ("CODE-128", LONGEST)}


def test_a_code_of_the_post_that_no_bars_can_say_is_printed_in_letters(tmp_path: Path) -> None:
    """What a carrier calls an item code may be anything: the label is printed all the same."""
    odd = as_pdf(parcel(item_code="RA47312482９VN"))
    assert codes_of(odd, tmp_path) == {("QR-Code", "G00.10-261120-0042-T")}
    assert "hãy quét mã QR" in words_of(odd, tmp_path)


def test_it_says_who_where_what_and_how_much_in_figures_and_words(tmp_path: Path) -> None:
    """Everything that somebody at the door needs, with its diacritics, without a font of the machine."""
    told = words_of(as_pdf(parcel(), Issue(carrier_vi="Bưu điện Việt Nam")), tmp_path)
    for said in (
        "Bưu điện Việt Nam",
        "TRẢ KẾT QUẢ",
        "G00.10-261120-0042-T",
        "(bưu điện chưa cấp)",
        "Nguyễn Thị Mẫu",
        "ĐT: 0900000000",
        "Số 1 ngõ Ví Dụ, phường Ba Đình, thành phố Hà Nội",
        "Bộ phận Một cửa Bộ Ví dụ",
        "Thu hộ (COD): 150.000 đồng",
        "Bằng chữ: Một trăm năm mươi nghìn đồng.",
        "Giấy phép (bản giấy) 01",
    ):
        assert said in told, told
    assert all(embedded for _, embedded in fonts_of(as_pdf(parcel()), tmp_path))


def test_a_collection_without_money_says_so(tmp_path: Path) -> None:
    """The other direction has the citizen as sender, and a postman who collects nothing is told so."""
    told = words_of(as_pdf(parcel(direction=Direction.COLLECT)), tmp_path)
    assert "THU GOM HỒ SƠ" in told
    assert "Không thu hộ" in told
    assert told.index("Nguyễn Thị Mẫu") < told.index("NGƯỜI NHẬN") < told.index("Bộ phận Một cửa Bộ Ví dụ")


@pytest.mark.parametrize("size", SIZES)
def test_a_very_long_name_and_address_stay_on_the_page_whole(size: Size, tmp_path: Path) -> None:
    """The last word of both is there, on one page, however long a company and its address are."""
    name = "Công ty trách nhiệm hữu hạn một thành viên Nghiên cứu và Ứng dụng Đường dẫn " * 3 + "Thượng Nguyễn"
    text = "phòng 1234, tầng 45, tòa nhà Trung tâm Thương mại Quốc tế, khu phố Nguyễn Thượng Hiền, " * 6 + "phường Cuối"
    long = parcel(receiver=contact(name, text, "0900000000, 0900000001", old_text="quận Hết"))
    told = words_of(as_pdf(long, Issue(size)), tmp_path)
    for said in ("Thượng Nguyễn", "phường Cuối", "(địa chỉ cũ: quận Hết)", "0900000001"):
        assert said in told, told
    assert pages_of(as_pdf(long, Issue(size)), tmp_path) == 1
    assert len(codes_of(as_pdf(long, Issue(size)), tmp_path)) == 2


def test_what_cannot_fit_is_cut_where_everybody_sees_it(tmp_path: Path) -> None:
    """A whole novel for an address ends in an ellipsis: it never runs into the money, and never on to a second page."""
    endless = parcel(receiver=contact("Nguyễn Thị Mẫu", "đường Dài " * 2_000))
    pdf = as_pdf(endless)
    assert pages_of(pdf, tmp_path) == 1
    told = words_of(pdf, tmp_path)
    assert "…" in told
    assert "Thu hộ (COD): 150.000 đồng" in told


def test_decomposed_letters_are_drawn_composed_and_foreign_ones_as_their_code(tmp_path: Path) -> None:
    """A name typed on another system is the same name; a letter that no font of ours has does not vanish."""
    told = words_of(as_pdf(parcel(receiver=contact("Nguye\u0302\u0303n Thi\u0323 中", "số 1"))), tmp_path)
    assert "Nguyễn Thị \\u4e2d" in told


def test_the_same_parcel_gives_the_same_bytes_and_another_amount_does_not() -> None:
    """A label that is printed again is the label; what it tells stands in it."""
    dear = parcel(cod_lines=(CodLine(fee_id="1", name="Lệ phí", amount=150_001),))
    assert as_pdf(parcel()) == as_pdf(parcel())
    assert as_pdf(parcel()) != as_pdf(dear)
