from collections.abc import Iterator

import pytest

from tests.docs.running import Chain


@pytest.fixture(scope="session")
def chain() -> Iterator[Chain]:
    started = Chain()
    yield started
    started.close()
