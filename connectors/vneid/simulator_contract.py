"""The WSDL and schemas of the simulated population database over HTTP, for tools that want to load them from an address.

GET /wsdl/dancu-service.wsdl    with the addresses at which this simulator really listens (routes A and F)
GET /wsdl/xsd/{name}            what it imports
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

_CONTRACT = Path(__file__).parent / "profiles" / "dancu" / "contract"
_WSDL = "dancu-service.wsdl"


@dataclass(frozen=True, slots=True)
class ContractFront:
    """Serves the contract. `direct`, `xroad`: the paths of its two ports; `base_url` as in the simulator's options."""

    direct: str
    xroad: str
    base_url: str = ""

    def mount(self, app: web.Application) -> None:
        """Add both paths."""
        app.router.add_get(f"/wsdl/{_WSDL}", self.wsdl)
        app.router.add_get("/wsdl/xsd/{name}", self.schema)

    async def wsdl(self, request: web.Request) -> web.Response:
        """The WSDL, its two addresses put right."""
        base = self.base_url or f"{request.scheme}://{request.host}"
        text = (_CONTRACT / _WSDL).read_text(encoding="utf-8")
        text = text.replace("http://lgsp.invalid/dancu", base + self.direct)
        return _xml(text.replace("http://security-server.invalid/", base + self.xroad))

    async def schema(self, request: web.Request) -> web.Response:
        """One schema, by the name of its file."""
        known = {path.name: path for path in (_CONTRACT / "xsd").glob("*.xsd")}
        path = known.get(request.match_info["name"])
        if path is None:
            raise web.HTTPNotFound
        return _xml(path.read_text(encoding="utf-8"))


def _xml(text: str) -> web.Response:
    return web.Response(text=text, content_type="text/xml", charset="utf-8")
