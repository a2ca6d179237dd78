"""The token of the LGSP in front of the population database: kept, shared, renewed by one at a time (identity facts 2.2).

Whatever goes wrong here, the question itself was not sent.
"""

from __future__ import annotations

import base64
from urllib.parse import urlencode

from connectors.kit.contract import Kit
from connectors.kit.errors import ContractChanged, CredentialsRefused, Exchange, NotSent, OutcomeUnknown, Rejected
from connectors.kit.http import HttpClient, HttpOptions, HttpRequest, refusal
from connectors.kit.tokens import Attempt, KeptSecret, Made, granted
from connectors.vneid.population_routes import lgsp_access
from connectors.vneid.population_settings import LgspToken

_FORM = {"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"}
_LATE = "Chưa hỏi: hết thời gian khi chờ lấy mã truy cập của LGSP."


class PopulationToken:
    """Gets tokens by client credentials (RFC 6749, 4.4) with the LGSP's own header beside them."""

    def __init__(self, token: LgspToken, kit: Kit, options: HttpOptions) -> None:
        """Raises `ContractChanged` for an address that must not be used."""
        self._token = token
        self._kit = kit
        self._http = HttpClient(base_url=token.url, kit=kit, options=options)
        self._kept = KeptSecret(kit, f"{kit.upstream}.population_token", self._made, _LATE)

    async def obtain(self, attempt: Attempt, stale: str = "") -> tuple[str, bool]:
        """The token to use, and whether it was made just now; `stale` is one that was refused."""
        return await self._kept.obtain(attempt, stale)

    async def close(self) -> None:
        """Close every connection."""
        await self._http.close()

    async def _made(self, attempt: Attempt) -> Made:
        request = HttpRequest("POST", "", self._headers(), urlencode({"grant_type": "client_credentials"}).encode())
        try:
            answer = await self._http.call(request, attempt.left(self._kit))
            refused = refusal(answer, Exchange(http_status=answer.status))
            if refused is not None:
                raise refused
        except OutcomeUnknown as error:
            sentence = f"Chưa lấy được mã truy cập của LGSP: {error.message_vi}"
            raise NotSent(sentence, exchange=_bare(error.exchange), retry_after_s=error.retry_after_s) from None
        except (CredentialsRefused, Rejected) as error:
            sentence = f"LGSP không cấp mã truy cập: {error.message_vi}"
            raise CredentialsRefused(sentence, exchange=_bare(error.exchange)) from None
        except ContractChanged as error:
            sentence = f"Địa chỉ lấy mã truy cập của LGSP (token.url): {error.message_vi}"
            raise ContractChanged(sentence, exchange=_bare(error.exchange)) from None
        made = granted(answer.body, self._token.default_ttl_s, self._token.margin_s)
        if made is None:
            sentence = "Chưa lấy được mã truy cập của LGSP: câu trả lời không có access_token."
            raise NotSent(sentence, exchange=Exchange(http_status=answer.status))
        return made

    def _headers(self) -> dict[str, str]:
        headers = {**_FORM, **lgsp_access(self._token, self._kit)}
        if self._token.client_id:
            pair = f"{self._kit.secret(self._token.client_id)}:{self._kit.secret(self._token.client_secret)}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        return headers


def _bare(exchange: Exchange) -> Exchange:
    """What a token call leaves as evidence: its status, never its bodies."""
    return Exchange(http_status=exchange.http_status)
