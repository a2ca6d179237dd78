"""The operators' look at what connectors keep: the views that they bring along, found by name. It decides nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from connectors.kit.contract import Look, Table, View
from connectors.kit.declarations import ViewSpec
from connectors.kit.errors import CannotMap, DeliveryError
from gateway.errors import Invalid, NotFound, UpstreamUnavailable

MOST_ROWS = 1_000
_LIMIT_S = 30.0


@dataclass(frozen=True, slots=True)
class Viewable:
    """The views of one upstream, each with its declaration."""

    views: Mapping[str, View]
    specs: Mapping[str, ViewSpec]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which view, of which upstream ("" where only one has it), with which filters, and how many rows."""

    view: str
    upstream: str
    filters: Mapping[str, str]
    limit: int


class ViewDesk:
    """Everything that connectors show here."""

    def __init__(self, upstreams: Mapping[str, Viewable]) -> None:
        self._upstreams = upstreams

    async def shown(self, wanted: Wanted) -> Mapping[str, object]:
        """The table of a view. Raises `NotFound` for one that nobody offers, `Invalid` for filters that mean nothing."""
        code = self._upstream(wanted)
        one = self._upstreams[code]
        spec = one.specs[wanted.view]
        unknown = sorted(wanted.filters.keys() - set(spec.filters))
        if unknown:
            told = (
                f"Không lọc được theo {', '.join(unknown)}; có thể lọc theo: {', '.join(spec.filters) or 'không có'}."
            )
            raise Invalid(told, code="view_filter", status=400)
        if not 1 <= wanted.limit <= MOST_ROWS:
            raise Invalid(f"Số dòng phải từ 1 đến {MOST_ROWS}.", code="view_filter", status=400)
        table = await _made(one.views[wanted.view], Look(wanted.filters, wanted.limit))
        return {"upstream": code, "view": wanted.view, **_tree(table)}

    async def listing(self) -> Mapping[str, object]:
        """All views, for people."""
        return {
            "views": [
                {"upstream": code, "view": name, "summary": spec.summary, "filters": list(spec.filters)}
                for code, one in sorted(self._upstreams.items())
                for name, spec in sorted(one.specs.items())
            ]
        }

    def _upstream(self, wanted: Wanted) -> str:
        offers: Sequence[str] = [code for code, one in sorted(self._upstreams.items()) if wanted.view in one.specs]
        if wanted.upstream:
            offers = [code for code in offers if code == wanted.upstream]
        if not offers:
            raise NotFound(f"Không có hệ thống nào đang bật có bảng {wanted.view!r}.", code="view_unknown")
        if len(offers) > 1:
            told = f"Nhiều hệ thống có bảng {wanted.view!r}; cần nêu một: {', '.join(offers)}."
            raise Invalid(told, code="view_filter", status=400)
        return offers[0]


async def _made(view: View, look: Look) -> Table:
    try:
        async with asyncio.timeout(_LIMIT_S):
            return await view(look)
    except TimeoutError:
        raise UpstreamUnavailable(f"Đầu nối chưa trả lời trong {_LIMIT_S:g} giây.") from None
    except CannotMap as error:
        raise Invalid(error.message_vi, code="view_filter", status=400) from error
    except DeliveryError as error:
        raise UpstreamUnavailable(error.message_vi) from error


def _tree(table: Table) -> dict[str, object]:
    return {
        "title": table.title_vi,
        "columns": list(table.columns),
        "rows": [dict(zip(table.keys, row, strict=True)) for row in table.rows],
        "note": table.note_vi,
        "wrong": table.wrong,
        "more": table.more,
    }
