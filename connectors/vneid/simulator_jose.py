"""Keys and signed tokens of the simulated identity provider, the false ones that it is ordered to give among them.

The only door to joserfc beside the client's own (`jose.py`). What no library gives willingly, an unsigned token and one signed
with a public key as if that were a shared secret, is written out by hand. Sources: RFC 7515, 7517, 7519; OIDC Core 3.1.3.6.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet, RSAKey, import_key, thumbprint

Claims = Mapping[str, Any]
Key: TypeAlias = RSAKey | ECKey
ALGORITHMS: Mapping[str, str] = {"RS256": "RSA", "PS256": "RSA", "ES256": "EC"}
"""Which algorithms the provider may sign with, and the kind of key of each."""

_ASSERTIONS = ("RS256", "PS256", "ES256")
_BITS = 2048


class UnfitAssertion(ValueError):
    """A client assertion whose signature or form is not right."""


def base64url(raw: bytes) -> str:
    """base64url without padding (RFC 7515, 2)."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def token_hash(token: str) -> str:
    """`at_hash` of an access token for the SHA-256 algorithms (OIDC Core 3.1.3.6)."""
    return base64url(hashlib.sha256(token.encode("ascii")).digest()[:16])


def challenge_of(verifier: str) -> str:
    """The S256 code challenge of a verifier (RFC 7636, 4.2)."""
    return base64url(hashlib.sha256(verifier.encode("ascii")).digest())


def unsigned(claims: Claims) -> str:
    """A token with `alg` none and no signature."""
    return f"{_part({'alg': 'none', 'typ': 'JWT'})}.{_part(claims)}."


@dataclass(slots=True)
class KeyRing:
    """The provider's keys: one signs, some are published. `number` gives each its `kid`, prefixed by `name`."""

    name: str
    algorithm: str = "RS256"
    published: list[Key] = field(default_factory=list, repr=False)
    ever: list[Key] = field(default_factory=list, repr=False)
    number: int = 0

    @property
    def active(self) -> Key:
        """The key that signs; the first is made when it is first needed."""
        if not self.published:
            self.rotate(keep=False)
        return self.published[-1]

    def rotate(self, *, keep: bool) -> str:
        """A new key signs from now on; the old ones stay published only with `keep`. The new `kid`."""
        key = self._fresh()
        self.published = [*self.published, key] if keep else [key]
        self.ever.append(key)
        return str(key.kid)

    def jwks(self) -> dict[str, Any]:
        """What is published (RFC 7517, 5): public halves alone."""
        known = self.published or [self.active]
        return {"keys": [key.as_dict(private=False, use="sig", alg=self.algorithm) for key in known]}

    def signed(self, claims: Claims, **header: str) -> str:
        """A token by the active key; what `header` says stands beside or in place of `alg`, `kid` and `typ`."""
        return self._by(self.active, claims, header)

    def read(self, token: str) -> dict[str, Any]:
        """The claims of a token that any key of ours ever signed, run out or not; empty for anything else."""
        try:
            return jwt.decode(token, KeySet(list(self.ever)), algorithms=[self.algorithm]).claims
        except (JoseError, ValueError, KeyError, TypeError, RecursionError):
            return {}

    def signed_by_retired(self, claims: Claims) -> str:
        """A token by the first key of all, which nobody publishes any more once the keys were rotated without `keep`."""
        return self._by((self.ever or [self.active])[0], claims, {})

    def signed_by_stranger(self, claims: Claims, **header: str) -> str:
        """The same by a key that was never published, under the `kid` of the active one."""
        stranger = self._fresh()
        return self._by(stranger, claims, {"kid": str(self.active.kid), **header})

    def signed_by_public_key(self, claims: Claims) -> str:
        """HS256 with our own public key, as PEM, for the secret: what a careless reader takes for genuine (RFC 8725, 2.1)."""
        head = _part({"alg": "HS256", "kid": str(self.active.kid), "typ": "JWT"})
        signing_input = f"{head}.{_part(claims)}"
        code = hmac.new(self.active.as_pem(private=False), signing_input.encode("ascii"), hashlib.sha256).digest()
        return f"{signing_input}.{base64url(code)}"

    def _by(self, key: Key, claims: Claims, header: Mapping[str, str]) -> str:
        whole = {"alg": self.algorithm, "kid": str(key.kid), "typ": "JWT", **header}
        whole = {name: value for name, value in whole.items() if value}
        return jws.serialize_compact(whole, _json(claims), key, algorithms=[self.algorithm])

    def _fresh(self) -> Key:
        self.number += 1
        parameters: Any = {"kid": f"{self.name}-{self.number}"}
        if ALGORITHMS[self.algorithm] == "EC":
            return ECKey.generate_key("P-256", parameters)
        return RSAKey.generate_key(_BITS, parameters)


def spoilt(token: str) -> str:
    """The token with another signature of the right length."""
    head, _, signature = token.rpartition(".")
    return f"{head}.{signature[::-1]}"


def read_assertion(assertion: str, keys: Mapping[str, Any]) -> dict[str, Any]:
    """The claims of a client assertion that one of `keys` (a JWK set) signed; raises `UnfitAssertion` (RFC 7523, 3)."""
    try:
        known = KeySet.import_key_set({"keys": list(keys.get("keys", ()))})
        return jwt.decode(assertion, known, algorithms=list(_ASSERTIONS)).claims
    except (JoseError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise UnfitAssertion(type(error).__name__) from None


def read_possession(proof: str) -> tuple[dict[str, Any], str]:
    """The claims of a DPoP proof and the thumbprint of the key that signed it (RFC 9449 4.2); raises `UnfitAssertion`."""
    try:
        header = jws.extract_compact(proof.encode("ascii")).headers()
        key = import_key(dict(header.get("jwk", {})))
        if header.get("typ") != "dpop+jwt" or key.is_private or not isinstance(key, RSAKey | ECKey):
            raise UnfitAssertion("header")
        return jwt.decode(proof, key, algorithms=list(_ASSERTIONS)).claims, thumbprint(key.as_dict(private=False))
    except (JoseError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise UnfitAssertion(type(error).__name__) from None


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _part(value: object) -> str:
    return base64url(_json(value))
