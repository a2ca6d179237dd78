"""The other end of the admin socket, for the command line."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from gateway.errors import GatewayError, IntakeError


class NotRunning(GatewayError):
    """Không kết nối được tới cổng đang chạy; hãy chạy `gateway serve` trước."""


class AnswerLost(GatewayError):
    """Cổng ngừng trước khi trả lời; chưa rõ quyết định đã được ghi hay chưa. Hãy xem gateway lanes rồi chạy lại lệnh."""


Body = Mapping[str, object]
Query = Mapping[str, str]


async def ask(path: Path, command: str, *, body: Body | None = None, query: Query | None = None) -> Any:
    """The answer of the running gateway to a command; raises `IntakeError`, `NotRunning`, `AnswerLost`."""
    connector = aiohttp.UnixConnector(path=str(path))
    try:
        async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=60)) as session:
            url = f"http://admin/admin/{command}"
            if body is None:
                response = await session.get(url, params=query)
            else:
                response = await session.post(url, data=msgspec.json.encode(body))
            tree = msgspec.json.decode(await response.read())
            status = response.status
    except (aiohttp.ClientConnectorError, FileNotFoundError) as error:
        raise NotRunning from error
    except (aiohttp.ClientConnectionError, TimeoutError) as error:
        raise AnswerLost from error
    except msgspec.DecodeError as error:
        # A fault of the gateway's own leaves as plain text; its stack stands in the gateway's log.
        raise GatewayError(f"Cổng gặp lỗi nội bộ khi thực hiện lệnh {command}; hãy xem nhật ký của cổng.") from error
    if status >= 400:
        raise _refusal(tree, status)
    return tree


async def lines(path: Path, command: str, body: Body) -> AsyncIterator[bytes]:
    """An answer of any length, line by line; raises like `ask`, and `AnswerLost` when it breaks off."""
    connector = aiohttp.UnixConnector(path=str(path))
    timeout = aiohttp.ClientTimeout(total=None, sock_read=60)
    try:
        async with aiohttp.ClientSession(connector=connector, timeout=timeout, read_bufsize=1 << 22) as session:
            response = await session.post(f"http://admin/admin/{command}", data=msgspec.json.encode(body))
            if response.status >= 400:
                raise _refusal(msgspec.json.decode(await response.read()), response.status)
            async for line in response.content:
                yield line
    except (aiohttp.ClientConnectorError, FileNotFoundError) as error:
        raise NotRunning from error
    except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, TimeoutError) as error:
        raise AnswerLost from error


def _refusal(tree: Any, status: int) -> IntakeError:
    return IntakeError(str(tree.get("message_vi", "")), code=str(tree.get("code", "")), status=status)
