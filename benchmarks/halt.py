"""How long do 31 cancels take from the command to the gateway, and to their confirmations?

Run with ``python -m benchmarks.halt``. The real connector, its 40 messages a second with data
requests that wait in it, and TCP to a gateway in the same process. Target: on the wire within 1 s.
"""

import asyncio
import logging
import tempfile
from pathlib import Path

from tests.runtime.wire_halt import ORDERS, halted

ROUNDS = 5
TARGET_SECONDS = 1.0


def main() -> None:
    """Print the slowest of five rounds."""
    logging.disable(logging.CRITICAL)
    last, confirmed = [], []
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as folder:
            wire = asyncio.run(halted(Path(folder)))
        last.append(wire.last_cancel_seconds)
        confirmed.append(wire.confirmed_seconds)
    print(
        f"{ORDERS} cancels read by the gateway {max(last):.2f} s after the command at the latest "
        f"(target {TARGET_SECONDS:g} s), all confirmed after {max(confirmed):.2f} s; "
        f"{ROUNDS} rounds"
    )


if __name__ == "__main__":
    main()
