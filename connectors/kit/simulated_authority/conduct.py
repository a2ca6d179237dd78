"""How the authority's services behave: properly unless told otherwise, each misbehaviour by its own switch.

The whole is JSON for `PUT /_simulator/conduct`, so that a demonstration can order what a test orders in Python. What goes wrong
below the answers (slow, cut, refused) is ordered by fault plans instead (`connectors.kit.faults`).
"""

from __future__ import annotations

import msgspec


class _Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Switches that nobody else declares are errors."""


class OcspConduct(_Row, frozen=True, kw_only=True):
    """`refusal`: an OCSPResponseStatus such as "tryLater" instead of an answer. `status`: said of every certificate.

    `signer`: the declared certificate that signs instead of the responder. `about`: the declared certificate that is answered for
    instead of the one that was asked about. `nonce`: "echo", "ignore" or "other". `age_s`: how long ago thisUpdate lies;
    `life_s`: until nextUpdate, None for none. `enclose`: whether a delegate's certificate goes along. `forge`: the value
    of the signature is that of other content.
    """

    refusal: str = ""
    status: str = ""
    signer: str = ""
    about: str = ""
    nonce: str = "echo"
    age_s: int = 0
    life_s: int | None = 86_400
    enclose: bool = True
    by_key: bool = False
    digest: str = "sha256"
    forge: bool = False


class CrlConduct(_Row, frozen=True, kw_only=True):
    """`signer`: whose key signs under the issuer's name. `age_s`, `life_s`: as for OCSP. `base`: makes it a delta of that list.

    `only`: "users", "authorities", "attributes" or reasons, which becomes a critical IDP. `indirect`: list of another issuer's
    certificates. `omit`: declared certificates that are left out. `unknown_critical`: an extension that nobody knows.
    """

    signer: str = ""
    age_s: int = 0
    life_s: int | None = 7 * 86_400
    base: int | None = None
    only: tuple[str, ...] = ()
    point: str = ""
    indirect: bool = False
    omit: tuple[str, ...] = ()
    unknown_critical: bool = False
    digest: str = "sha256"
    forge: bool = False


class StampConduct(_Row, frozen=True, kw_only=True):
    """`refusal`: a PKIFailureInfo. `offset_s`: how far genTime lies from the clock. `other_imprint`: stamps something else.

    `nonce`: "echo", "ignore" or "other". `signer`: the declared certificate that signs. `bare`: no certificates enclosed although
    asked for. `bound`: "v2", "v1" or "" for the ESS attribute; `bound_to`: a declared certificate that it names instead.
    """

    refusal: str = ""
    offset_s: int = 0
    other_imprint: bool = False
    nonce: str = "echo"
    signer: str = ""
    bare: bool = False
    bound: str = "v2"
    bound_to: str = ""
    digest: str = "sha256"
    forge: bool = False


class WireConduct(_Row, frozen=True, kw_only=True):
    """Below the answer. `redirect`: the Location of a 302 to every call. `flood_bytes`: an answer of that many zero octets.

    `drip_s`: seconds between single octets of the answer. `content_type`: instead of the proper one.
    """

    redirect: str = ""
    flood_bytes: int = 0
    drip_s: float = 0.0
    content_type: str = ""


class Conduct(_Row, frozen=True, kw_only=True):
    """All services of one authority."""

    ocsp: OcspConduct = OcspConduct()
    crl: CrlConduct = CrlConduct()
    stamp: StampConduct = StampConduct()
    wire: WireConduct = WireConduct()


PROPER = Conduct()
