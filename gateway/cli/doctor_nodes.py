"""What `gateway doctor` looks at where several nodes share a store: PostgreSQL under it, its steps, Redis beside it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from gateway.bootstrap.coordination import open_coordination
from gateway.bootstrap.stores import examined_database
from gateway.bootstrap.upgrades import looked
from gateway.cli.findings import Finding
from gateway.clock import Clock
from gateway.config import Loaded
from gateway.config.model import Postgres
from gateway.coordination.redis import RedisCoordination
from gateway.errors import GatewayError
from gateway.journal.inspecting import Inspected, inspect
from gateway.observe.metrics import Metrics

_SKEW_S = 1.0
_FLUSHED = ("on", "remote_apply")


def shared_store(loaded: Loaded) -> Iterator[Finding]:
    """Everything about PostgreSQL and Redis; nothing where the store is embedded."""
    postgres = loaded.settings.storage.postgres
    if postgres is None:
        return
    try:
        seen, left = inspect(examined_database(loaded, postgres)), looked(loaded)
    except GatewayError as error:
        yield Finding("PostgreSQL", False, str(error))
    else:
        yield from database(seen, postgres)
        names = [*(step.name for step in (*left.pre, *left.post)), *left.partitions, *left.strange, *left.altered]
        yield Finding("bước nâng cấp", left.complete, f"thiếu hoặc khác: {', '.join(names)}" if names else "đủ")
    if loaded.settings.coordination.redis:
        yield asyncio.run(_redis(loaded))


def database(seen: Inspected, postgres: Postgres) -> Iterator[Finding]:
    """Every finding about a server that answers."""
    told = seen.settings
    yield Finding(
        "PostgreSQL", not seen.standby, told["server_version"] + ("; đây là máy dự phòng" if seen.standby else "")
    )
    for name, why in (
        ("fsync", "tắt thì mất dữ liệu khi mất điện"),
        ("full_page_writes", "tắt thì trang có thể hỏng khi mất điện"),
        ("data_checksums", "tắt thì đĩa hỏng không bị phát hiện; bật bằng pg_checksums"),
        ("autovacuum", "tắt thì các bảng phình to và việc giao nhận chậm dần"),
    ):
        yield Finding(name, told[name] == "on", told[name] if told[name] == "on" else f"{told[name]}: {why}")
    flushed = told["synchronous_commit"] in _FLUSHED
    yield Finding("synchronous_commit", flushed, told["synchronous_commit"])
    if postgres.durability == "sync-standby":
        names = told["synchronous_standby_names"]
        well = bool(names) and seen.standbys > 0 and flushed
        yield Finding("máy dự phòng đồng bộ", well, f"tên: {names or 'chưa đặt'}; đang nhận: {seen.standbys}")
    tables = ", ".join(seen.untuned)
    yield Finding(
        "autovacuum lane, msg, record",
        not tables,
        f"chưa đặt riêng: {tables}" if tables else "scale_factor 0.01, delay 0",
    )
    hidden = "" if seen.sees_all else " (tài khoản không thấy hết; cấp pg_read_all_stats)"
    yield Finding("giao dịch quá 60 giây", seen.old == 0, f"{seen.old}{hidden}")
    yield Finding(
        "giao dịch ghi giữ dòng tin",
        seen.holding == 0,
        f"{seen.holding} giao dịch ghi mở quá 10 giây trên máy chủ{hidden}",
    )
    idle = told["idle_in_transaction_session_timeout"]
    yield Finding("idle_in_transaction_session_timeout", idle not in ("0", "0ms"), idle)
    apart = f"máy chủ lệch {seen.ahead_s * 1000:+.0f} ms (±{seen.unsure_s * 1000:.0f})"
    yield Finding("đồng hồ của PostgreSQL", abs(seen.ahead_s) - seen.unsure_s < _SKEW_S, apart)
    pooler = (
        "có bộ gom kết nối ở giữa: chỉ dùng chế độ session, hoặc PgBouncer 1.21 trở lên với max_prepared_statements"
    )
    yield Finding("kết nối thẳng", not seen.pooled, pooler if seen.pooled else "có")


async def _redis(loaded: Loaded) -> Finding:
    try:
        async with open_coordination(loaded, Clock(), Metrics()) as made:
            redis = made.coordination
            up = isinstance(redis, RedisCoordination) and redis.is_up()
    except GatewayError as error:
        return Finding("Redis", False, str(error))
    away = "không trả lời; các nút dùng phần chia của mọi hạn mức"
    return Finding("Redis", up, "trả lời" if up else away)
