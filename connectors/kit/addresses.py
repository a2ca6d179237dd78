"""What a request says in front of its body, fit for the wire: addresses (and which are fit), paths, queries and headers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from urllib.parse import quote

from yarl import URL

from connectors.kit.errors import CannotMap, ContractChanged

# RFC 3986 3.3: what may stand in a path segment as it is, and the slash between segments.
_PATH_SAFE = "/:@!$&'()*+,;=-._~"
_DEFAULT_PORTS = {"https": 443, "http": 80}
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
# A line break in a value would begin a header of somebody else's making; a tab is lawful (RFC 9110, 5.5).
_FIELD_VALUE = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]*")


def joined(base: str, path: str, query: Mapping[str, str] | None = None) -> URL:
    """`base` with `path` and `query` after it: one slash between them, everything percent-encoded exactly once.

    Raises `CannotMap` for a path with `.` or `..` segments, which servers resolve to something else.
    """
    if not query:
        return _at(base, path)
    parts = (f"{_quoted(key, '')}={_quoted(value, '')}" for key, value in query.items())
    return URL(f"{_at(base, path)}?{'&'.join(parts)}", encoded=True)


@lru_cache(maxsize=256)
def _at(base: str, path: str) -> URL:
    """`base` with `path` after it; most calls of an upstream go to the same few addresses."""
    if any(segment in (".", "..") for segment in path.split("/")):
        raise CannotMap("Đường dẫn gửi đi chứa đoạn «.» hoặc «..».")
    tail = "/" + _quoted(path.removeprefix("/"), _PATH_SAFE) if path else ""
    return URL(base.rstrip("/") + tail, encoded=True)


def _quoted(text: str, safe: str) -> str:
    try:
        return quote(text, safe=safe)
    except UnicodeEncodeError:
        raise CannotMap("Đường dẫn gửi đi chứa ký tự không hợp lệ.") from None


def checked_base(base_url: str, allow_plain: tuple[str, ...]) -> str:
    """The base URL, or `ContractChanged`. Nothing of it is repeated in the error: it may hold credentials."""
    try:
        url = URL(base_url)
        host, port = url.host or "", url.port
    except ValueError:
        raise ContractChanged("Địa chỉ của hệ thống nhận không phải là một URL hợp lệ.") from None
    if url.scheme not in ("http", "https") or not host:
        raise ContractChanged("Địa chỉ của hệ thống nhận phải bắt đầu bằng https:// hoặc http://.")
    if url.user or url.password or url.query_string or url.fragment:
        raise ContractChanged("Địa chỉ của hệ thống nhận không được chứa tài khoản, tham số hoặc mảnh (#).")
    if url.scheme == "http" and not {host, f"{host}:{port}"} & {name.lower() for name in allow_plain}:
        raise ContractChanged(f"Không được dùng http:// không mã hóa tới {host}; hãy khai báo trong allow_plain.")
    return str(url)


def checked_proxy(proxy: str) -> URL | None:
    """The address of a forward proxy, none for an empty one, or `ContractChanged`.

    Without credentials: an address is configuration, and a proxy inside the ministry's network knows its clients by theirs.
    """
    if not proxy:
        return None
    try:
        url = URL(proxy)
        plain = url.scheme == "http" and bool(url.host) and url.path in ("", "/")
    except ValueError:
        plain = False
    if not plain or url.user or url.password or url.query_string or url.fragment:
        raise ContractChanged("proxy phải có dạng http://máy-chủ:cổng, không kèm tài khoản hay tham số.")
    return url


def checked_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Headers fit for the wire, as they are; raises `CannotMap`."""
    for name, value in headers.items():
        if not _TOKEN.fullmatch(name) or not _FIELD_VALUE.fullmatch(value):
            raise CannotMap("Tiêu đề HTTP gửi đi chứa ký tự không hợp lệ.")
    return dict(headers)


def host_of(address: str) -> str:
    """The host of an address, with its port where that is not the scheme's own; empty where there is none."""
    try:
        url = URL(address)
        host, port = (url.host or "").lower(), url.port
    except ValueError:
        return ""
    return host if port == _DEFAULT_PORTS.get(url.scheme) else f"{host}:{port}"


def address_is_fit(address: str, allow_plain: Iterable[str] = ()) -> bool:
    """Whether this is a plain address of a server: https (http where it is listed), no account, no query, no fragment."""
    return may_be_sent(address, (host_of(address),), allow_plain) and not {"?", "#"} & set(address)


def may_be_sent(address: str, hosts: Iterable[str], allow_plain: Iterable[str] = ()) -> bool:
    """Whether a browser may be sent to an address that somebody else named: https, to a listed host."""
    if not address.isascii() or not address.isprintable() or " " in address or "\\" in address or len(address) > 4_000:
        return False
    try:
        url = URL(address)
        host = (url.host or "").lower()
    except ValueError:
        return False
    if url.scheme not in _DEFAULT_PORTS or not host or url.user is not None or url.password is not None or url.fragment:
        return False
    if url.scheme == "http" and not {host, f"{host}:{url.port}"} & set(allow_plain):
        return False
    return host_of(address) in set(hosts)
