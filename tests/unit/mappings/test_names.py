"""Names: three forms for the wires, and which two spellings name one person."""

from __future__ import annotations

import unicodedata

import pytest

from mappings.names import NameForm, NameMatch, clean_name, compare_names, joined_name, wire_name


@pytest.mark.parametrize(
    ("form", "written"),
    [
        (NameForm.COMPACT_ASCII, "NGUYENVANTHU"),
        (NameForm.ASCII_SPACED, "NGUYEN VAN THU"),
        (NameForm.UPPER_UNICODE, "NGUYỄN VĂN THỬ"),
    ],
)
@pytest.mark.parametrize("normal", ["NFC", "NFD"])
def test_a_name_is_written_in_each_form_that_clients_use(form: NameForm, written: str, normal: str) -> None:
    """The example of identity facts 2.4, whatever Unicode form it came in."""
    spelled = unicodedata.normalize(normal, "  Nguyễn  Văn\tThử ")  # type: ignore[arg-type]  # a literal of the list above
    assert wire_name(spelled, form) == written


@pytest.mark.parametrize("letter", ["Đ", "đ", "Ð", "ð"])
def test_a_stroked_d_does_not_vanish(letter: str) -> None:
    """It has no decomposition, so dropping marks alone would lose it; legacy fonts put Eth in its place."""
    assert wire_name(f"{letter}ỗ Thử") == "DOTHU"
    assert wire_name(f"{letter}ỗ Thử", NameForm.ASCII_SPACED) == "DO THU"


def test_signs_between_words_end_a_word_and_are_not_written() -> None:
    """Dashes, dots and apostrophes of foreign and religious names."""
    assert wire_name("H'Hen Niê-Kđăm") == "HHENNIEKDAM"
    assert wire_name("H'Hen Niê-Kđăm", NameForm.ASCII_SPACED) == "H HEN NIE KDAM"


def test_a_name_in_another_script_is_not_invented() -> None:
    """Nothing of it can be written in ASCII, and it equals no other such name."""
    assert wire_name("山田") == ""
    assert compare_names("山田", "田中") is NameMatch.DIFFERENT
    assert compare_names("山田", "山田") is NameMatch.SAME


def test_a_name_is_joined_from_its_filled_parts_alone() -> None:
    """The observed answer holds the whole name in its last part (identity facts 2.6)."""
    assert joined_name("", "", "NGUYỄN VĂN THỬ") == "NGUYỄN VĂN THỬ"
    assert joined_name("Nguyễn", " Văn ", "Thử") == "Nguyễn Văn Thử"
    assert clean_name("Nguyễn\u200b Văn\u00a0Thử") == "Nguyễn Văn Thử"


@pytest.mark.parametrize(
    ("declared", "registered", "match"),
    [
        ("Nguyễn Văn Thử", "NGUYỄN VĂN THỬ", NameMatch.SAME),
        ("Trần Hoà Thuý", "TRẦN HÒA THÚY", NameMatch.SAME),
        ("\u00d0ặng Văn Thử", "ĐẶNG VĂN THỬ", NameMatch.SAME),
        ("Đặng Văn Thử", "\u0189ẶNG VĂN THỬ", NameMatch.SAME),
        ("Nguyễn Văn Thử", "NGUYENVANTHU", NameMatch.UNMARKED),
        ("Đỗ Thị Thử", "DO THI THU", NameMatch.UNMARKED),
        ("Nguyễn Văn Thử", "NGUYỄN VĂN THỨ", NameMatch.SPELLING),
        ("Nguyen Van Thu", "NGUYỄN VĂN THỬ", NameMatch.SPELLING),
        ("Đỗ Văn Thử", "DỖ VĂN THỬ", NameMatch.SPELLING),
        ("Nguyễn Văn Thử", "NGUYỄN VĂN MẪU", NameMatch.DIFFERENT),
        ("Nguyễn Văn Thử", "THỬ VĂN NGUYỄN", NameMatch.DIFFERENT),
        ("", "NGUYỄN VĂN THỬ", NameMatch.DIFFERENT),
    ],
)
def test_two_names_are_as_near_as_their_letters_say(declared: str, registered: str, match: NameMatch) -> None:
    """Marks that a register leaves out are no difference; marks that differ are one, of spelling."""
    assert compare_names(declared, registered) is match
