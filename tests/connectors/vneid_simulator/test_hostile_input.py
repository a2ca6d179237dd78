"""Whatever is sent to whichever address of the simulator, it answers: a simulator that falls over proves nothing."""

from __future__ import annotations

import itertools
from typing import Any

from yarl import URL

FORM = "application/x-www-form-urlencoded"
CLIENT = "client_id=simulator-client&client_secret=simulator-secret"
BODIES = (
    b"",
    b"\xff\xfe",
    b"null",
    b"[]",
    b'{"a":1}',
    b"a=%ff&b=%00&a=2",
    f"grant_type=authorization_code&code=%F0%9F%92%A9&{CLIENT}&code_verifier=%C3%A9".encode(),
    b"client_assertion=a.b.c&client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    b"id_token_hint=a.b.c&post_logout_redirect_uri=http://[",
    f"request_uri=x&redirect_uri=http://[bad&{CLIENT}".encode(),
    b"grant_type=client_credentials",
    b"<a>",
    b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
    b'{"SoDinhDanh":"1","type":"x"}',
    b'{"address":"http://[::1","account":"x"}',
    b'{"address":"/cdvcqg/oauth2/authorize?redirect_uri=http://[bad&client_id=simulator-client"}',
    b"[" * 10_000,
)
HEADERS: tuple[dict[str, str], ...] = (
    {},
    {"Authorization": "Basic !!!", "Content-Type": FORM},
    {"Authorization": "Bearer \u00e9", "Timestamp": "\u0661", "Content-Type": "application/xml"},
    {"Authorization": "DPoP x", "DPoP": "a.b.c", "Content-Type": FORM},
    {"lgspaccesstoken": "e30=", "X-Road-Client": "%ff", "Content-Type": "text/xml"},
    {"Content-Type": "multipart/form-data; boundary=x", "Cookie": "commonAuthId=x"},
)


async def test_nothing_that_is_sent_breaks_the_simulator(open_world: Any) -> None:
    """Every route, every body, every header in turn: an answer below 500, or a SOAP fault that says why."""
    async with open_world() as caller:
        routes = sorted({(route.method, route.resource.canonical) for route in caller.app.router.routes()})
        turn = itertools.cycle(HEADERS)
        for method, path in routes:
            if method == "HEAD" or path == "/_simulator/outage":
                continue
            for body in BODIES:
                address = caller.base + path.replace("{", "").replace("}", "")
                query = f"?{body.decode('latin-1')[:2_000]}" if method == "GET" and body else ""
                target = URL(address + "".join(sign for sign in query if sign not in " <>#\"'"), encoded=True)
                sent = {"data": body} if method != "GET" else {}
                async with caller.http.request(
                    method, target, headers=next(turn), allow_redirects=False, **sent
                ) as answer:
                    text = await answer.text(errors="replace")
                    assert answer.status < 500 or "Fault>" in text, (method, path, body[:40])
