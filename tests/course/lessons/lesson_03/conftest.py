from __future__ import annotations

from collections.abc import Iterator

import pytest

from pyctr_lab import Lab


@pytest.fixture
def lab() -> Iterator[Lab]:
    """A lab for one test: what is done to its host stays."""
    with Lab() as made:
        yield made
