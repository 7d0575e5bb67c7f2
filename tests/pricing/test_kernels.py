"""The branch-free arithmetic, the stress set of implied vols, and the cache of compiled code."""

import ast
import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import special

from dispersa.pricing import black, implied
from dispersa.pricing.kernels import arithmetic, compiled, kinks
from dispersa.pricing.quality import Status

HERE = Path(__file__).parent
SOURCE = Path(arithmetic.__file__)


def test_exp_and_log_are_good_to_the_last_places() -> None:
    rng = np.random.default_rng(1)
    for x in rng.uniform(-700, 700, 2000):
        assert arithmetic.exp(x) == pytest.approx(np.exp(x), rel=5e-16)
    for x in np.concatenate(
        [np.exp(rng.uniform(-300, 300, 2000)), 1 + rng.uniform(-0.1, 0.1, 999)]
    ):
        assert arithmetic.log(x) == pytest.approx(np.log(x), rel=4e-16, abs=1e-18)


def test_erfcx_is_good_from_zero_to_the_far_tail() -> None:
    for x in np.concatenate([np.linspace(0, 10, 500), np.geomspace(10, 1e150, 200)]):
        assert arithmetic.erfcx(x) == pytest.approx(special.erfcx(x), rel=2e-15)


def test_smoothing_keeps_the_sum_that_a_kink_implies() -> None:
    offsets = np.arange(-4, 5)
    for shift in (0.0, 0.25, 0.5):  # a ramp sampled on nodes misses 1/12 - f(1 - f)/2 of its area
        total = sum(kinks.kink(k - shift) for k in offsets)
        assert total == pytest.approx(1 / 12 - 0.5 * shift * (1 - shift), abs=1e-14)


def test_implied_vols_of_the_stress_set_have_twelve_digits_and_none_fails() -> None:
    with np.load(HERE / "answers" / "stress.npz") as stored:
        rows = {name: stored[name] for name in ("strike", "vol", "is_call", "price")}
    found = implied.implied_vol(rows["price"], 100.0, rows["strike"], 1.0, 1.0, rows["is_call"])
    assert np.all(found.status == Status.OK)
    assert np.max(np.abs(found.vol / rows["vol"] - 1)) <= 1e-12
    again = black.price(100.0, rows["strike"], rows["vol"], 1.0, 1.0, rows["is_call"])
    assert again == pytest.approx(rows["price"], rel=1e-12)


def test_threads_give_the_same_vols_as_one() -> None:
    strikes = np.linspace(60, 160, 10_001)
    price = black.price(100.0, strikes, 0.3, 0.5, 1.0, True)
    one = implied.implied_vol(price, 100.0, strikes, 0.5, 1.0, True)
    three = implied.implied_vol(price, 100.0, strikes, 0.5, 1.0, True, 3)
    assert np.array_equal(one.vol, three.vol)
    assert np.array_equal(one.status, three.status)


def test_extreme_but_possible_prices_are_solved_by_the_search() -> None:
    vols = np.array([0.0002, 6.0, 12.0])
    price = black.price(100.0, 100.0, vols, 1.0, 1.0, True)
    found = implied.implied_vol(price, 100.0, 100.0, 1.0, 1.0, True)
    assert np.all(found.status == Status.OK)
    again = black.price(100.0, 100.0, found.vol, 1.0, 1.0, True)
    assert again == pytest.approx(price, rel=1e-12)


def test_cache_falls_back_to_a_private_folder_when_nothing_can_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wall = tmp_path / "wall"
    wall.write_text("a file where a folder is wanted")
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(wall))
    monkeypatch.setenv("XDG_CACHE_HOME", str(wall))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    folder = Path(compiled.cache_folder())
    assert folder.parent.parent == tmp_path
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    folder.chmod(0o777)  # somebody else could plant code here: not used again
    assert Path(compiled.cache_folder()) != folder


def test_configured_cache_folder_comes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    assert Path(compiled.cache_folder()).parent == tmp_path


def test_importing_pricing_loads_neither_numba_nor_scipy() -> None:
    code = (
        "import sys, json; import dispersa.pricing; "
        "from dispersa.pricing import american, black, implied, option, revaluation, smile; "
        "print(json.dumps([m for m in ('numba', 'scipy', 'llvmlite') if m in sys.modules]))"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert json.loads(answer.stdout) == []


def test_first_calls_take_less_than_a_second_of_work_once_cached() -> None:
    code = (
        "import time, numba, scipy.linalg; import numpy as np\n"
        "from dispersa.pricing import american, black, implied\n"
        "begun = time.process_time()\n"
        "black.price(100.0, 100.0, 0.2, 0.1, 1.0, True)\n"
        "implied.implied_vol(2.5, 100.0, 100.0, 0.1, 1.0, True)\n"
        "american.price(100.0, 100.0, 0.2, 0.1, 0.04, False)\n"
        "print(time.process_time() - begun)\n"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, env={**os.environ}
    )
    assert float(answer.stdout) < 1.0


def test_only_kernels_import_numba() -> None:
    outside = list(SOURCE.parent.parent.glob("*.py"))
    for path in outside:
        tree = ast.parse(path.read_text())
        names = {
            alias.name.split(".")[0]
            for node in ast.walk(tree)
            if isinstance(node, ast.Import)
            for alias in node.names
        }
        assert not names & {"numba", "llvmlite"}, path.name
