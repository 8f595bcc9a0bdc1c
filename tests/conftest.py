"""What one test leaves behind must not reach the next."""

import signal
from collections.abc import Iterator

import pytest

HANDLERS = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}


@pytest.fixture(autouse=True)
def usual_signals() -> Iterator[None]:
    """Commands that run in the tests' own process install handlers; each test begins and ends without them."""
    for number, handler in HANDLERS.items():
        signal.signal(number, handler)
    yield
    for number, handler in HANDLERS.items():
        signal.signal(number, handler)
