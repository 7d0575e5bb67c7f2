"""Which keys say who is told, and how?"""

from typing import Literal

from dispersa.runtime.config.keys import (
    Count,
    Flag,
    Secret,
    Section,
    Text,
    Texts,
    choice,
    count,
    flag,
    secret,
    text,
    texts,
)

Security = Literal["starttls", "tls", "none"]


class AlertsSection(Section):
    """Who is told, and how: mail, text messages, and any service that apprise knows."""

    email_to: Texts | None = texts(
        None,
        "mail addresses, such as ['a@b.org']",
        "Receivers of alerts.",
        example=("you@example.org",),
    )
    email_from: Text = text("dispersa@localhost", "a mail address", "Sender of alerts.")
    smtp_host: Text | None = text(
        None, "a host name", "Mail server; no mail is sent if left out.", example="smtp.example.org"
    )
    smtp_port: Count = count(587, 1, 65535, "port", "Port of the mail server.")
    smtp_security: Security = choice(
        "starttls",
        Security,
        "Encryption to the mail server: starttls (port 587), tls (465), none (no password).",
    )
    smtp_user: Text | None = text(None, "a user name", "Login at the mail server.", example="desk")
    smtp_password: Secret | None = secret(
        "Password at the mail server.", example="env:DISPERSA_SMTP_PASSWORD"
    )
    sms_to: Texts | None = texts(
        None,
        "phone numbers, such as ['+15550001']",
        "Phones that get text messages.",
        example=("+15550001",),
    )
    sms_from: Text | None = text(
        None, "a phone number", "Number that the provider gave you.", example="+15550000"
    )
    sms_base_url: Text = text(
        "https://api.twilio.com",
        "an https address",
        "SMS provider that speaks Twilio's Messages resource.",
        pattern=r"^https?://[\w.:\[\]-]+(/.*)?$",
    )
    sms_account: Text | None = text(
        None, "an account id", "Account at the SMS provider.", example="AC0123456789"
    )
    sms_token: Secret | None = secret(
        "Token at the SMS provider.", example="env:DISPERSA_SMS_TOKEN"
    )
    notifications: Secret | None = secret(
        "apprise URLs of other services, a URL in a line; they hold secrets.",
        example="file:~/.config/dispersa/apprise.txt",
    )
    allow_private_targets: Flag = flag(
        False, "Allow servers on this machine and in private networks."
    )
    fold_minutes: Count = count(
        10, 1, 1440, "minutes", "Repeats of an alert are counted this long, then summed up."
    )


def contradictions_in(alerts: AlertsSection) -> list[str]:
    """Say which channel is only half configured: an alert that can not go out is no alert."""
    found = []
    if (alerts.smtp_host is None) != (not alerts.email_to):
        found.append(
            "alerts.smtp_host and alerts.email_to belong together and one of them is missing; "
            "expected both or neither"
        )
    sms = {
        "alerts.sms_to": bool(alerts.sms_to),
        "alerts.sms_from": alerts.sms_from is not None,
        "alerts.sms_account": alerts.sms_account is not None,
        "alerts.sms_token": alerts.sms_token is not None,
    }
    missing = [key for key, given in sms.items() if not given]
    if 0 < len(missing) < len(sms):
        found.append(f"text messages need {', '.join(missing)} too; expected all of them or none")
    if alerts.smtp_user is not None and alerts.smtp_password is None:
        found.append("alerts.smtp_user is set without alerts.smtp_password; set both or none")
    if alerts.smtp_password is not None and alerts.smtp_security == "none":
        found.append(
            "alerts.smtp_security is 'none' and alerts.smtp_password is set; a password is sent "
            "only over starttls or tls"
        )
    return found
