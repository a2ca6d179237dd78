"""The outcome table decides what an answer means; each of its rows is reached by an answer, and by nothing above it."""

from __future__ import annotations

from datetime import date

import msgspec
import pytest

from connectors.national_dvc.profiles._mapi.messages import Answer
from connectors.national_dvc.profiles._mapi.outcomes import ExtraOutcome, Family, Operation, load_outcomes

DAY = date(2026, 11, 21)
TABLE = load_outcomes("mapi_2019")

CASES = [
    ("create", "0", "Đồng bộ thành công", "done"),
    ("create", "0", "Hồ sơ 1 đã tồn tại", "duplicate"),
    ("create", "3", "Hồ sơ 000.00.00.G16-241014-0001 đã tồn tại", "duplicate"),
    ("create", "-3", "Mã hồ sơ đã tồn tại", "duplicate"),
    ("create", "12", "Hồ sơ đã tồn tại", "duplicate"),
    ("create", "12", "Tài khoản đã tồn tại", "rejected"),
    ("create", "3", "Lỗi", "rejected"),
    ("create", "-1", "Thiếu trường NgayTiepNhan", "rejected"),
    ("create", "-1", "Thủ tục 1.004528 không tồn tại", "rejected"),
    ("update", "0", "Hồ sơ đã tồn tại", "done"),
    ("update", "-1", "Hồ sơ 000.00.00.G16-241014-0001 không tồn tại", "not_found"),
    ("update", "-1", "Thành phần hồ sơ không tồn tại", "rejected"),
    ("progress", "-1", "Hồ sơ không tồn tại", "not_found"),
    ("progress", "0", "", "done"),
    ("lookup", "0", "", "done"),
    ("lookup", "5", "Hồ sơ chưa tồn tại", "not_found"),
    ("lookup", "5", "Phiên làm việc không tồn tại", "session_expired"),
    ("update", "-2", "Phiên làm việc không tồn tại hoặc đã hết hạn", "session_expired"),
    ("create", "401", "Invalid session", "session_expired"),
    ("procedure", "5", "Thủ tục không tồn tại", "not_found"),
    ("login", "0", "Thành công", "done"),
    ("login", "-1", "Sai tài khoản hoặc mật khẩu", "credentials_refused"),
    ("login", "9", "Lỗi", "credentials_refused"),
    ("login", "9", "Hệ thống đang bận", "busy"),
    ("create", "9", "Hệ thống quá tải", "busy"),
    ("create", "9", "Hệ thống đang bận, vui lòng thử lại sau", "busy"),
    ("create", "9", "Vui lòng thử lại", "busy"),
    ("progress", "9", "Vui lòng thử lại", "unreadable"),
    ("progress", "-1", "Lỗi hệ thống, vui lòng thử lại sau", "unreadable"),
    ("create", "-1", "Internal Server Error", "unreadable"),
    ("create", "-1", "Hồ sơ có lỗi: sai ngày", "rejected"),
    ("login", "-1", "Lỗi kết nối cơ sở dữ liệu", "unreadable"),
    ("update", "0", "Cập nhật không thành công", "unreadable"),
    ("update", "-1", "Phiên bản dữ liệu không hợp lệ", "rejected"),
]


@pytest.mark.parametrize(("operation", "code", "message", "family"), CASES)
def test_an_envelope_means_what_the_table_says(operation: str, code: str, message: str, family: str) -> None:
    """Code and words together decide; a dossier that does not exist is no procedure that does not exist."""
    assert TABLE.conclude(Operation(operation), Answer(code, message), DAY).family == family


@pytest.mark.parametrize(
    ("text", "family"),
    [
        ("Cập nhật tiến độ thành công", "done"),
        ("Cập nhật không thành công", "rejected"),
        ("Hồ sơ không tồn tại", "not_found"),
        ("Phiên làm việc đã hết hạn", "session_expired"),
        ("Xong", "unreadable"),
    ],
)
def test_a_sentence_means_what_the_table_says(text: str, family: str) -> None:
    """ "Not successful" contains "successful"; the order of the rows keeps them apart."""
    assert TABLE.conclude(Operation.PROGRESS, Answer("", text), DAY).family == family


def test_a_code_nobody_has_described_is_said_to_be_unknown() -> None:
    """Only the catch-all row is unknown: it alone may mean an expired session."""
    assert not TABLE.conclude(Operation.CREATE, Answer("77", "gì đó"), DAY).known
    assert TABLE.conclude(Operation.CREATE, Answer("-1", "Thiếu trường MaTTHC"), DAY).known


def test_letters_may_come_composed_or_decomposed() -> None:
    """NFD text from the portal means the same."""
    import unicodedata

    words = unicodedata.normalize("NFD", "Hồ sơ đã tồn tại")
    assert TABLE.conclude(Operation.CREATE, Answer("3", words), DAY).family is Family.DUPLICATE


def test_a_configured_row_stands_before_the_shipped_ones() -> None:
    """What a deployment saw outweighs what we assumed."""
    extra = ExtraOutcome(code="3", family=Family.BUSY, meaning_vi="Thử lại")
    table = load_outcomes("mapi_2019", (extra,))
    assert table.conclude(Operation.CREATE, Answer("3", "Hồ sơ đã tồn tại"), DAY).family is Family.BUSY


def test_a_configured_row_must_be_sound() -> None:
    """A broken pattern or an operation that does not exist is refused at start."""
    for wrong in ({"message_pattern": "("}, {"operation": "delete"}, {"family": "perhaps"}):
        with pytest.raises((msgspec.ValidationError, ValueError)):
            msgspec.convert({"family": "busy", "meaning_vi": "x", **wrong}, ExtraOutcome)
