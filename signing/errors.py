"""What signing may refuse. Verification never raises over content: what is wrong with a document stands in its report."""

from __future__ import annotations

import errno

_REASONS = {
    errno.ENOENT: "không có tệp hoặc thư mục này",
    errno.EACCES: "không có quyền",
    errno.EPERM: "không có quyền",
    errno.EISDIR: "là thư mục, không phải tệp",
    errno.ENOTDIR: "một phần của đường dẫn không phải thư mục",
    errno.ENOSPC: "đĩa đầy",
    errno.EROFS: "ổ đĩa chỉ cho đọc",
    errno.ENAMETOOLONG: "tên tệp quá dài",
    errno.EIO: "ổ đĩa lỗi",
}


def reason_vi(fault: OSError) -> str:
    """Why the system would not read or write a file, in Vietnamese where it is a usual reason; for the end of a sentence."""
    return _REASONS.get(fault.errno or 0) or fault.strerror or type(fault).__name__


class SigningError(Exception):
    """Việc ký hoặc kiểm tra chữ ký không thực hiện được. `code` is stable; the sentence is for people and holds no secret."""

    def __init__(self, code: str, message_vi: str) -> None:
        self.code = code
        self.message_vi = message_vi
        super().__init__(f"{code}: {message_vi}")


class Unusable(SigningError):
    """Đầu vào không dùng được: a file, folder, policy, key or certificate that cannot be read as what it was given for."""


class SigningRefused(SigningError):
    """Từ chối ký: the signer's own certificate, path or status does not allow it, or the document (NĐ 68/2024 Điều 29)."""


class KeyUnavailable(SigningError):
    """Khóa ký không dùng được lúc này: token or service absent, locked or lost; the same request may be good later."""


class StampUnavailable(SigningError):
    """Không lấy được dấu thời gian lúc này: the authority is absent or refused; the same request may be good later."""
