"""Routes: the same request, wrapped for direct calls and for the NDXP/VXP adapter."""

from __future__ import annotations

import msgspec
import pytest

from connectors.kit.addresses import joined
from connectors.kit.carriers import Carrier, Direct, XRoadAdapter
from connectors.kit.http import HttpRequest
from connectors.kit.secrets import read_setting

DSTCODE = "VN:GOV:000.00.00.G22:vpcpdvcprovider"
REQUEST = HttpRequest("POST", "/mapi/login", {"Accept": "application/json"}, b"{}")


def read(tree: dict[str, object]) -> Carrier:
    carrier: Carrier = msgspec.convert(tree, Carrier, dec_hook=read_setting)
    return carrier


def test_direct_changes_nothing() -> None:
    """The provider's path is the path."""
    assert read({"kind": "direct"}).carry(REQUEST) == REQUEST
    assert Direct().carry(REQUEST) == REQUEST


@pytest.mark.parametrize(
    ("placement", "in_header", "in_query"), [("header", True, False), ("query", False, True), ("both", True, True)]
)
def test_dstcode_goes_where_the_configuration_says(placement: str, in_header: bool, in_query: bool) -> None:
    """Clients of both kinds exist (national-portal facts 1.2)."""
    sent = read({"kind": "xroad_adapter", "dstcode": DSTCODE, "placement": placement}).carry(REQUEST)
    assert (sent.headers.get("dstcode") == DSTCODE) is in_header
    assert ((sent.query or {}).get("dstcode") == DSTCODE) is in_query
    assert sent.headers["Accept"] == "application/json"
    assert sent.body == b"{}"
    assert "dstcode" not in REQUEST.headers


@pytest.mark.parametrize("prefix", ["/VXPAdapter/RestService/forward", "VXPAdapter/RestService/forward/"])
def test_the_path_follows_the_prefix(prefix: str) -> None:
    """One slash between them, however the prefix is written."""
    sent = XRoadAdapter(dstcode=DSTCODE, prefix=prefix).carry(REQUEST)
    assert sent.path == "/VXPAdapter/RestService/forward/mapi/login"


def test_an_empty_prefix_leaves_the_path_alone() -> None:
    """The base URL may end with the forwarder already (`adapter_url`, facts 1.3)."""
    assert XRoadAdapter(dstcode=DSTCODE, prefix="").carry(REQUEST).path == "/mapi/login"


def test_what_goes_on_the_wire_is_encoded_once() -> None:
    """The whole address, as the adapter reads it."""
    carrier = XRoadAdapter(dstcode=DSTCODE, placement="query", providerurl="https://p.gov.vn/x")
    sent = carrier.carry(REQUEST)
    assert str(joined("http://adapter:8080", sent.path, sent.query)) == (
        "http://adapter:8080/XrdAdapter/RestService/forward/mapi/login"
        "?dstcode=VN%3AGOV%3A000.00.00.G22%3Avpcpdvcprovider&providerurl=https%3A%2F%2Fp.gov.vn%2Fx"
    )


@pytest.mark.parametrize(
    "dstcode", ["", "VN:GOV", "vn:GOV:a:b", "VN:XYZ:a:b", f"{DSTCODE}\n", "VN:GOV:a b:c", "VN:GOV:ạ:b"]
)
def test_a_dstcode_that_cannot_be_routed_is_refused(dstcode: str) -> None:
    """The grammar of facts 1.2, found at the start and not by the security server."""
    with pytest.raises(msgspec.ValidationError, match="dstcode"):
        read({"kind": "xroad_adapter", "dstcode": dstcode})
