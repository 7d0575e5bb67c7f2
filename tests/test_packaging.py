"""Does what we ship run without the checkout, and do the deployment files keep their promises?"""

import configparser
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

import dispersa

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ("src", "pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", ".gitignore")


def _run(*words: object, cwd: Path, seconds: float = 120) -> str:
    """Run a program away from the checkout, and return what it printed."""
    kept = {k: v for k, v in os.environ.items() if k not in {"PYTHONPATH", "DISPERSA_CONFIG"}}
    kept |= {"HOME": str(cwd), "NO_COLOR": "1"}
    texts = [str(word) for word in words]
    done = subprocess.run(
        texts, cwd=cwd, env=kept, capture_output=True, text=True, timeout=seconds, check=False
    )
    assert done.returncode == 0, f"{texts} ended with {done.returncode}: {done.stderr[-2000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build an sdist from a copy of the tree, then delete the copy."""
    room = tmp_path_factory.mktemp("sdist")
    tree = room / "tree"
    tree.mkdir()
    for name in PACKAGE:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
        elif source.exists():
            shutil.copy(source, tree / name)
    _run(sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", room / "dist", cwd=tree)
    shutil.rmtree(tree)
    return next((room / "dist").glob("*.tar.gz"))


@pytest.fixture(scope="module")
def installed(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Install the wheel made from the sdist; yield the folder of its programs.

    The dependencies are those of this environment; the checkout itself is not on the path, since a
    .pth file inside a folder that a .pth file names is not read.
    """
    room = tmp_path_factory.mktemp("installed")
    with tarfile.open(sdist) as archive:
        archive.extractall(room / "unpacked", filter="data")
    unpacked = next((room / "unpacked").iterdir())
    _run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", room, cwd=unpacked)
    shutil.rmtree(room / "unpacked")
    venv.create(room / "venv", with_pip=False)
    packages = next((room / "venv" / "lib").glob("python3*")) / "site-packages"
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    wheel = next(room.glob("*.whl"))
    pip = (sys.executable, "-m", "pip", "--python", room / "venv" / "bin" / "python")
    options = ("install", "--quiet", "--no-deps", "--no-index", "--disable-pip-version-check")
    _run(*pip, *options, wheel, cwd=room)
    yield room / "venv" / "bin"
    shutil.rmtree(room)


def test_installed_package_is_used_and_says_the_one_version(
    installed: Path, tmp_path: Path
) -> None:
    where = _run(
        installed / "python", "-c", "import dispersa; print(dispersa.__file__)", cwd=tmp_path
    )
    assert str(installed.parent) in where
    said = _run(installed / "dispersa", "--version", cwd=tmp_path)
    assert re.fullmatch(rf"dispersa {re.escape(dispersa.__version__)}\+[0-9a-f]{{12}}\n", said)
    metadata = "import importlib.metadata as m; print(m.version('dispersa'))"
    assert _run(installed / "python", "-c", metadata, cwd=tmp_path).strip() == dispersa.__version__


def test_every_file_that_is_no_python_is_in_the_package(installed: Path) -> None:
    packages = next((installed.parent / "lib").glob("python3*")) / "site-packages" / "dispersa"
    source = ROOT / "src" / "dispersa"
    wanted = {
        path.relative_to(source)
        for path in source.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".pyc"
    }
    assert {path for path in wanted if not (packages / path).exists()} == set()


def test_configuration_is_written_and_checked_from_an_empty_folder(
    installed: Path, tmp_path: Path
) -> None:
    _run(installed / "dispersa", "config", "init", cwd=tmp_path)
    assert "valid, profile sim" in _run(installed / "dispersa", "config", "check", cwd=tmp_path)


@pytest.mark.skipif(
    "DISPERSA_PACKAGE_DEMO" not in os.environ, reason="takes a minute; `make check` runs it"
)
def test_demo_runs_from_an_empty_folder(installed: Path, tmp_path: Path) -> None:
    demo = ("demo", "--names", "3", "--seed", "1", "--json")
    said = _run(installed / "dispersa", *demo, cwd=tmp_path, seconds=280)
    assert '"journal_ok": true' in said
    assert '"state": "COMPLETED"' in said


def test_compose_publishes_nothing_but_the_page_and_only_to_this_host() -> None:
    services = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())["services"]
    published = [port for service in services.values() for port in service.get("ports", [])]
    assert published == ["127.0.0.1:8765:8765"]
    desk = services["dispersa"]
    assert desk["network_mode"] == "service:gateway"
    assert desk["depends_on"]["gateway"]["condition"] == "service_healthy"
    assert desk["environment"]["DISPERSA__PROFILE"] == "paper"
    assert "healthcheck" in services["gateway"]
    assert not [key for key in services["gateway"]["environment"] if key == "TWS_PASSWORD"]


def test_container_runs_as_nobody_special_with_a_health_check() -> None:
    text = (ROOT / "deploy" / "Containerfile").read_text()
    last = text.rpartition("FROM ")[2]
    assert "USER 10001:10001" in last
    assert "HEALTHCHECK" in last
    assert "--require-hashes" in text


def test_variables_of_the_deployment_files_are_keys_of_the_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dispersa.runtime.config import load_config

    texts = [
        (ROOT / "deploy" / name).read_text()
        for name in ("Containerfile", "compose.yaml", "dispersa.service")
    ]
    found = re.findall(r"(DISPERSA__\w+)[:=] *\"?([^\s\"\\]+)", "\n".join(texts))
    assert len(found) >= 8
    monkeypatch.chdir(tmp_path)
    for name, value in found:
        monkeypatch.setenv(name, value)
    assert load_config(None).settings.profile == "paper"


UNITS = sorted(
    path for path in (ROOT / "deploy").iterdir() if path.suffix in {".service", ".timer"}
)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not here")
def test_systemd_finds_nothing_wrong_with_the_units(tmp_path: Path) -> None:
    for unit in UNITS:  # the program itself is not installed where they look for it
        text = unit.read_text().replace("/opt/dispersa/bin/dispersa", "/bin/true")
        (tmp_path / unit.name).write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", *(tmp_path / unit.name for unit in UNITS)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr.strip()) == (0, "")


def test_commands_of_the_units_are_commands_of_ours() -> None:
    from typer.main import get_command

    from dispersa.cli.app import app

    started = []
    for unit in UNITS:
        started += re.findall(r"/opt/dispersa/bin/dispersa ([a-z]+)", unit.read_text())
    assert sorted(started) == ["journal", "run", "watchdog"]
    assert set(started) <= set(get_command(app).commands)  # type: ignore[attr-defined]  # a group


def test_guard_outlives_the_engine_and_is_not_stopped_with_it() -> None:
    text = (ROOT / "deploy" / "dispersa-watchdog.service").read_text()
    for bond in ("Requires=", "BindsTo=", "PartOf=", "KillMode=none"):
        assert bond not in text
    assert "dispersa-watchdog.service" in (ROOT / "deploy" / "dispersa.service").read_text()


def test_unit_notifies_and_never_restarts_what_needs_a_person() -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(ROOT / "deploy" / "dispersa.service")
    service = unit["Service"]
    assert service["Type"] == "notify"
    assert service["RestartPreventExitStatus"].split() == ["2", "5", "6"]
    assert service["User"] == "dispersa"
    assert int(service["TimeoutStopSec"]) > 30
    assert {"NoNewPrivileges", "ProtectSystem", "CapabilityBoundingSet"} <= set(service)
