"""Fixtures that every room shares."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def test_data() -> Path:
    """Folder of the real development data; skips where a machine does not have it."""
    folder = Path(os.environ.get("DISPERSA_TEST_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real data: DISPERSA_TEST_DATA or {folder} is not a folder")
    return folder
