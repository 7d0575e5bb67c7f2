"""Run every benchmark: `python -m benchmarks`, or some by name: `python -m benchmarks sizing`."""

import sys
from importlib import import_module

NAMES = (
    "pricing",
    "sizing",
    "gate",
    "gateway",
    "gateway_day",
    "alerts",
    "web",
    "halt",
    "year_start",
    "scan",
    "replay",
    "sweep",
    "scale",
)


def main() -> None:
    for name in sys.argv[1:] or NAMES:
        if name not in NAMES:
            sys.exit(f"there is no benchmark {name!r}; choose from {', '.join(NAMES)}")
        print(f"## {name}\n")
        import_module(f"benchmarks.{name}").main()


main()
