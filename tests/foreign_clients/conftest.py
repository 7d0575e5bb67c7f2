"""Foreign clients, each in a virtual environment of its own, and a gateway process."""

import json
import re
import signal
import subprocess
import sys
import venv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
SECONDS_MAX = 150


def _python_of(client: str) -> Path:
    """Return the interpreter of a client's environment, made on demand from its hash lock."""
    folder = ROOT / f".venv-foreign-{client}"
    python = folder / "bin" / "python"
    stamp = folder / "lock-installed"
    lock = ROOT / "requirements" / "foreign" / f"{client}.lock"
    if stamp.exists() and stamp.read_text() == lock.read_text():
        return python
    venv.create(folder, with_pip=True, clear=True)
    install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    done = subprocess.run(
        [*install, "--require-hashes", "-r", lock], capture_output=True, text=True, check=False
    )
    if done.returncode:
        network = ("No matching distribution", "connection", "Network", "resolution")
        if any(word in done.stderr for word in network):
            pytest.skip(f"no package registry to install {client} from")
        pytest.fail(f"{client} can not be installed from its lock: {done.stderr[-800:]}")
    stamp.write_text(lock.read_text())
    return python


@pytest.fixture
def gateway_address() -> Iterator[str]:
    """Start a gateway process; its `HOST:PORT`."""
    process = subprocess.Popen(
        [sys.executable, HERE / "gateway_process.py"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    match = re.fullmatch(r"listening on (\S+:\d+)\n", process.stdout.readline())
    if match is None:
        process.kill()
        pytest.fail(f"the gateway did not start: {process.communicate()[1][-2000:]}")
    yield match[1]
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=10)
    assert (process.returncode, errors) == (0, "")


@pytest.fixture
def run_client(gateway_address: str) -> Callable[[str], dict[str, Any]]:
    """Run every scenario in one client against a fresh gateway; what it saw."""

    def run(client: str) -> dict[str, Any]:
        script = "ibapi_client.py" if client == "ibapi" else "insync_client.py"
        module = [] if client == "ibapi" else [client]
        host, port = gateway_address.rsplit(":", 1)
        done = subprocess.run(
            [_python_of(client), HERE / script, *module, host, port, "11"],
            capture_output=True,
            text=True,
            timeout=SECONDS_MAX,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
        assert done.stderr == ""
        seen: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return seen

    return run


@pytest.fixture
def ibapi_python() -> Path:
    """The interpreter that has the official client."""
    return _python_of("ibapi")
