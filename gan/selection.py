"""Which of a training's generators is the best, and whether to go on: pure functions of what was measured so far."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from coldstart.errors import UserError

__all__ = ["MeasureConfig", "Measurement", "best", "stop_reason"]


@dataclass(frozen=True)
class MeasureConfig:
    """`measure` of the config; see conf/gan_train.yaml."""

    every: int = 500
    renders: int = 32
    retained: float = 0.98
    patience: int = 10

    def __post_init__(self) -> None:
        for name in ("every", "renders", "patience"):
            if getattr(self, name) < 0:
                raise UserError(f"measure.{name}: must not be negative, got {getattr(self, name)}; 0 is off")
        if not 0 <= self.retained <= 1:
            raise UserError(f"measure.retained: must lie between 0 and 1, got {self.retained}")


class Measurement(NamedTuple):
    """A generator after `step` steps: distances to the photos with standard errors, and its share of kept objects.

    None is what could not be measured.
    """

    step: int
    swd: float
    swd_error: float
    kid_lite0: float | None
    kid_error: float | None
    retained: float | None

    def __str__(self) -> str:
        """For a log, such as `step 500: swd 12.3 ± 1.1, kid_lite0 0.0812 ± 0.0103, retained 99.2 %`."""
        parts = [f"swd {self.swd:.1f} ± {self.swd_error:.1f}"]
        if self.kid_lite0 is not None:
            parts.append(f"kid_lite0 {self.kid_lite0:.4f} ± {self.kid_error:.4f}")
        if self.retained is not None:
            parts.append(f"retained {100 * self.retained:.1f} %")
        return f"step {self.step}: {', '.join(parts)}"


def best(history: Sequence[Measurement], floor: float) -> Measurement:
    """The lowest `swd` among those that retain at least `floor`; if none does, the one that retains most.

    Ties go to the earlier. Where `retained` was not measured, all retain enough.
    """

    def rank(m: Measurement) -> tuple[bool, float, float]:
        if m.retained is None or m.retained >= floor:
            return False, m.swd, 0.0
        return True, -m.retained, m.swd

    return min(history, key=rank)


def stop_reason(history: Sequence[Measurement], config: MeasureConfig) -> str | None:
    """Why training should stop now, or None: for `patience` measurements none was best, or each retained too little."""
    latest = history[-config.patience :]
    if not config.patience or len(latest) < config.patience:
        return None
    if all(m.retained is not None and m.retained < config.retained for m in latest):
        return f"in {config.patience} measurements fewer than {100 * config.retained:g} % of the objects were retained"
    chosen = best(history, config.retained)
    if chosen.step < latest[0].step:
        return f"in {config.patience} measurements none was better than that of step {chosen.step}"
    return None
