"""Whether all live nodes run one configuration: looked at with each heartbeat, and told to operators where it lasts.

While a change is rolled out nodes differ for as long as that takes. What differs longer was forgotten, or refused on one node:
then it depends on which node a caller meets what a limit, a route or a consent is (delivery-engine F19).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gateway.clock import Clock
from gateway.dispatch.nodes import Nodes

APART = "configuration.apart"
"""The alarm: live nodes run configurations of different generations."""
ROLLING_S = 300.0
"""So long a rolling change may take: a reload is a second on each node, a restart with its drain a minute or two."""
_AGAIN_S = 900.0


@dataclass(slots=True)
class Agreement:
    """Compares this node with the others. `raised` and `ended` tell operators, in Vietnamese.

    It counts from the first look that saw a difference until one that sees none; neither a reload of this node in between nor a
    third configuration begins it anew. While this node's own beats fail it knows nothing of the others and tells nothing.
    """

    nodes: Nodes
    clock: Clock
    raised: Callable[[str], None]
    ended: Callable[[str], None]
    _since: float | None = None
    _told_at: float | None = None

    def look(self) -> None:
        """One look, behind a beat that the store took."""
        now, apart = self.clock.instant(), self.nodes.apart()
        if not apart:
            if self._told_at is not None:
                self.ended(f"Các nút đang chạy lại có cùng cấu hình {self.nodes.runs.generation}.")
            self._since = self._told_at = None
            return
        self._since = now if self._since is None else self._since
        if now - self._since < ROLLING_S or (self._told_at is not None and now - self._told_at < _AGAIN_S):
            return
        self._told_at = now
        self.raised(self._told_vi(now - self._since))

    def _told_vi(self, lasts_s: float) -> str:
        runs = self.nodes.runs
        each = [(self.nodes.name, runs.generation, runs.version)]
        each.extend((row.node, row.generation, row.version) for row in self.nodes.apart())
        told = "; ".join("nút {} chạy cấu hình {} (phiên bản {})".format(*one) for one in each)
        return (
            f"Các nút chạy cấu hình khác nhau đã {lasts_s / 60:.0f} phút: {told}. Đặt cùng một tệp cấu hình trên mọi nút rồi "
            "chạy gateway reload tại nút còn chạy cấu hình cũ; nếu bị từ chối thì sửa lỗi được nêu, hoặc khởi động lại nút đó; "
            "xem lại bằng gateway nodes."
        )
