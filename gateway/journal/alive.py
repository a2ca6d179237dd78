"""Whether anybody is at work on a shared store: what moves it, or says that it was restored, waits until nobody is."""

from __future__ import annotations

from gateway.errors import GatewayError
from gateway.journal.packing import Tables


class NodesAtWork(GatewayError):
    """Cổng còn đang chạy trên kho này; hãy dừng mọi nút trước."""


def refuse_nodes(tables: Tables, alive_s: float = 10.0) -> None:
    """Raises `NodesAtWork` where a node has beaten within `alive_s` by the server's clock; whoever reads an embedded store
    holds its lock.
    """
    if not tables.shared:
        return
    now = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
    sql = f"SELECT node FROM node WHERE start <> '' AND beat > {now} - ?1::bigint ORDER BY node"
    alive = [str(row[0]) for row in tables.fetch(sql, (round(alive_s * 1_000_000),))]
    if alive:
        raise NodesAtWork(f"{NodesAtWork.__doc__} Đang chạy: {', '.join(alive)}.")
