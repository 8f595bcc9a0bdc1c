"""Progress with rate and time left: a bar on a terminal, plain lines where the output is piped."""

import sys
import time
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

__all__ = ["Progress", "clock", "track"]

T = TypeVar("T")
LINE_EVERY = 5.0  # seconds between two plain lines


def clock(seconds: float) -> str:
    """Seconds as `m:ss`, or `h:mm:ss` from an hour on."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}" if minutes >= 60 else f"{minutes}:{rest:02d}"


class Progress:
    """Counts up to `total`; `note` shows next to the rate (a loss, or failures so far)."""

    def __init__(self, total: int, description: str, unit: str = "it", initial: int = 0) -> None:
        self.total, self.description, self.unit, self.count = total, description, unit, initial
        self.initial, self.start, self.printed = initial, time.monotonic(), time.monotonic()
        self.bar: Any = None
        if sys.stderr.isatty():
            from tqdm import tqdm

            self.bar = tqdm(total=total, desc=description, unit=unit, initial=initial, dynamic_ncols=True)

    def update(self, amount: int = 1, note: str = "") -> None:
        """Advance by `amount`."""
        self.count += amount
        if self.bar is not None:
            self.bar.set_postfix_str(note, refresh=False)
            self.bar.update(amount)
        elif self.count >= self.total or time.monotonic() - self.printed >= LINE_EVERY:
            self.printed = time.monotonic()
            print(self._line(note), file=sys.stderr, flush=True)

    def _line(self, note: str) -> str:
        seconds = time.monotonic() - self.start
        rate = (self.count - self.initial) / max(seconds, 1e-9)
        left = (self.total - self.count) / rate if rate else float("inf")
        clock = "?" if left == float("inf") else f"{int(left) // 60}:{int(left) % 60:02d}"
        return f"{self.description}: {self.count}/{self.total} [{rate:.2f} {self.unit}/s, {clock} left]" + (
            f" {note}" if note else ""
        )

    def close(self) -> None:
        """Leave the bar as it is; needed on a terminal only."""
        if self.bar is not None:
            self.bar.close()


def track(items: Iterable[T], description: str, total: int | None = None, unit: str = "it") -> Iterator[T]:
    """Yield `items` and show how far it is."""
    if total is None:
        items = list(items)
        total = len(items)
    progress = Progress(total, description, unit)
    try:
        for item in items:
            yield item
            progress.update()
    finally:
        progress.close()
