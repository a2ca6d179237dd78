"""Time stamps for what we sign, from the one authority that the operator configured; never from an address in a certificate.

Sources: RFC 3161 2.4 and 3.4, RFC 5816; NĐ 68/2024/NĐ-CP Điều 29 (the authority's address is the one its provider published);
signing facts 3.3 (SHA-256 imprint, nonce, certificate asked for) and T7 (a clock that is off).
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from connectors.kit.fetching import FetchError
from gateway.clock import Clock
from signing.algorithms import DIGESTS
from signing.errors import SigningRefused, StampUnavailable
from signing.timestamp import StampRequest, read_answer

QUERY = "application/timestamp-query"


class Posts(Protocol):
    """Whoever may ask the configured authority: `connectors.kit.status_fetching.StatusFetcher`."""

    async def post(self, url: str, body: bytes, content_type: str) -> bytes:
        """The whole answer; raises `FetchError`."""


@dataclass(frozen=True, slots=True)
class Authority:
    """The configured authority. `policy`: an object identifier it must use, empty for its own choice.

    `max_offset`: how far our clock may lie from its time before nothing is signed any more.
    """

    url: str
    policy: str = ""
    digest: str = "sha256"
    max_offset: timedelta = timedelta(seconds=60)


class StampDesk:
    """Asks for stamps. `noise` gives random bytes for nonces."""

    def __init__(
        self, authority: Authority, fetcher: Posts, clock: Clock, noise: Callable[[int], bytes] = os.urandom
    ) -> None:
        self.authority = authority
        self._fetcher, self._clock, self._noise = fetcher, clock, noise

    async def stamp(self, imprint: bytes) -> bytes:
        """A token over this imprint. Raises `StampUnavailable`, and `SigningRefused` when the clocks disagree (T7)."""
        asked = self.authority
        nonce = int.from_bytes(self._noise(8), "big") | 1 << 63
        request = StampRequest(imprint, DIGESTS[asked.digest], nonce, asked.policy)
        before = self._clock.now()
        try:
            raw = await self._fetcher.post(asked.url, request.encode(), QUERY)
        except FetchError as error:
            raise StampUnavailable("khong_co_dau_thoi_gian", f"Không lấy được dấu thời gian: {error}") from None
        answer = await asyncio.to_thread(read_answer, raw, request)
        after = self._clock.now()
        if answer.token is None or answer.facts is None or answer.facts.gen_time is None:
            said = answer.failure or next((one.code for one in answer.observations if not one.ok), "unusable")
            raise StampUnavailable(
                "dau_thoi_gian_khong_dung_duoc", f"Máy chủ cấp dấu thời gian từ chối hoặc trả lời sai ({said})."
            )
        allowed = asked.max_offset + timedelta(seconds=answer.facts.accuracy_seconds)
        if not before - allowed <= answer.facts.gen_time <= after + allowed:
            off = (answer.facts.gen_time - after).total_seconds()
            raise SigningRefused(
                "dong_ho_lech", f"Đồng hồ của máy lệch {off:+.0f} giây so với máy chủ dấu thời gian; từ chối ký."
            )
        return answer.token
