"""Are the gateway's reference pages fresh, and is every fault met by a test?"""

import pytest

from dispersa.gateway.exchange.faults.catalogue import FAULTS as VENUE_FAULTS
from dispersa.gateway.outages import FAULTS as SERVER_FAULTS
from tests.gateway.reference_pages import (
    ALWAYS,
    NOT_THE_GATEWAYS,
    PAGE_TEXTS,
    PAGES,
    catalogue,
    met_by_code,
)


@pytest.mark.parametrize("page", PAGE_TEXTS)
def test_page_is_fresh(page: str) -> None:
    fresh = PAGE_TEXTS[page]()
    assert (PAGES / page).read_text() == fresh, "run python -m tests.gateway.reference_pages"


def test_every_number_of_the_catalogue_has_one_cause_or_a_reason() -> None:
    causes = [*SERVER_FAULTS, *VENUE_FAULTS, *ALWAYS, *NOT_THE_GATEWAYS]
    assert sorted(causes) == sorted(catalogue())


def test_every_fault_that_can_be_caused_is_met_by_a_test() -> None:
    met = met_by_code()
    assert [code for code in (*SERVER_FAULTS, *VENUE_FAULTS, *ALWAYS) if code not in met] == []
