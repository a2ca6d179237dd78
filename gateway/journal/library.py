"""Which SQLite libraries may keep a store: the race of 3.7.0 to 3.51.2 that loses commits needs two connections; we have more.

Two connections that write or checkpoint at the same moment could reset the write-ahead log under each other. Mended in
3.51.3, and in the backports 3.44.6 and 3.50.7 (delivery-engine 4.7).
"""

from __future__ import annotations

from gateway.errors import ConfigError

_MENDED = (3, 51, 3)
_BACKPORTS: dict[tuple[int, ...], tuple[int, ...]] = {(3, 44): (3, 44, 6), (3, 50): (3, 50, 7)}


def mended(version: str) -> bool:
    """Whether a library of this version ("3.51.3") may keep a store that several connections have open."""
    parts = tuple(int(part) for part in version.split("."))
    return parts >= _MENDED or (parts[:2] in _BACKPORTS and parts >= _BACKPORTS[parts[:2]])


def refuse_broken(version: str) -> None:
    """Raises `ConfigError` for a library with the race."""
    if not mended(version):
        raise ConfigError(
            (
                f"SQLite {version}: thư viện này có lỗi WAL-reset làm mất dữ liệu đã ghi khi có nhiều kết nối; "
                "cần 3.51.3 trở lên (hoặc 3.44.6, 3.50.7). Hãy cài lại đúng phiên bản apsw ghi trong requirements.",
            )
        )
