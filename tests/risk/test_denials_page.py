"""The page of denial codes is what the code says."""

from pathlib import Path

from dispersa.risk import CONTROLS, DenialCode, denials_table

PAGE = Path(__file__).resolve().parents[2] / "docs" / "concepts" / "denials.md"


def test_page_is_fresh() -> None:
    assert PAGE.read_text(encoding="utf-8") == denials_table(), (
        "docs/concepts/denials.md is stale; write dispersa.risk.denials_table() to it"
    )


def test_every_code_has_a_control_with_a_mend() -> None:
    assert set(CONTROLS) == set(DenialCode)
    assert all(control.mend and control.subject and control.binds for control in CONTROLS.values())
