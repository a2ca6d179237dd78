"""The example of a whole configuration: the house, and one upstream for each connector that is installed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from connectors.kit import registry
from gateway.config.example import FILL, NAME, Meaning, lines
from gateway.config.meanings import meaning
from gateway.config.model import Settings

_HEAD = f"""\
# Cổng kết nối hồ sơ TTHC: mọi khóa cấu hình, với giá trị mặc định và một dòng ý nghĩa. Tệp này do `gateway config example` in ra.
#
# Chép thành gateway.toml, bỏ những gì không dùng; khóa không ghi thì lấy mặc định. Dòng `#khóa = …` và `#[mục]` là phần đang tắt:
# bỏ dấu # đầu dòng để bật; `##` là dạng khác của mục ngay trên. «{FILL}» là chỗ phải điền, {NAME} là tên tự chọn.
# Bí mật không viết ở đây mà tham chiếu: env:TÊN_BIẾN, file:ĐƯỜNG_DẪN (tương đối so với tệp này) hoặc credential:TÊN (systemd
# LoadCredential). Kiểm tra: gateway config check. Nạp lại khi đang chạy: gateway reload, hoặc systemctl reload.
"""


def example() -> str:
    """The text of `gateway.toml.example`."""
    return "\n".join([_HEAD, *lines(Settings, "", meaning), *_connectors()]) + "\n"


def _connectors() -> Iterator[str]:
    for name, manifest in registry.discover().items():
        kind = registry.settings_type(name)
        yield ""
        yield ""
        yield f"# Đầu nối {name}: {manifest.title_vi}. Các khóa chung của upstream: xem [upstreams.{NAME}]."
        yield f"#[upstreams.{name}]"
        yield f'#connector = "{name}"'
        yield ""
        yield from lines(kind, f"upstreams.{name}.settings", _of(kind, manifest.settings), "#")


def _of(outermost: type[msgspec.Struct], told: Mapping[str, str]) -> Meaning:
    """What a connector's manifest says of its outermost keys; the rest stands in tables."""
    return lambda owner, key: told.get(key, "") if owner is outermost else meaning(owner, key)
