"""An LGSP that keeps the portal's session itself: no log-in of ours, and no session in any call."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

import msgspec
import pytest

from connectors.kit.contract import Delivery, Kit
from connectors.kit.errors import Busy
from connectors.kit.ground import LoneCoordination
from connectors.kit.secrets import read_setting
from connectors.kit.simulation import SIMULATION, opened
from connectors.national_dvc.connector import Settings, create
from connectors.national_dvc.simulator import create_app
from mappings.canonical import Carried
from mappings.codes import DossierStatus


@pytest.mark.parametrize("holds", [True, False])
async def test_the_lgsp_may_keep_the_session(
    holds: bool, make: Callable[..., Carried], delivery: Callable[..., Delivery]
) -> None:
    """`session.login = false`: it works where the LGSP holds one, and is a plain refusal where it does not."""
    app = create_app({"lgsp": {"holds_session": holds}, "madonvi": "000.00.00.G16"})
    async with opened(app) as door:
        base = f"http://127.0.0.1:{door.port}"
        tree = {
            "base_url": base,
            "madonvi": "000.00.00.G16",
            "username": "env:u",
            "password": "env:u",
            "profile": "mapi-2023",
            "allow_plain": ["127.0.0.1"],
            "session": {"login": False},
            "carrier": {
                "kind": "lgsp",
                "token_url": f"{base}/token",
                "client_id": "env:id",
                "client_secret": "env:secret",
            },
        }
        secrets = {"env:u": "", "env:id": "lgsp-client", "env:secret": "lgsp-secret"}
        kit = Kit("p", lambda: datetime.now(UTC), time.monotonic, LoneCoordination(), secrets.__getitem__)
        connector = create(msgspec.convert(tree, Settings, dec_hook=read_setting), kit)
        try:
            health = await connector.check()
            sent = delivery("state", make(DossierStatus.RECEIVED, "20241014093000"))
            if holds:
                assert health.ready
                assert (await connector.deliver(sent)).reference == sent.dossier_code
            else:
                with pytest.raises(Busy, match="Phiên làm việc"):
                    await connector.deliver(sent)
        finally:
            await connector.close()
        asked = [call.operation for call in app[SIMULATION].log.calls]
        assert "login" not in asked and asked.count("token") == 1
