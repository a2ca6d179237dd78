"""TLS of a listener: certificates read again when their files change, client certificates asked for where configured.

The files are looked at when a connection opens. What cannot be used then (half replaced, wrong key) is told in the log and
the last good ones serve on; at the start it is a fault of the configuration. Sessions are not resumed, so that a client
certificate is judged against today's authorities at each connection (RFC 8446 2.2, 4.6.1).
"""

from __future__ import annotations

import logging
import ssl
from pathlib import Path

from gateway.config import Listen, Loaded, Tls
from gateway.errors import ConfigError

_log = logging.getLogger("gateway")


class Certificates:
    """The server's certificate and the authorities of its clients, as their files say now."""

    def __init__(self, loaded: Loaded, tls: Tls, setting: str) -> None:
        """Read the files; raises `ConfigError` for files that cannot be used."""
        self._tls = tls
        self._cert, self._key = loaded.path(tls.cert_file), loaded.path(tls.key_file)
        self._authorities = loaded.path(tls.client_ca_file) if tls.client_ca_file else None
        self._seen = self._stamps()
        try:
            self._current = self._read()
        except OSError as error:
            raise ConfigError((f"{setting}.tls: không dùng được chứng thư hoặc khóa ({error})",)) from error

    def context(self) -> ssl.SSLContext:
        """The context to listen with: each handshake goes on with the newest certificates."""
        first = self._read()
        first.sni_callback = self._choose
        return first

    def _choose(self, connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        """Hand a connection over to the newest certificates; called by OpenSSL at each handshake, with or without a name."""
        connection.context = self._newest()

    def _newest(self) -> ssl.SSLContext:
        stamps = self._stamps()
        if stamps != self._seen:
            self._seen = stamps
            try:
                self._current = self._read()
            except OSError as error:  # ssl.SSLError is one
                _log.error(
                    "new certificates cannot be used, the old ones serve on", extra={"code": type(error).__name__}
                )
            else:
                _log.info("certificates of the listener read again")
        return self._current

    def _read(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.options |= ssl.OP_NO_TICKET | ssl.OP_NO_COMPRESSION | ssl.OP_CIPHER_SERVER_PREFERENCE
        context.num_tickets = 0
        context.load_cert_chain(self._cert, self._key)
        if self._authorities is not None:
            context.load_verify_locations(self._authorities)
            demanded = self._tls.require_client_certificate
            context.verify_mode = ssl.CERT_REQUIRED if demanded else ssl.CERT_OPTIONAL
        return context

    def _stamps(self) -> tuple[tuple[int, int, int], ...]:
        """Who and when of each file; a file that is gone for a moment has a stamp too."""
        return tuple(_stamp(path) for path in (self._cert, self._key, self._authorities) if path is not None)


def _stamp(path: Path) -> tuple[int, int, int]:
    try:
        seen = path.stat()
    except OSError:
        return (0, 0, 0)
    return (seen.st_ino, seen.st_mtime_ns, seen.st_size)


def server_context(loaded: Loaded, listen: Listen, setting: str) -> ssl.SSLContext | None:
    """The TLS of a listener, `setting` in the configuration; None where it speaks plain HTTP. Raises `ConfigError`."""
    return Certificates(loaded, listen.tls, setting).context() if listen.tls is not None else None
