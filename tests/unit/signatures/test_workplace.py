"""The folder for documents on their way through: what a crash left is gone at the next start, and nothing else ever is."""

from __future__ import annotations

import secrets
from pathlib import Path

from gateway.signatures.workplace import swept


def test_only_what_we_left_there_is_swept(tmp_path: Path) -> None:
    """Wherever the setting leads, be it to the data directory itself: the store and strangers' files stay."""
    left = tmp_path / secrets.token_hex(16)
    left.mkdir()
    (left / "nguon").write_bytes(b"du lieu ca nhan")
    (tmp_path / "db").mkdir()
    (tmp_path / "db" / "journal.sqlite").write_bytes(b"everything")
    (tmp_path / "link").symlink_to(tmp_path / "db")
    (tmp_path / secrets.token_hex(16)).symlink_to(tmp_path / "db")
    swept(tmp_path)
    assert not left.exists()
    assert (tmp_path / "db" / "journal.sqlite").read_bytes() == b"everything"


def test_a_new_folder_is_for_our_eyes_only(tmp_path: Path) -> None:
    """Documents lie there in the clear for moments."""
    assert swept(tmp_path / "a" / "signing").stat().st_mode & 0o777 == 0o700
