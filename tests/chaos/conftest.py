"""What the tests that break things share."""

from __future__ import annotations

import pytest

from tests.chaos.matrix import Matrix


@pytest.fixture
def matrix(request: pytest.FixtureRequest) -> Matrix:
    return Matrix(request.node)
