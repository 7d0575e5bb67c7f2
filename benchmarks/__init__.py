"""Benchmarks: how fast is it, as ratios measured within one run?

Peers (pyfeng) are benchmark-only dependencies, in no lock file. Install them beside the project and
name the folder:

    python -m pip install --target <folder> pyfeng statsmodels
    DISPERSA_BENCH_PEERS=<folder> python -m benchmarks.pricing

nautilus_trader, of benchmarks.replay, has a virtual environment of its own outside the checkout:

    python -m venv <environment> && <environment>/bin/pip install nautilus_trader
    DISPERSA_BENCH_PEERS=<environment> python -m benchmarks.replay
"""
