"""What one test leaves behind must not reach the next."""

import random
import signal
from collections.abc import Iterator

import numpy as np
import pytest
import torch

# Not those that the tests were started with: a shell's background jobs, and so our children, ignore Ctrl-C.
HANDLERS = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}

# They take minutes: begun last, they would keep one process busy while the others have nothing left.
LONG = ("docs/test_running.py", "test_end_to_end.py", "test_packaging.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first; make test tells pytest-xdist to keep this order."""
    items.sort(key=lambda item: not str(item.path).endswith(LONG))


@pytest.fixture(autouse=True)
def usual_signals() -> Iterator[None]:
    """Commands that run in the tests' own process install handlers; each test begins and ends with Python's own."""
    for number, handler in HANDLERS.items():
        signal.signal(number, handler)
    yield
    for number, handler in HANDLERS.items():
        signal.signal(number, handler)


@pytest.fixture(autouse=True)
def seed() -> None:
    """The same random numbers, whichever tests ran before: none passes or fails by its place in the order."""
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)
