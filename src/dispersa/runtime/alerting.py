"""Which channels does the configuration give, and where is the outbox?"""

from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from dispersa.alerts import AlertPolicy
from dispersa.alerts.channels import Channel
from dispersa.alerts.channels.mail import Mail, MailServer
from dispersa.alerts.channels.sms import Sms, SmsProvider
from dispersa.alerts.delivery import Refused, TryLater
from dispersa.alerts.rendering import Sender, masked
from dispersa.alerts.targets import require_allowed
from dispersa.runtime.config.alerting import AlertsSection
from dispersa.runtime.config.secrets import reveal
from dispersa.runtime.config.settings import Settings


def outbox_file(settings: Settings) -> Path:
    """Return where alerts wait: a file beside the journal."""
    return settings.journal_file.with_suffix(".alerts.sqlite3")


def alert_policy(settings: Settings) -> AlertPolicy:
    """Return how repeats are folded."""
    return AlertPolicy(fold_within=timedelta(minutes=settings.alerts.fold_minutes))


def channels(settings: Settings, account: str) -> tuple[Channel, ...]:
    """Return a channel for everything that is configured, none if nothing is.

    Raises
    ------
    InvalidConfig
        If a secret can not be had, or apprise does not know a URL.
    """
    alerts = settings.alerts
    sender = Sender(profile=settings.profile, account=masked(account))
    return (*_mail(alerts, sender), *_sms(alerts, sender), *_services(alerts, sender))


def unreachable(settings: Settings) -> tuple[str, ...]:
    """Say which targets alerts may not go to, or whose name nobody knows; sends nothing."""
    alerts, hosts = settings.alerts, []
    if alerts.smtp_host is not None:
        hosts.append(alerts.smtp_host)
    if alerts.sms_to:
        hosts.append(urlsplit(alerts.sms_base_url).hostname or "")
    if alerts.notifications is not None:
        from dispersa.alerts.channels.notification import hosts_of

        hosts += hosts_of(reveal("alerts.notifications", alerts.notifications))
    found = []
    for host in hosts:
        try:
            require_allowed(host, private_allowed=alerts.allow_private_targets)
        except (Refused, TryLater) as error:
            found.append(str(error))
    return tuple(found)


def _mail(alerts: AlertsSection, sender: Sender) -> tuple[Channel, ...]:
    if alerts.smtp_host is None or alerts.email_to is None:
        return ()
    password = alerts.smtp_password
    server = MailServer(
        host=alerts.smtp_host,
        port=alerts.smtp_port,
        security=alerts.smtp_security,
        private_allowed=alerts.allow_private_targets,
        user=alerts.smtp_user,
        password=None if password is None else reveal("alerts.smtp_password", password),
    )
    return (
        Mail(server=server, origin=alerts.email_from, receivers=alerts.email_to, sender=sender),
    )


def _sms(alerts: AlertsSection, sender: Sender) -> tuple[Channel, ...]:
    if not alerts.sms_to or not (alerts.sms_account and alerts.sms_from and alerts.sms_token):
        return ()
    provider = SmsProvider(
        base_url=alerts.sms_base_url,
        account=alerts.sms_account,
        origin=alerts.sms_from,
        token=reveal("alerts.sms_token", alerts.sms_token),
        private_allowed=alerts.allow_private_targets,
    )
    return tuple(Sms(provider=provider, receiver=number, sender=sender) for number in alerts.sms_to)


def _services(alerts: AlertsSection, sender: Sender) -> tuple[Channel, ...]:
    if alerts.notifications is None:
        return ()
    from dispersa.alerts.channels.notification import notifications

    urls = reveal("alerts.notifications", alerts.notifications)
    return notifications(urls, sender, private_allowed=alerts.allow_private_targets)
