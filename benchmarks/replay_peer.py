"""Replay by nautilus_trader: quotes per second through its backtest engine, for benchmarks.replay.

Runs in nautilus_trader's own virtual environment and imports nothing of ours:

    <environment>/bin/python replay_peer.py INSTRUMENTS ROUNDS
"""

import sys
import time

from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.config import LoggingConfig
from nautilus_trader.model.currencies import USD
from nautilus_trader.model.data import QuoteTick
from nautilus_trader.model.enums import AccountType, OmsType
from nautilus_trader.model.identifiers import Venue
from nautilus_trader.model.objects import Money, Price, Quantity
from nautilus_trader.test_kit.providers import TestInstrumentProvider
from nautilus_trader.trading.strategy import Strategy

STEP_NANOSECONDS = 250_000_000


class Counts(Strategy):
    """Reads the bid of every quote and does nothing."""

    def __init__(self, instruments):
        super().__init__()
        self.instruments = instruments
        self.count = 0
        self.highest = 0.0

    def on_start(self):
        for instrument in self.instruments:
            self.subscribe_quote_ticks(instrument.id)

    def on_quote_tick(self, tick):
        self.count += 1
        self.highest = max(self.highest, tick.bid_price)


def main(instruments, rounds):
    logging = LoggingConfig(bypass_logging=True)
    engine = BacktestEngine(config=BacktestEngineConfig(logging=logging))
    engine.add_venue(
        venue=Venue("XNAS"),
        oms_type=OmsType.NETTING,
        account_type=AccountType.MARGIN,
        base_currency=USD,
        starting_balances=[Money(1_000_000, USD)],
    )
    listed = [TestInstrumentProvider.equity(f"N{i}", "XNAS") for i in range(instruments)]
    ticks = []
    for instrument in listed:
        engine.add_instrument(instrument)
    for at in range(rounds):
        for n, instrument in enumerate(listed):
            bid = 2.00 + 0.01 * ((at + n) % 50)
            ticks.append(
                QuoteTick(
                    instrument_id=instrument.id,
                    bid_price=Price(bid, 2),
                    ask_price=Price(bid + 0.05, 2),
                    bid_size=Quantity.from_int(10),
                    ask_size=Quantity.from_int(10),
                    ts_event=(at + 1) * STEP_NANOSECONDS,
                    ts_init=(at + 1) * STEP_NANOSECONDS,
                )
            )
    engine.add_data(ticks)
    strategy = Counts(listed)
    strategy.highest = Price(0, 2)
    engine.add_strategy(strategy)
    began, cpu = time.perf_counter(), time.process_time()
    engine.run()
    seconds, processor = time.perf_counter() - began, time.process_time() - cpu
    print(strategy.count, seconds, processor)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
