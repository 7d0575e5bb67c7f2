"""Does `dispersa alerts test` tell what each channel answered, as its user sees it?"""

import json
import subprocess
import sys
from pathlib import Path

from tests.alerts.sinks import MailSink, WebSink, mail_server, web_server

CONFIG = """
profile = "paper"
[alerts]
email_to = ["trader@example.org"]
smtp_host = "127.0.0.1"
smtp_port = {smtp}
smtp_security = "none"
sms_to = ["+15550002"]
sms_from = "+15550001"
sms_account = "AC1"
sms_token = "env:SMS_TOKEN"
sms_base_url = "http://127.0.0.1:{web}"
allow_private_targets = {private}
"""


def run(folder: Path, text: str, *more: str) -> subprocess.CompletedProcess[str]:
    file = folder / "dispersa.toml"
    file.write_text(text)
    return subprocess.run(
        [sys.executable, "-m", "dispersa", "alerts", "test", "--config", str(file), *more],
        capture_output=True,
        text=True,
        check=False,
        env={"SMS_TOKEN": "hush", "PATH": "/usr/bin:/bin", "HOME": str(folder)},
    )


def test_every_channel_is_shown_with_its_answer(tmp_path: Path) -> None:
    mails, texts = MailSink(), WebSink()
    with mail_server(mails) as smtp, web_server(texts) as web:
        done = run(tmp_path, CONFIG.format(smtp=smtp, web=web, private="true"), "--json")
    assert done.returncode == 0, done.stderr
    deliveries = {one["channel"]: one for one in json.loads(done.stdout)["deliveries"]}
    assert deliveries["email"]["state"] == "handed over"
    assert deliveries["sms ···0002"]["state"] == "handed over"
    assert "hush" not in done.stdout + done.stderr
    assert "Test message" in mails.mails[0]["Subject"]


def test_a_refusal_is_shown_and_fails(tmp_path: Path) -> None:
    mails, texts = MailSink(), WebSink(answers=[(401, {}, "Authenticate")])
    with mail_server(mails) as smtp, web_server(texts) as web:
        done = run(tmp_path, CONFIG.format(smtp=smtp, web=web, private="true"))
    assert done.returncode == 1
    assert "401 Authenticate" in done.stdout
    assert "Traceback" not in done.stderr


def test_private_servers_without_the_setting_are_refused_with_its_name(tmp_path: Path) -> None:
    done = run(tmp_path, CONFIG.format(smtp=2525, web=8080, private="false"))
    assert done.returncode == 1
    assert "alerts.allow_private_targets" in " ".join(done.stdout.split())


def test_no_channel_and_half_a_channel_are_configuration_errors(tmp_path: Path) -> None:
    none = run(tmp_path, 'profile = "paper"\n')
    assert none.returncode == 2
    assert "no alert channel" in none.stderr
    half = run(tmp_path, 'profile = "paper"\n[alerts]\nsms_to = ["+1555"]\n')
    assert half.returncode == 2
    assert "alerts.sms_token" in half.stderr
