"""A server that asks for a certificate, as security servers do: ours is shown where the configuration names one."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import web

from connectors.kit.contract import Budget, Kit
from connectors.kit.errors import ContractChanged, DeliveryError
from connectors.kit.http import HttpClient, HttpOptions, HttpRequest
from connectors.kit.loopback_tls import self_signed
from connectors.kit.simulation import Door

Serve = Callable[..., AbstractAsyncContextManager[Door]]


async def test_a_server_that_wants_a_certificate_gets_ours(
    kit: Kit, budget: Budget, serve: Serve, tmp_path: Path
) -> None:
    """With it the call is answered; without it nothing is, and the handler sees nobody."""
    context = self_signed(tmp_path, datetime.now(UTC))
    own, key = str(tmp_path / "certificate.pem"), str(tmp_path / "key.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(own)
    seen: list[bool] = []

    async def handler(request: web.Request) -> web.Response:
        seen.append(bool(request.transport is not None and request.transport.get_extra_info("peercert")))
        return web.Response()

    async with serve(handler, context) as door:
        address = f"https://localhost:{door.port}"
        shown = HttpOptions(ca_file=own, client_cert_file=own, client_key_file=key)
        client = HttpClient(base_url=address, kit=kit, options=shown)
        assert (await client.call(HttpRequest("GET", "/"), budget)).status == 200
        await client.close()
        client = HttpClient(base_url=address, kit=kit, options=HttpOptions(ca_file=own))
        with pytest.raises(DeliveryError):
            await client.call(HttpRequest("GET", "/"), budget)
        await client.close()
    assert seen == [True]


@pytest.mark.parametrize("wrong", ["missing.pem", "empty.pem"])
def test_a_certificate_that_cannot_be_read_is_found_at_the_start(kit: Kit, tmp_path: Path, wrong: str) -> None:
    """Not at the first question, and without a prompt for a password."""
    (tmp_path / "empty.pem").write_bytes(b"")
    options = HttpOptions(client_cert_file=str(tmp_path / wrong), client_key_file=str(tmp_path / wrong))
    with pytest.raises(ContractChanged):
        HttpClient(base_url="https://localhost", kit=kit, options=options)
