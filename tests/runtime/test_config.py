"""Is a good configuration read exactly, and a bad one refused in words that mend it?"""

import json
import random
import re
import stat
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from datetime import time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends.fail import Keyring as FailingKeyring
from keyring.errors import KeyringLocked
from pydantic import BaseModel, SecretStr
from typer.testing import CliRunner

from dispersa.broker.ibkr.settings import IbkrSettings
from dispersa.cli.app import app
from dispersa.correlation.terms import SignalPolicy
from dispersa.desk.exits import ExitPolicy
from dispersa.errors import InvalidConfig
from dispersa.execution.policy import PRESETS, ProgramPolicy, RepriceStyle
from dispersa.risk import SIMULATED_LIMITS, Cap, Limits
from dispersa.runtime.config import (
    LoadedConfig,
    Settings,
    flattened,
    load_config,
    reveal,
    template,
    unavailable_secrets,
)
from dispersa.runtime.config.keys import example_of, expected_of
from dispersa.runtime.config.reference import reference
from dispersa.runtime.daily_cycle import CyclePolicies
from dispersa.runtime.planning import PlanningPolicy
from dispersa.sizing import SizingPolicy
from dispersa.sizing.stress import StressPolicy

LIVE = "profile = 'live'\n[live]\nenabled = true\naccount = 'U1234567'\n"


def load(tmp_path: Path, text: str, **environment: str) -> LoadedConfig:
    file = tmp_path / "dispersa.toml"
    file.write_text(text)
    file.chmod(0o600)
    return load_config(file, environment)


def refusal(tmp_path: Path, text: str, **environment: str) -> str:
    with pytest.raises(InvalidConfig) as caught:
        load(tmp_path, text, **environment)
    return str(caught.value)


def test_without_file_and_variables_every_value_is_a_default() -> None:
    loaded = load_config(None, {"XDG_CONFIG_HOME": "/nonexistent"})
    assert loaded.file is None
    assert loaded.settings == Settings()
    assert set(loaded.origins.values()) == {"default"}
    assert loaded.remarks == ()


def test_defaults_are_those_of_the_rooms() -> None:
    settings = Settings()
    assert settings.risk.limits() == SIMULATED_LIMITS
    assert Settings(profile="paper").risk.limits() == Limits()
    assert settings.signal.policy() == SignalPolicy()
    assert settings.sizing.policy() == SizingPolicy()
    assert settings.stress.policy() == StressPolicy()
    assert settings.planning.policy() == PlanningPolicy()
    assert settings.execution.walk_policy() == PRESETS["standard"]
    assert settings.execution.program_policy() == ProgramPolicy()
    assert settings.cycle() == CyclePolicies()
    assert settings.ibkr() == IbkrSettings()


@pytest.mark.parametrize(
    ("policy", "section", "left_out"),
    [
        (Limits, Settings().risk, set()),
        (Cap, Settings().risk.order, set()),
        (SignalPolicy, Settings().signal, set()),
        (SizingPolicy, Settings().sizing, set()),
        (PlanningPolicy, Settings().planning, set()),
        (StressPolicy, Settings().stress, {"scenarios"}),
        (ExitPolicy, Settings().exits, set()),
    ],
)
def test_every_field_of_a_policy_has_its_key(
    policy: Any, section: BaseModel, left_out: set[str]
) -> None:
    keys = set(type(section).model_fields) - {"change_reason"}
    assert {field.name for field in fields(policy)} - left_out == keys


@pytest.mark.parametrize("profile", ["sim", "paper", "live"])
def test_template_loads_to_the_defaults_of_its_profile(profile: str, tmp_path: Path) -> None:
    text = template(profile)
    if profile == "live":
        assert "live.enabled is false" in refusal(tmp_path, text)
        text = text.replace("enabled = false", "enabled = true")
        text = text.replace('# account = "U', 'account = "U')
    loaded = load(tmp_path, text)
    assert loaded.settings.profile == profile
    changed = {"profile", "live.enabled", "live.account"}
    defaults = dict(flattened(Settings.model_validate({"profile": profile})))
    for key, value in flattened(loaded.settings):
        assert key in changed or value == defaults[key]


def test_template_with_every_optional_line_loads_too(tmp_path: Path) -> None:
    text = re.sub(r"^# ([a-z_]+ = )", r"\1", template("paper"), flags=re.MULTILINE)
    loaded = load(tmp_path, text)
    assert None not in [value for _, value in flattened(loaded.settings)]
    assert "default" not in loaded.origins.values()


def keys_of(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from keys_of(inner, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", field


def test_every_key_says_what_it_means_and_what_it_may_hold() -> None:
    for key, field in keys_of(Settings):
        assert field.description, key
        assert expected_of(field), key
        assert field.default is not None or example_of(field) is not None, key


def test_values_of_every_kind_arrive_exactly(tmp_path: Path) -> None:
    loaded = load(
        tmp_path,
        """
        profile = "paper"
        [broker]
        account = "DU7654321"
        [universe]
        excluded = ["TSLA", "BRK.B"]
        [risk]
        collar_share = 0.1
        vix_max = 25
        active_positions_max = 5
        restricted = ["GME"]
        quiet_windows = [{ start = 23:45:00, end = 00:15:00, zone = "Europe/Zurich" }]
        [risk.order]
        premium_usd_max = 1000.10
        vega_usd_max = 10
        contracts_max = 7
        [execution]
        preset = "urgent"
        wait_seconds = 1.5
        style = "cancel_replace"
        deadline_minutes = 10
        """,
    )
    limits = loaded.settings.risk.limits()
    assert limits.collar_share == Decimal("0.1")
    assert limits.vix_max == 25.0
    assert limits.order == Cap(
        premium_usd_max=Decimal("1000.10"), vega_usd_max=10.0, contracts_max=7
    )
    assert limits.quiet_windows[0].start == time(23, 45)
    walk = loaded.settings.execution.walk_policy()
    assert walk.wait == timedelta(seconds=1.5)
    assert walk.cap_steps == PRESETS["urgent"].cap_steps
    assert walk.style is RepriceStyle.CANCEL_REPLACE
    assert loaded.settings.execution.program_policy().deadline == timedelta(minutes=10)
    assert loaded.settings.account == "DU7654321"
    assert loaded.origins["risk.vix_max"].endswith("dispersa.toml")
    assert loaded.origins["risk.vix_age_max_seconds"] == "default"


def test_environment_overrides_the_file_and_says_so(tmp_path: Path) -> None:
    loaded = load(
        tmp_path,
        "profile = 'paper'\n[risk]\nvix_max = 25",
        DISPERSA__RISK__VIX_MAX="22.5",
        DISPERSA__RISK__ORDER__CONTRACTS_MAX="9",
        DISPERSA__BROKER__HOST="localhost",
        DISPERSA__UNIVERSE__EXCLUDED='["TSLA"]',
        DISPERSA_UNRELATED="1",
    )
    assert loaded.settings.risk.vix_max == 22.5
    assert loaded.settings.risk.order.contracts_max == 9
    assert loaded.settings.risk.order.premium_usd_max == Limits().order.premium_usd_max
    assert loaded.settings.broker.host == "localhost"
    assert loaded.settings.universe.excluded == ("TSLA",)
    assert loaded.origins["risk.vix_max"] == "DISPERSA__RISK__VIX_MAX"


def test_file_is_found_by_variable_then_folder_then_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    (home / "dispersa").mkdir(parents=True)
    (home / "dispersa" / "dispersa.toml").write_text("[universe]\nnames = 11")
    (tmp_path / "named.toml").write_text("[universe]\nnames = 12")
    monkeypatch.chdir(tmp_path)
    environment = {"XDG_CONFIG_HOME": str(home)}
    assert load_config(None, environment).settings.universe.names == 11
    (tmp_path / "dispersa.toml").write_text("[universe]\nnames = 13")
    assert load_config(None, environment).settings.universe.names == 13
    environment["DISPERSA_CONFIG"] = str(tmp_path / "named.toml")
    assert load_config(None, environment).settings.universe.names == 12


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[risk]\nvix_maks = 3", "risk.vix_maks is unknown; did you mean risk.vix_max?"),
        ("[rsik]\nvix_max = 3", "rsik is unknown; did you mean risk?"),
        ("vix_max = 3", "vix_max is unknown; did you mean risk.vix_max?"),
        ("[broker]\nzzz = 3", "broker.zzz is unknown; known here: host, port"),
        ("[[risk.quiet_windows]]\nend = 01:00:00", "quiet_windows.0.start is missing; expected a"),
        ("[risk.order]\nvega_usd_max = -1", "risk.order.vega_usd_max is -1; expected a number"),
        ("[risk]\norder = 5", "risk.order is 5; expected a table"),
        ("[risk]\nvix_max = -3", "risk.vix_max is -3; expected a number from 1 to 200 (points)"),
        ("[risk]\nvix_max = nan", "risk.vix_max is NaN; expected a number from 1 to 200"),
        ("[risk]\nvix_max = true", "risk.vix_max is true; expected a number"),
        ("[risk]\nvix_max = '20'", "risk.vix_max is '20'; expected a number"),
        ("[risk]\nvix_max = [20]", "risk.vix_max is [20]; expected a number"),
        ("[risk]\nactive_positions_max = 2.5", "is 2.5; expected a whole number from 1 to 100"),
        ("[risk]\ncollar_share = inf", "risk.collar_share is Infinity; expected a number"),
        ("risk = 3", "risk is 3; expected a table"),
        ("[broker]\nport = 70000", "broker.port is 70000; expected a whole number from 1 to 65535"),
        ("[broker]\nhost = ''", "broker.host is ''; expected a host name"),
        ("profile = 'Live'", "profile is 'Live'; expected one of 'sim', 'paper', 'live'"),
        ("[live]\nenabled = 1", "live.enabled is 1; expected true or false"),
        ("[journal]\npath = ''", "journal.path is ''; expected a path"),
        ("[universe]\nexcluded = ['tsla']", "universe.excluded is ['tsla']; expected symbols"),
        ("[universe]\nexcluded = [1]", "universe.excluded.0 is 1; expected symbols"),
        (
            "[[risk.quiet_windows]]\nstart = '23:00'\nend = 01:00:00",
            "risk.quiet_windows.0.start is '23:00'; expected a time such as 23:40:00",
        ),
        ("[web]\npublic_url = 'http://a.b'", "web.public_url is 'http://a.b'; expected an https"),
        ("profile = 'sim", "is no TOML"),
        ("a = 1\na = 2", "is no TOML"),
    ],
)
def test_bad_value_is_refused_with_key_value_and_what_is_allowed(
    text: str, complaint: str, tmp_path: Path
) -> None:
    assert complaint in refusal(tmp_path, text)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("profile = 'live'\n[live]\naccount = 'U1234567'", "live.enabled is false"),
        ("profile = 'live'\n[live]\nenabled = true", "live.account is missing"),
        (
            "profile = 'live'\n[live]\nenabled = true\naccount = 'DU1234567'",
            "live.account is 'DU1234567'; expected a live account number",
        ),
        (
            LIVE + "[broker]\naccount = 'U7654321'",
            "expected the same",
        ),
        ("profile = 'paper'\n[broker]\naccount = 'U1234567'", "is a live account"),
        ("[broker]\naccount = 'U1234567'", "is a live account"),
        ("[broker]\ndata_client_id = 12", "are both 12; expected two different ids"),
        ("[broker]\nmessages_per_second = 8", "expected less than broker.messages_per_second"),
        ("[universe]\ndte_min = 40", "are out of order; expected min <= target <= max"),
        (
            "[risk.order]\npremium_usd_max = 2e9\nvega_usd_max = 1\ncontracts_max = 1",
            "risk.order.premium_usd_max",
        ),
        (
            "[[risk.quiet_windows]]\nstart = 01:00:00\nend = 02:00:00\nzone = 'Mars/Base'",
            "Mars/Base",
        ),
    ],
)
def test_values_that_contradict_each_other_are_refused(
    text: str, complaint: str, tmp_path: Path
) -> None:
    assert complaint in refusal(tmp_path, text)


def test_everything_wrong_is_said_at_once(tmp_path: Path) -> None:
    said = refusal(tmp_path, "[risk]\nvix_max = -1\ncolar_share = 1\n[web]\nport = 0")
    assert "risk.vix_max is -1" in said
    assert "did you mean risk.collar_share?" in said
    assert "web.port is 0" in said


def test_live_needs_both_keys_and_then_uses_its_account_and_port(tmp_path: Path) -> None:
    loaded = load(tmp_path, LIVE)
    connection = loaded.settings.ibkr()
    assert (connection.account, connection.port) == ("U1234567", 4001)
    assert connection.live_allowed
    assert not load(tmp_path, "[live]\nenabled = true").settings.ibkr().live_allowed


@pytest.mark.parametrize(
    ("text", "remark"),
    [
        (
            f"profile = 'paper'\n[broker]\nport = 4001\n[universe]\nweights = '{__file__}'",
            "by default the port of a live login",
        ),
        ("profile = 'paper'", "universe.weights is not set: without the weights of the index no"),
        ("[live]\nenabled = true", "has no effect"),
        ("[broker]\nhost = '10.0.0.5'", "not encrypted"),
        ("[universe]\nweights = '/nonexistent/w.csv'", "is no file"),
    ],
)
def test_likely_mistakes_are_remarked_on(text: str, remark: str, tmp_path: Path) -> None:
    (said,) = load(tmp_path, text).remarks
    assert remark in said


@pytest.mark.parametrize(
    ("variable", "value", "complaint"),
    [
        ("DISPERSA__RISK__VIX_MAKS", "3", "(from DISPERSA__RISK__VIX_MAKS) is unknown; did you"),
        ("DISPERSA__RISK__VIX_MAX", "-3", "(from DISPERSA__RISK__VIX_MAX) is -3; expected"),
        ("DISPERSA__RISK__VIX_MAX", "many", "is 'many'; expected a number"),
        ("DISPERSA__RISK__VIX_MAX__X", "1", "risk.vix_max is a table; expected a number"),
        ("DISPERSA__PROFILE", "1", "profile (from DISPERSA__PROFILE) is 1"),
        ("DISPERSA__", "1", "unknown"),
    ],
)
def test_bad_variable_is_refused_by_its_name(
    variable: str, value: str, complaint: str, tmp_path: Path
) -> None:
    assert complaint in refusal(tmp_path, "", **{variable: value})


def test_variable_inside_a_plain_value_is_refused(tmp_path: Path) -> None:
    said = refusal(tmp_path, "[risk]\nvix_max = 20", DISPERSA__RISK__VIX_MAX__X="1")
    assert "which is no table" in said


@pytest.mark.parametrize("content", [b"\xff\xfe", b"[" * 100_000, b"#" * 2_000_000])
def test_file_that_is_no_configuration_is_refused(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "dispersa.toml"
    file.write_bytes(content)
    with pytest.raises(InvalidConfig, match=r"dispersa\.toml"):
        load_config(file, {})


def test_missing_file_is_refused_with_the_way_to_write_one(tmp_path: Path) -> None:
    with pytest.raises(InvalidConfig, match="config init"):
        load_config(tmp_path / "absent.toml", {})
    with pytest.raises(InvalidConfig, match="config init"):
        load_config(None, {"DISPERSA_CONFIG": str(tmp_path / "absent.toml")})
    with pytest.raises(InvalidConfig, match="can not be read"):
        load_config(tmp_path, {})


def test_secret_is_never_shown_and_can_be_had(tmp_path: Path) -> None:
    loaded = load(tmp_path, "[alerts]\nsmtp_password = 'hunter2'")
    secret = loaded.settings.alerts.smtp_password
    assert secret is not None
    assert "hunter2" not in repr(loaded) + str(loaded.settings) + loaded.settings.model_dump_json()
    assert reveal("alerts.smtp_password", secret) == "hunter2"
    said = refusal(tmp_path, f"[alerts]\nsmtp_password = {json.dumps(['hunter2'])}")
    assert "hunter2" not in said
    assert "alerts.smtp_password is a secret; expected" in said


def test_secret_from_variable_or_file(tmp_path: Path) -> None:
    (tmp_path / "password").write_text(" swordfish\n")
    text = f"[alerts]\nsmtp_password = 'file:{tmp_path}/password'"
    secret = load(tmp_path, text).settings.alerts.smtp_password
    assert secret is not None
    assert reveal("alerts.smtp_password", secret) == "swordfish"
    secret = load(tmp_path, "[alerts]\nsmtp_password = 'env:PW'").settings.alerts.smtp_password
    assert secret is not None
    assert reveal("alerts.smtp_password", secret, {"PW": "trout"}) == "trout"
    with pytest.raises(InvalidConfig, match="PW, which is not set"):
        reveal("alerts.smtp_password", secret, {})


class OneEntry(KeyringBackend):
    """A keyring that holds one password."""

    priority = 1.0
    locked = False

    def get_password(self, service: str, username: str) -> str | None:
        if self.locked:
            raise KeyringLocked("the collection is locked")
        return "halibut" if (service, username) == ("dispersa", "smtp") else None

    def set_password(self, *_: str) -> None:
        raise AssertionError("dispersa reads the keyring and never writes it")


class Locked(OneEntry):
    locked = True


def use(kind: Callable[[], KeyringBackend]) -> None:
    keyring.set_keyring(kind())


@pytest.fixture
def keyring_as_it_was() -> Iterator[None]:
    before = keyring.get_keyring()
    yield
    keyring.set_keyring(before)


def smtp_password(tmp_path: Path, value: str) -> SecretStr:
    file = tmp_path / "dispersa.toml"
    file.write_text(f"[alerts]\nsmtp_password = {json.dumps(value)}")
    file.chmod(0o644)  # a reference is no secret: others may read the file
    secret = load_config(file, {}).settings.alerts.smtp_password
    assert secret is not None
    return secret


@pytest.mark.usefixtures("keyring_as_it_was")
def test_secret_from_the_keyring(tmp_path: Path) -> None:
    use(OneEntry)
    assert reveal("a.b", smtp_password(tmp_path, "keyring:dispersa/smtp")) == "halibut"
    with pytest.raises(InvalidConfig, match=r"does not exist; store it with `keyring set dispersa"):
        reveal("a.b", smtp_password(tmp_path, "keyring:dispersa/other"))
    with pytest.raises(InvalidConfig, match="entry 'smtp'; expected SERVICE/NAME"):
        reveal("a.b", smtp_password(tmp_path, "keyring:smtp"))


@pytest.mark.usefixtures("keyring_as_it_was")
@pytest.mark.parametrize("kind", [Locked, FailingKeyring])
def test_keyring_that_does_not_open_is_refused_with_other_ways(
    kind: Callable[[], KeyringBackend], tmp_path: Path
) -> None:
    use(kind)
    with pytest.raises(InvalidConfig, match=r"none can be opened here .*use 'env:NAME' or"):
        reveal("a.b", smtp_password(tmp_path, "keyring:dispersa/smtp"))


def test_secrets_that_can_not_be_had_are_told_by_key_and_never_shown(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n")
    text = f"""
        [alerts]
        smtp_password = 'file:{tmp_path}/empty'
        notifications = 'env:NOT_SET_ANYWHERE'
        sms_to = ['+15550001']
        sms_from = '+15550000'
        sms_account = 'AC1'
        sms_token = 'hunter2'
        """
    loaded = load(tmp_path, text)
    said = unavailable_secrets(loaded.settings)
    assert [sentence.split()[0] for sentence in said] == [
        "alerts.smtp_password",
        "alerts.notifications",
    ]
    assert "empty" in said[0]
    assert "NOT_SET_ANYWHERE, which is not set" in said[1]
    assert "hunter2" not in "".join(said)


COMMANDS = ["config check", "config check --json", "config show", "config show --json"]
COMMANDS += ["status", "status --json", "doctor --json", "plan --json"]


@pytest.mark.parametrize("wrong", ["", "[risk]\nvix_max = -1\n", "[alerts.x]\ny = 'hunter2'\n"])
def test_no_command_shows_a_secret(
    wrong: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "dispersa.toml"
    file.write_text(f"""
        [broker]
        port = 9
        [journal]
        path = '{tmp_path}/journal.sqlite3'
        [alerts]
        smtp_host = 'mail.example.org'
        email_to = ['you@example.org']
        email_from = 'desk@example.org'
        smtp_password = 'hunter2'
        notifications = 'json://user:hunter2@example.org'
        {wrong}""")
    file.chmod(0o600)
    monkeypatch.setenv("DISPERSA__ALERTS__SMTP_PASSWORD", "hunter2-of-the-environment")
    if not wrong:
        assert CliRunner().invoke(app, ["config", "check", "--config", str(file)]).exit_code == 0
    for command in COMMANDS:
        result = CliRunner().invoke(app, [*command.split(), "--config", str(file)])
        assert result.output or result.exception, command
        assert "hunter2" not in f"{result.output} {result.stderr} {result.exception!r}", command


def test_secret_whose_file_is_missing_is_refused_by_key(tmp_path: Path) -> None:
    text = f"[alerts]\nsmtp_password = 'file:{tmp_path}/absent'"
    secret = load(tmp_path, text).settings.alerts.smtp_password
    assert secret is not None
    with pytest.raises(InvalidConfig, match=r"alerts\.smtp_password names the file"):
        reveal("alerts.smtp_password", secret)


def test_journal_lies_where_it_is_told_or_in_the_state_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert load(tmp_path, "").settings.journal_file == tmp_path / "dispersa" / "sim.sqlite3"
    told = load(tmp_path, "[journal]\npath = '~/j.sqlite3'").settings.journal_file
    assert told == Path.home() / "j.sqlite3"


def test_secret_in_a_file_that_others_read_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "dispersa.toml"
    file.write_text("[alerts]\nsmtp_password = 'hunter2'")
    file.chmod(0o644)
    with pytest.raises(InvalidConfig, match="chmod 600"):
        load_config(file, {})
    file.write_text("[alerts]\nsmtp_password = 'env:PW'")
    load_config(file, {})
    assert stat.S_IMODE(file.stat().st_mode) == 0o644


def toml_value(value: object) -> str:
    return json.dumps(value) if isinstance(value, str | bool | list) else str(value)


def bad_configurations(count: int) -> Iterator[tuple[str, str]]:
    """Draw broken configurations: one key of the template is given what it can not hold."""
    draw = random.Random(20261122)
    known = [(key, field) for key, field in keys_of(Settings) if key != "risk.quiet_windows"]
    for _ in range(count):
        key, field = draw.choice(known)
        table, _, name = key.rpartition(".")
        match draw.randrange(4):
            case 0:
                spot = draw.randrange(len(name))
                name = name[:spot] + draw.choice("xqz_") + name[spot:] + draw.choice(["", "s"])
                value: object = 1
            case 1:
                value = draw.choice(["nan", "inf", "-inf"])
                yield key, f"[{table}]\n{name} = {value}" if table else f"{name} = {value}"
                continue
            case 2:
                value = draw.choice([[], {}, [[1]]])
                if expected_of(field).startswith(("symbols", "mail")):
                    value = 3
            case _:
                number = expected_of(field).startswith(("a number", "a whole number"))
                value = draw.choice([-1e13, 1e13, "12", True]) if number else -7
        line = f"{name} = {{}}" if value == {} else f"{name} = {toml_value(value)}"
        yield f"{table}.{name}" if table else name, f"[{table}]\n{line}" if table else line


def test_five_hundred_bad_configurations_are_refused_by_key(tmp_path: Path) -> None:
    refused = 0
    for key, text in bad_configurations(500):
        tomllib.loads(text)
        said = refusal(tmp_path, text)
        assert key in said, (text, said)
        assert re.search(r"expected|did you mean|known here", said), (text, said)
        assert "\n" not in said
        assert len(said) < 2000
        refused += 1
    assert refused == 500


def test_reference_page_is_current() -> None:
    page = Path(__file__).resolve().parents[2] / "docs" / "reference" / "configuration.md"
    command = "python -m dispersa.runtime.config.reference > docs/reference/configuration.md"
    assert page.read_text() == reference(), f"write it anew: {command}"


def test_simulated_account_keeps_wide_caps_beside_the_one_that_is_named(tmp_path: Path) -> None:
    named = "[risk.order]\ncontracts_max = 7\n"
    wide = load(tmp_path, f'profile = "sim"\n{named}').settings.risk.limits()
    assert wide == replace(SIMULATED_LIMITS, order=replace(SIMULATED_LIMITS.order, contracts_max=7))
    narrow = load(tmp_path, f'profile = "paper"\n{named}').settings.risk.limits()
    assert narrow == replace(Limits(), order=replace(Limits().order, contracts_max=7))


def test_size_is_kept_where_the_gate_lets_both_legs_pass() -> None:
    from dispersa.runtime.live import within

    kept = within(SizingPolicy(tolerance=0.01), Limits()).vega_max_usd_per_point
    assert kept is not None
    assert kept + kept * 1.01 <= Limits().program.vega_usd_max
    assert kept <= Limits().package.vega_usd_max
    own = within(SizingPolicy(vega_max_usd_per_point=100.0), Limits())
    assert own.vega_max_usd_per_point == 100.0
