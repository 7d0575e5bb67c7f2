"""Run the simulated gateway as a process of its own until SIGTERM.  Usage: [TAPE]"""

import sys
from datetime import UTC, datetime
from pathlib import Path

from dispersa.gateway.command import run
from dispersa.gateway.settings import GatewaySettings
from dispersa.runtime.loop import new_loop

if __name__ == "__main__":
    start = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)  # a Friday, 10:00 in New York
    tape = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    run(GatewaySettings(port=0, seed=7, start=start), new_loop, record=tape)
