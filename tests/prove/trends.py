"""Does a figure stay flat? The line that fits best through what was measured after a warm-up, and what it grew by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

WARM_UP = 0.4
"""This share of the time counts for nothing: caches fill, pools open, vacuum comes for the first time."""
_FEWEST = 6


@dataclass(frozen=True, slots=True)
class Tolerance:
    """What a figure may grow by over the whole stretch: so much of its mean, or so much, whichever is more."""

    share: float
    least: float


@dataclass(slots=True)
class Trend:
    """One figure over time."""

    name: str
    unit: str
    tolerance: Tolerance
    points: list[tuple[float, float]] = field(default_factory=list)

    def add(self, at: float, value: float) -> None:
        """What was measured at that moment, in seconds."""
        self.points.append((at, value))

    def settled(self) -> Sequence[tuple[float, float]]:
        """The points after the warm-up."""
        if not self.points:
            return ()
        first, last = self.points[0][0], self.points[-1][0]
        return [point for point in self.points if point[0] >= first + WARM_UP * (last - first)]

    def growth(self) -> float:
        """By how much the fitted line rises from the first settled point to the last; 0 for fewer than two."""
        points = self.settled()
        if len(points) < 2:
            return 0.0
        mean_at = sum(at for at, _ in points) / len(points)
        mean = sum(value for _, value in points) / len(points)
        spread = sum((at - mean_at) ** 2 for at, _ in points)
        if not spread:
            return 0.0
        slope = sum((at - mean_at) * (value - mean) for at, value in points) / spread
        return slope * (points[-1][0] - points[0][0])

    def allowed(self) -> float:
        """What it may have grown by."""
        points = self.settled()
        mean = sum(value for _, value in points) / max(1, len(points))
        return max(self.tolerance.share * mean, self.tolerance.least)

    @property
    def flat(self) -> bool:
        """Whether it stayed within its tolerance; too few points are no proof."""
        return len(self.settled()) >= _FEWEST and self.growth() <= self.allowed()

    def __str__(self) -> str:
        points = self.settled()
        first, last = (points[0][1], points[-1][1]) if points else (0.0, 0.0)
        word = "flat" if self.flat else "GROWS"
        grown = f"fitted {self.growth():+.3g}, allowed {self.allowed():.3g}"
        return f"{self.name}: {first:.4g} -> {last:.4g} {self.unit}, {grown}: {word}"
