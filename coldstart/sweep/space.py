"""A search space: Hydra's sweep syntax on the command line, as distributions of Optuna."""

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import IntervalSweep, Override, RangeSweep, Transformer
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from coldstart.errors import UserError

__all__ = ["Dimension", "Value", "combinations", "divide", "grid", "overrides"]

Value = int | float | str  # text stands as in Hydra's grammar, quoted where it needs to be

MOST = 1000  # values that a range may list


@dataclass(frozen=True)
class Dimension:
    """What is swept over: a config key or group, as it was given, and the values it may take.

    `values` are all of them where they were listed (`finite`), else the two ends of an interval.
    """

    key: str
    text: str
    distribution: BaseDistribution
    values: tuple[Value, ...]
    finite: bool

    @property
    def extremes(self) -> tuple[Value, ...]:
        """The values that show whether all of them will do: each choice, both ends of a range or interval."""
        if isinstance(self.distribution, CategoricalDistribution):
            return self.values
        return self.values[:: max(1, len(self.values) - 1)]

    def find(self, value: object) -> Value | None:
        """The same value, as the space writes it; None where it is not in it."""
        if self.finite:
            text = "null" if value is None else str(value)
            return next((v for v in self.values if v == value or str(v) == text), None)
        low, high = map(float, self.values)
        numbers = int if isinstance(self.distribution, IntDistribution) else (int, float)
        inside = isinstance(value, numbers) and not isinstance(value, bool) and low <= value <= high
        return value if inside else None  # type: ignore[return-value]


def divide(arguments: Sequence[str], loader: ConfigLoader | None = None) -> tuple[list[str], list[Dimension]]:
    """The overrides that are the same for every trial, and what is swept over: `a,b`, `choice`, `range`, `interval`.

    `interval(1e-4, 1e-2)` is any number between, `int(interval(1, 8))` any whole one; `tag(log, interval(…))` draws
    evenly on a logarithmic scale. `loader` finds the options of a group for `glob`.

    Raises:
        UserError: there is nothing to sweep over, or a range of it is empty or too long.
    """
    parsed = OverridesParser.create(config_loader=loader).parse_overrides(list(arguments))
    fixed = [str(o.input_line) for o in parsed if not o.is_sweep_override()]
    space = [_dimension(o) for o in parsed if o.is_sweep_override()]
    if not space:
        raise UserError(
            "--multirun: nothing to sweep over; give a key several values, such as batch=4,8 or "
            "'lr=tag(log, interval(1e-4, 1e-2))'"
        )
    for key in (d.key for d in space):
        if sum(d.key == key for d in space) > 1:
            raise UserError(f"{key}: swept over twice")
    return fixed, space


def combinations(space: Sequence[Dimension]) -> int | None:
    """How many configs there are, or None where a dimension is an interval."""
    return math.prod(len(d.values) for d in space) if all(d.finite for d in space) else None


def grid(space: Sequence[Dimension]) -> Iterator[dict[str, Value]]:
    """Every config of finite dimensions, in the order of Hydra's own sweeper."""
    for values in itertools.product(*(d.values for d in space)):
        yield {d.key: value for d, value in zip(space, values, strict=True)}


def overrides(params: Mapping[str, Any]) -> list[str]:
    """What gives a trial its values."""
    return [f"{key}={value}" for key, value in params.items()]


def _dimension(given: Override) -> Dimension:
    key, value = given.get_key_element(), given.value()
    text = str(given.input_line).split("=", 1)[1]
    where = f"{key}={text}"
    tags: set[str] = getattr(value, "tags", set())
    if tags - {"log"} or (tags and not isinstance(value, IntervalSweep)):
        raise UserError(f"{where}: the one tag there is is log, of an interval: 'tag(log, interval(1e-4, 1e-2))'")
    if isinstance(value, IntervalSweep):
        return _interval(key, text, value, where)
    if isinstance(value, RangeSweep) and not value.shuffle:
        return _range(key, text, value, where)
    elements = list(dict.fromkeys(map(_element, given.sweep_iterator())))
    if not elements:
        raise UserError(f"{where}: has no value in it")
    return Dimension(key, text, CategoricalDistribution(elements), tuple(elements), True)


def _element(value: Any) -> Value:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return value if number else str(Transformer.str(value))


def _interval(key: str, text: str, given: IntervalSweep, where: str) -> Dimension:
    low, high, log = given.start, given.end, "log" in given.tags
    if low is None or high is None or not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise UserError(f"{where}: an interval is two numbers, the lower first")
    if log and low <= 0:
        raise UserError(f"{where}: a logarithmic interval begins above 0")
    distribution: BaseDistribution
    if isinstance(low, int) and isinstance(high, int):
        distribution = IntDistribution(low, high, log=log)
    else:
        distribution = FloatDistribution(float(low), float(high), log=log)
    return Dimension(key, text, distribution, (low, high), False)


def _range(key: str, text: str, given: RangeSweep, where: str) -> Dimension:
    start, stop, step = float(given.start or 0), float(given.stop or 0), float(given.step)
    count = math.ceil((stop - start) / step) if step else 0
    if not 0 < count <= MOST:
        raise UserError(f"{where}: has {max(count, 0)} values; a range has 1 to {MOST}, an interval any number")
    # 12 digits: ten tenths are 1, not 0.9999999999999999
    values = sorted(v if isinstance(v, int) else float(f"{v:.12g}") for v in given.range())
    low, high, width = values[0], values[-1], abs(given.step)
    distribution: BaseDistribution
    if isinstance(low, int) and isinstance(high, int) and isinstance(width, int):
        distribution = IntDistribution(low, high, step=width)
    else:
        distribution = FloatDistribution(float(low), float(high), step=float(width))
    return Dimension(key, text, distribution, tuple(values), True)
