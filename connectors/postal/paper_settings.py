"""Settings of what the post is given on paper: labels and handover lists."""

from __future__ import annotations

from typing import Literal

import msgspec

MOST_LINES = 500
"""The longest handover list that may be allowed: all its parcels change in one transaction."""

_LONGEST = 300


class PaperSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Labels and handover lists.

    `agency_name` and `unit_name` head a handover list. `legal_vi` is the legal text on it: which of them survives NĐ 118/2025 is
    not confirmed (postal facts 7, 11), so it can be changed. `label_size` is that of a label whose reader names none.
    `signing_key` is a key of `[signing.keys]` that signs the lists in `signing_profile`; "": they are signed by hand.
    """

    agency_name: str = ""
    unit_name: str = "Bộ phận Một cửa"
    legal_vi: str = "Điều 6, Điều 7 Quyết định 45/2016/QĐ-TTg; Nghị định 118/2025/NĐ-CP"
    label_size: Literal["a6", "a5"] = "a6"
    signing_key: str = ""
    signing_profile: Literal["P-PDF-B", "P-PDF-T"] = "P-PDF-B"
    most_lines: int = 200

    def __post_init__(self) -> None:
        """Refuses what no page holds."""
        if not 1 <= self.most_lines <= MOST_LINES:
            raise ValueError(f"papers.most_lines: từ 1 đến {MOST_LINES}")
        if any(len(text) > _LONGEST for text in (self.agency_name, self.unit_name, self.legal_vi)):
            raise ValueError(f"papers.agency_name, unit_name, legal_vi: nhiều nhất {_LONGEST} ký tự")
