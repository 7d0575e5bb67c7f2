"""What comes out of the same test at many points of the configuration?

Axes over keys make points, a search chooses which, workers carry them out, a ledger keeps every
row that is finished. Nothing here knows what is tested: a task is a picklable function from what a
point was prepared into to a flat row of numbers and texts.
"""

from dispersa.backtest.sweep.ledger import Ledger
from dispersa.backtest.sweep.local import LocalWorkers
from dispersa.backtest.sweep.run import Outcome, run_sweep
from dispersa.backtest.sweep.search import Goal, Grid, RandomDraw, Refine, Search
from dispersa.backtest.sweep.space import Axis, Point, parse_axis

__all__ = [
    "Axis",
    "Goal",
    "Grid",
    "Ledger",
    "LocalWorkers",
    "Outcome",
    "Point",
    "RandomDraw",
    "Refine",
    "Search",
    "parse_axis",
    "run_sweep",
]
