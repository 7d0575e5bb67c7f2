"""Is everything in order for trading here: configuration, machine, gateway, account, data?

Every finding says what was found and, where something is wrong, its mend. Nothing is sent that
could trade: the connection is read-only, previews are what-if orders.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from dispersa.broker.ibkr import IbkrConnection, IbkrSettings, connect
from dispersa.broker.ibkr.codes import CLIENT_ID_IN_USE
from dispersa.errors import BrokerError, BrokerRefused, DispersaError
from dispersa.reports.findings import Finding, Standing
from dispersa.runtime.config.settings import Settings
from dispersa.runtime.doctor_gateway import BROKER_CHECKS, gateway_checks
from dispersa.runtime.doctor_machine import machine_checks
from dispersa.runtime.doctor_ports import why_unreachable
from dispersa.runtime.live import BrokerClock

OTHER_IDS_FROM = 1000
"""Added to both client ids where dispersa itself is connected with the configured ones."""
CONFIGURATION, LINKS = "configuration", "links"
EXIT_CONFIGURATION, EXIT_BROKER, EXIT_FAILED = 2, 4, 1

Show = Callable[[int, int], None]
"""Takes how many checks are done, and how many there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """All findings, and the exit code that the worst of them asks for."""

    findings: tuple[Finding, ...]

    @property
    def exit_code(self) -> int:
        """0 when nothing failed, 2 for the configuration, 4 for the broker's side, else 1."""
        failed = {row.check for row in self.findings if row.standing is Standing.FAILED}
        if not failed:
            return 0
        if CONFIGURATION in failed:
            return EXIT_CONFIGURATION
        return EXIT_BROKER if failed & {LINKS, *BROKER_CHECKS} else EXIT_FAILED


def bad_configuration(error: DispersaError) -> Diagnosis:
    """Return the diagnosis where the configuration can not be used: nothing else was tried."""
    finding = Finding(
        check=CONFIGURATION,
        standing=Standing.FAILED,
        found=str(error),
        mend="correct the file; `dispersa config check` says when it is right",
    )
    return Diagnosis(findings=(finding, *_untested((LINKS, *BROKER_CHECKS), CONFIGURATION)))


async def diagnose(settings: Settings, remarks: Sequence[str], *, show: Show) -> Diagnosis:
    """Examine everything in order; a check that fails stops only those that build on it."""
    findings = [_configuration(remarks)]
    local = machine_checks(settings)
    total = 1 + len(local) + 1 + len(BROKER_CHECKS)
    for check in local:
        findings.append(check())
        show(len(findings), total)
    findings += await _examine_gateway(settings, lambda done: show(len(findings) + done, total))
    return Diagnosis(findings=tuple(findings))


def _configuration(remarks: Sequence[str]) -> Finding:
    if remarks:
        return Finding(
            check=CONFIGURATION,
            standing=Standing.WARNING,
            found="; ".join(remarks),
            mend="correct the keys named, or leave them if you mean it",
        )
    return Finding(
        check=CONFIGURATION, standing=Standing.OK, found="every key is known and none contradicts"
    )


async def _examine_gateway(settings: Settings, done: Callable[[int], None]) -> tuple[Finding, ...]:
    clock = BrokerClock()
    try:
        connection, remark = await _connect(settings, clock)
    except BrokerError as error:
        mend = await why_unreachable(settings, error)
        failed = Finding(check=LINKS, standing=Standing.FAILED, found=str(error), mend=mend)
        return (failed, *_untested(tuple(BROKER_CHECKS), LINKS))
    try:
        findings = [_links(settings, connection, remark)]
        for name, check in gateway_checks(settings, connection, clock).items():
            findings.append(await _answer(name, check))
            done(len(findings))
        return tuple(findings)
    finally:
        await connection.close()


async def _connect(settings: Settings, clock: BrokerClock) -> tuple[IbkrConnection, str]:
    """Connect read-only; where the ids are taken (dispersa runs), with two others."""
    wanted: IbkrSettings = replace(settings.ibkr(), read_only=True)
    try:
        return await connect(wanted, clock), ""
    except BrokerRefused as error:
        if error.code != CLIENT_ID_IN_USE:
            raise
    others = replace(
        wanted,
        data_client_id=wanted.data_client_id + OTHER_IDS_FROM,
        order_client_id=wanted.order_client_id + OTHER_IDS_FROM,
    )
    remark = (
        f"client id {wanted.order_client_id} or {wanted.data_client_id} is in use (error 326); "
        f"examined as {others.order_client_id} and {others.data_client_id}"
    )
    return await connect(others, clock), remark


def _links(settings: Settings, connection: IbkrConnection, remark: str) -> Finding:
    kind = "paper" if connection.is_paper else "live"
    place = f"{settings.broker.host}:{settings.port}"
    found = f"both links to {place} are up, server version {connection.server_version}, {kind}"
    if remark:
        return Finding(
            check=LINKS,
            standing=Standing.WARNING,
            found=f"{found}; {remark}",
            mend="fine if your own dispersa runs; otherwise end the program that has the id, or "
            "set broker.data_client_id and broker.order_client_id to free ones",
        )
    return Finding(check=LINKS, standing=Standing.OK, found=found)


async def _answer(name: str, check: Callable[[], Awaitable[Finding]]) -> Finding:
    """Carry out one check; an error that it meets is its finding."""
    try:
        return await check()
    except DispersaError as error:
        return Finding(
            check=name, standing=Standing.FAILED, found=str(error), mend=BROKER_CHECKS[name]
        )


def _untested(names: Sequence[str], broken: str) -> tuple[Finding, ...]:
    return tuple(
        Finding(
            check=name,
            standing=Standing.UNTESTED,
            found=f"not tried, because {broken} failed",
            mend=f"mend {broken} first",
        )
        for name in names
    )
