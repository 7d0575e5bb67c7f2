"""Fixtures of the pricing tests."""

import json
from pathlib import Path
from typing import Any

import pytest

VECTORS = Path(__file__).parent / "answers" / "vectors.json"


@pytest.fixture(scope="session")
def vectors() -> dict[str, Any]:
    """Independent worked numbers; their provenance is in the file's `_meta`."""
    loaded: dict[str, Any] = json.loads(VECTORS.read_text())
    return loaded


@pytest.fixture(scope="session", autouse=True)
def _warm_kernels() -> None:
    from dispersa.pricing.warm import warm

    warm()
