"""Is the fill model what it says it is?"""

import pytest

from dispersa.errors import InvalidInput
from dispersa.gateway import events
from dispersa.gateway.exchange.fillmodel import (
    PRESETS,
    WALK_STEP_SECONDS,
    WALK_STEPS,
    Arrivals,
    fill_model,
    walk_cost,
)
from dispersa.gateway.exchange.matching import Matcher
from dispersa.gateway.exchange.nbbo import ComboPart
from dispersa.gateway.model import BAG_CON_ID
from tests.gateway.exchange.bench import Bench


@pytest.mark.parametrize("name", PRESETS)
def test_standard_walk_pays_the_published_share(name: str) -> None:
    model = fill_model(name)
    assert walk_cost(model.rate_per_second) == pytest.approx(model.effective_over_quoted, abs=1e-3)
    assert f"{model.effective_over_quoted:.2f}" in model.text()


def test_simulated_walks_pay_what_the_formula_says() -> None:
    """400 walks against arrivals drawn step by step; the standard error is about 0.015."""
    model, costs = fill_model("base"), []
    for number in range(400):
        arrivals = Arrivals(seed=3, perm_id=number)
        paid = 1.0
        for step in range(WALK_STEPS):
            x = step / WALK_STEPS
            ticks = int(WALK_STEP_SECONDS / 0.25)
            if any(arrivals.wait(model.rate(x), 0.25) for _ in range(ticks)):
                paid = x
                break
        costs.append(paid)
    assert sum(costs) / len(costs) == pytest.approx(model.effective_over_quoted, abs=0.05)


def test_rate_rises_towards_the_far_quote_and_ends_at_the_near_one() -> None:
    model = fill_model("base")
    rates = [model.rate(x) for x in (-1.5, -1.0, -0.5, 0.0, 0.5, 0.99)]
    assert rates[:2] == [0.0, 0.0]
    assert rates[2:] == sorted(rates[2:])
    assert model.rate(1.0) == 0.0  # at the far quote the displayed size fills, not hidden interest


def test_arrivals_do_not_depend_on_how_time_is_cut() -> None:
    fine, coarse = Arrivals(seed=1, perm_id=9), Arrivals(seed=1, perm_id=9)
    first = next(k for k in range(1, 100_000) if fine.wait(0.01, 0.25)) * 0.25
    second = next(k for k in range(1, 100_000) if coarse.wait(0.01, 5.0)) * 5.0
    assert second - 5.0 < first <= second


def test_unknown_preset_is_refused() -> None:
    with pytest.raises(InvalidInput, match="generous"):
        fill_model("dreamy")


def test_order_inside_the_spread_fills_at_its_limit_in_whole_units(bench: Bench) -> None:
    straddle = bench.straddle("NFLX", 107.5)
    bid, ask = bench.quote(straddle)
    limit = round(bid + 0.8 * (ask - bid), 2)
    order_id = bench.place(straddle, "BUY", 40, limit_price=limit)
    bench.run(300.0, step=1.0)
    bags = [x for x in bench.of(events.Execution) if x.contract.con_id == BAG_CON_ID]
    assert bags
    assert all(line.price <= limit and line.shares == int(line.shares) for line in bags)
    assert len(bags) > 1
    assert bench.status(order_id) in ("Submitted", "Filled")


def test_displayed_size_that_was_taken_is_gone_for_two_seconds(bench: Bench) -> None:
    call = bench.option("AAPL", 270.0, "C")
    bench.place(call, "BUY", 50_000)
    bench.run(1.5)
    early = bench.of(events.Execution)[-1].cumulative_quantity
    assert early < 1_000
    bench.run(4.0)
    assert bench.of(events.Execution)[-1].cumulative_quantity > early


@pytest.mark.parametrize("share", [-0.9, -0.3, 0.0, 0.4, 1.0])
@pytest.mark.parametrize("shape", ["straddle", "spread", "ratio"])
def test_leg_prices_add_up_to_the_net_price(bench: Bench, share: float, shape: str) -> None:
    near, far = bench.option("AAPL", 270.0, "C"), bench.option("AAPL", 280.0, "C")
    put = bench.option("AAPL", 270.0, "P")
    legs = {
        "straddle": ((near, 1), (put, 1)),
        "spread": ((near, 1), (far, -1)),
        "ratio": ((near, 1), (far, -2)),
    }[shape]
    venue = bench.venue
    parts = []
    for contract, ratio in legs:
        found = venue._directory.by_id(contract.con_id)
        assert found is not None
        parts.append(ComboPart(instrument=found, ratio=ratio))
    quote = venue._quotes.combo_quote(parts)
    net = round(quote.mid + share * 0.5 * (quote.ask - quote.bid), 2)
    prices = Matcher(venue._quotes, fill_model("base")).leg_prices(parts, net)
    assert sum(p.ratio * x for p, x in zip(parts, prices, strict=True)) == pytest.approx(net)
    for part, price in zip(parts, prices, strict=True):
        top = venue._quotes.quote(part.instrument)
        assert top.bid - 0.03 <= price <= top.ask + 0.03
