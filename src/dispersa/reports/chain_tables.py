"""How do a chain and a straddle look, on a terminal and as JSON?"""

from decimal import Decimal
from typing import Any

from rich.table import Table

from dispersa.market import AtmStraddle, ChainRow, OptionChain, OptionContract, Quote
from dispersa.reports.tables import NOTHING, number, points, price, table


def chain_table(chain: OptionChain) -> Table:
    """Show one row per option."""
    rows = table(
        f"{chain.underlying.symbol} {chain.expiry}, spot {price(chain.spot)}, "
        f"{chain.at:%H:%M:%S} UTC",
        "option", "bid", "ask", "IV %", "delta", "gamma", "vega/pt", "theta/day", "missing",
    )  # fmt: skip
    for row in chain.rows:
        rows.add_row(*_cells(row))
    return rows


def _cells(row: ChainRow) -> list[str]:
    quote, greeks = row.quote, row.greeks
    numbers = (
        [NOTHING] * 5
        if greeks is None
        else [
            points(greeks.implied_vol),
            number(greeks.delta, places=3, signed=True),
            number(greeks.gamma, places=4),
            number(greeks.vega, places=3),
            number(greeks.theta, places=3),
        ]
    )
    bid, ask = (None, None) if quote is None else (quote.bid, quote.ask)
    return [row.contract.label, price(bid), price(ask), *numbers, row.missing]


def chain_document(chain: OptionChain) -> dict[str, Any]:
    """Return the chain with plain values."""
    return {
        "symbol": chain.underlying.symbol,
        "spot": float(chain.spot),
        "expiry": chain.expiry.isoformat(),
        "at": chain.at.isoformat(),
        "options": [_option(row) for row in chain.rows],
    }


def _option(row: ChainRow) -> dict[str, Any]:
    greeks = row.greeks
    return _contract(row.contract) | {
        "bid": None if row.quote is None else _float(row.quote.bid),
        "ask": None if row.quote is None else _float(row.quote.ask),
        "implied_vol": None if greeks is None else greeks.implied_vol,
        "delta": None if greeks is None else greeks.delta,
        "gamma": None if greeks is None else greeks.gamma,
        "vega": None if greeks is None else greeks.vega,
        "theta": None if greeks is None else greeks.theta,
        "missing": row.missing or None,
    }


def _contract(option: OptionContract) -> dict[str, Any]:
    return {
        "con_id": option.con_id,
        "strike": float(option.strike),
        "right": option.right.value,
        "expiry": option.expiry.isoformat(),
        "multiplier": option.multiplier,
    }


def _float(value: Decimal | None) -> float | None:
    return None if value is None else float(value)


def straddle_table(found: AtmStraddle) -> Table:
    """Show the straddle with own and broker's numbers."""
    quote = found.quote
    rows = table(f"{found.straddle.label}, {found.actual_dte} days", "", "value", "")
    rows.add_row("call", str(found.straddle.call.con_id), "contract id")
    rows.add_row("put", str(found.straddle.put.con_id), "contract id")
    rows.add_row("spot", price(found.spot), "")
    rows.add_row("forward", price(found.forward), "by put-call parity")
    rows.add_row("bid, ask", f"{price(quote.bid)}, {price(quote.ask)}", _width(quote))
    rows.add_row("implied vol", points(found.implied_vol), "%, one vol for the pair")
    rows.add_row("delta", number(found.delta, places=3, signed=True), "per share")
    rows.add_row("gamma", number(found.gamma, places=4), "per share")
    rows.add_row("vega", number(found.vega, places=3), "$ per share and vol point")
    rows.add_row("vega, broker's model", number(found.broker_vega, places=3), "the same")
    rows.add_row("theta", number(found.theta, places=3), "$ per share and day")
    return rows


def _width(quote: Quote) -> str:
    mid, width = quote.mid, quote.width
    return "" if not mid or width is None else f"{float(width / mid):.2%} of mid wide"


def straddle_document(found: AtmStraddle) -> dict[str, Any]:
    """Return the straddle with plain values."""
    return {
        "symbol": found.straddle.symbol,
        "call": _contract(found.straddle.call),
        "put": _contract(found.straddle.put),
        "dte": found.actual_dte,
        "spot": float(found.spot),
        "forward": found.forward,
        "bid": _float(found.quote.bid),
        "ask": _float(found.quote.ask),
        "implied_vol": found.implied_vol,
        "delta": found.delta,
        "gamma": found.gamma,
        "vega": found.vega,
        "theta": found.theta,
        "broker_vega": found.broker_vega,
    }
