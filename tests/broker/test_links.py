"""The two links over real sockets: handshake, silence, garbage, loss and return."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from decimal import Decimal

import pytest

from dispersa.broker.ibkr import Deadlines, IbkrConnection, IbkrSettings, connect
from dispersa.errors import (
    BrokenInvariant,
    BrokerRefused,
    Disconnected,
    RequestTimedOut,
    Unresolved,
)
from dispersa.market import Symbol
from dispersa.orders import (
    BrokerReport,
    LinkLost,
    LinkRestored,
    OrderCancelled,
    OrderDoubtful,
    OrderRef,
    OrderRejected,
    OrderWorking,
    straddle_combo,
)

from .builders import ACCOUNT, CLIENT_ID, STOCK, STRADDLE, FixedClock, approved, with_limit
from .scripted import Peer, Script, scripted

QUICK = Deadlines(
    connect_seconds=0.5,
    request_seconds=0.4,
    contract_seconds=0.4,
    history_seconds=0.4,
    what_if_seconds=0.4,
    snapshot_seconds=0.4,
    first_quote_seconds=0.4,
    silence_seconds=0.8,
    fill_gap_seconds=0.1,
    reconnect_seconds_max=0.2,
)
DATA_ID = 11


def settings_for(script: Script, **changes: object) -> IbkrSettings:
    return IbkrSettings(**{"port": script.port, "deadlines": QUICK, **changes})  # type: ignore[arg-type]


class Collected:
    """Reports as they came."""

    def __init__(self, connection: IbkrConnection) -> None:
        self.reports: list[BrokerReport] = []
        self.task = asyncio.ensure_future(self._pump(connection))

    async def _pump(self, connection: IbkrConnection) -> None:
        async for report in connection.orders.reports():
            self.reports.append(report)

    async def until(self, kind: type, count: int = 1, seconds: float = 5.0) -> list[BrokerReport]:
        async with asyncio.timeout(seconds):
            while sum(isinstance(report, kind) for report in self.reports) < count:
                await asyncio.sleep(0.01)
        return [report for report in self.reports if isinstance(report, kind)]


@asynccontextmanager
async def connected(
    script: Script, **changes: object
) -> AsyncIterator[tuple[IbkrConnection, Collected]]:
    async with scripted(script):
        connection = await connect(settings_for(script, **changes), FixedClock())
        collected = Collected(connection)
        try:
            yield connection, collected
        finally:
            await connection.close()
            await collected.task


async def test_good_handshake_restores_the_link_and_names_the_account() -> None:
    async with connected(Script()) as (connection, collected):
        (restored,) = await collected.until(LinkRestored)
        assert isinstance(restored, LinkRestored)
        assert (restored.account, restored.server_version) == (ACCOUNT, 178)
        assert connection.unproven is None
        assert connection.is_paper


async def test_nobody_listens() -> None:
    async with scripted(Script()) as script:
        settings = settings_for(script)
    with pytest.raises(Disconnected, match=r"nobody listens.*API access enabled"):
        await connect(settings, FixedClock())


async def test_silent_listener_is_disconnected_before_the_deadline() -> None:
    async with scripted(Script(says_hello=False)) as script:
        with pytest.raises(Disconnected, match="no handshake before the deadline"):
            await connect(settings_for(script), FixedClock())


async def test_gateway_that_never_gets_ready_is_disconnected() -> None:
    async with scripted(Script(says_ready=False)) as script:
        with pytest.raises(Disconnected, match="no handshake before the deadline"):
            await connect(settings_for(script), FixedClock())


async def test_too_old_gateway_is_refused() -> None:
    async with scripted(Script(version=100)) as script:
        with pytest.raises(Disconnected):
            await connect(settings_for(script), FixedClock())


@pytest.mark.parametrize("taken", [CLIENT_ID, DATA_ID])
async def test_client_id_in_use_is_refused_and_no_other_id_is_tried(taken: int) -> None:
    async with scripted(Script(refuse_client_ids=frozenset({taken}))) as script:
        with pytest.raises(BrokerRefused, match="never switches ids") as refusal:
            await connect(settings_for(script), FixedClock())
        assert refusal.value.code == 326
        assert {peer.client_id for peer in script.peers} <= {CLIENT_ID, DATA_ID}
        await asyncio.sleep(0.05)
        assert all(peer.writer.is_closing() for peer in script.peers)


async def test_wrong_account_is_refused_and_both_sockets_closed() -> None:
    async with scripted(Script(accounts="DU7")) as script:
        with pytest.raises(BrokerRefused, match="expected"):
            await connect(settings_for(script, account=ACCOUNT), FixedClock())
        await asyncio.sleep(0.05)
        assert all(peer.writer.is_closing() for peer in script.peers)


async def test_live_account_needs_the_opt_in() -> None:
    async with scripted(Script(accounts="U1234567")) as script:
        with pytest.raises(BrokerRefused, match="live trading was not allowed"):
            await connect(settings_for(script), FixedClock())
    async with connected(Script(accounts="U1234567"), live_allowed=True) as (connection, _):
        assert not connection.is_paper


@pytest.mark.parametrize("next_id", [-5, 2_000_000_000])
async def test_impossible_next_order_id_is_refused(next_id: int) -> None:
    async with scripted(Script(next_id=next_id)) as script:
        with pytest.raises(BrokerRefused, match="next order id"):
            await connect(settings_for(script), FixedClock())


async def test_order_ids_go_on_above_the_journal_and_the_server() -> None:
    async with connected(Script(next_id=5), order_id_floor=70) as (connection, _):
        await connection.orders.place(approved())
        assert connection.orders.order_id_high_water == 71
    async with connected(Script(next_id=90), order_id_floor=70) as (connection, _):
        await connection.orders.place(approved())
        assert connection.orders.order_id_high_water == 90


async def test_order_ids_go_on_above_what_the_journal_tells_after_the_start() -> None:
    async with connected(Script(next_id=5)) as (connection, _):
        connection.orders.use_order_ids_above(0)
        assert await connection.orders.place(approved(ref="a")) == 5
        connection.orders.use_order_ids_above(700)
        first = await connection.orders.place(approved(ref="b"))
        assert first is not None
        assert first > 700
        connection.orders.use_order_ids_above(3)
        assert await connection.orders.place(approved(ref="c")) == first + 1


async def test_ids_do_not_go_back_when_the_gateway_rolls_them_back() -> None:
    script = Script(next_id=500)
    async with connected(script) as (connection, collected):
        await connection.orders.place(approved(ref="a"))
        await asyncio.sleep(0.05)
        script.next_id = 1
        script.peer(CLIENT_ID).writer.close()
        await collected.until(LinkRestored, 2)
        await connection.orders.place(approved(ref="b"))
        await asyncio.sleep(0.05)
        ids = [
            int(fields[1]) for peer in script.peers for fields in peer.received if fields[0] == "3"
        ]
        assert ids == [500, 501]


async def test_lost_socket_is_reported_and_both_links_come_back() -> None:
    script = Script()
    async with connected(script) as (connection, collected):
        script.peer(DATA_ID).writer.close()
        (lost,) = await collected.until(LinkLost)
        assert isinstance(lost, LinkLost)
        with pytest.raises(Disconnected, match="was not sent"):
            await connection.orders.place(approved())
        restored = await collected.until(LinkRestored, 2)
        assert isinstance(restored[1], LinkRestored)
        assert restored[1].data_lost
        assert connection.unproven is None
        assert script.accepted == 4


async def test_unanswered_heartbeats_lose_the_link() -> None:
    script = Script()
    async with connected(script) as (_, collected):
        await asyncio.sleep(0.3)
        script.answers_time = False
        began = asyncio.get_running_loop().time()
        (lost,) = await collected.until(LinkLost)
        assert isinstance(lost, LinkLost)
        assert "heartbeats unanswered" in lost.message
        assert asyncio.get_running_loop().time() - began < 5 / 4 * QUICK.silence_seconds + 0.5


async def test_quiet_link_with_answered_heartbeats_stays() -> None:
    script = Script()
    async with connected(script) as (connection, collected):
        await asyncio.sleep(2.5 * QUICK.silence_seconds)
        assert connection.unproven is None
        assert [type(report) for report in collected.reports] == [LinkRestored]
        assert script.peer(CLIENT_ID).count(49) >= 2


@pytest.mark.parametrize(
    ("garbage", "words"),
    [
        (b"\x7f\xff\xff\xff" + b"x" * 10, "frame claims"),
        (b"\x00\x00\x00\x00", "frame claims"),
        (b"\x00\x00\x00\x00\x00\x00\x00\x02", "can not be read"),
        (b"\x00\x00\x00\x04ab\x00\x00", "can not be read"),
        (b"\x00\x00\x00\x06" + b"11\x001\x00\x00", "can not be read"),
        (b"\x00\x00\x00\x08" + b"3\x00x\x00y\x00\x00\x00", "can not be read"),
        (b"\x00\x00\x00\x04" + b"\xff\xfe\x00\x00", "can not be read"),
    ],
)
async def test_garbage_drops_the_link_with_a_reason(garbage: bytes, words: str) -> None:
    script = Script()
    async with connected(script) as (_, collected):
        script.peer(CLIENT_ID).say_raw(garbage)
        (lost,) = await collected.until(LinkLost)
        assert isinstance(lost, LinkLost)
        assert words in lost.message
        await collected.until(LinkRestored, 2)


async def test_unreadable_message_that_is_no_order_truth_is_ignored() -> None:
    script = Script()
    async with connected(script) as (connection, collected):
        script.peer(CLIENT_ID).say(7, "too", "short")
        script.peer(CLIENT_ID).say(999, 1)
        await asyncio.sleep(0.1)
        assert connection.unproven is None
        assert not any(isinstance(report, LinkLost) for report in collected.reports)


async def test_frames_in_single_bytes_are_read() -> None:
    script = Script()
    async with connected(script) as (connection, _):

        def drip(peer: Peer, _: list[str]) -> None:
            from .scripted import frame

            for byte in frame(62, 1):
                peer.say_raw(bytes([byte]))

        script.answers[61] = drip
        script.answers[16] = lambda peer, _: peer.say(53, 1)
        script.answers[99] = lambda peer, _: peer.say(102)
        script.answers[62] = _account_summary
        script.answers[7] = lambda peer, fields: peer.say(55, 1, fields[2])
        snapshot = await connection.orders.snapshot()
        assert snapshot.positions == ()
        assert snapshot.account.net_liquidation == 100_000


def _account_summary(peer: Peer, fields: list[str]) -> None:
    peer.say(63, 1, fields[2], ACCOUNT, "NetLiquidation", "100000", "USD")
    peer.say(64, 1, fields[2])


@pytest.mark.parametrize("missing", [16, 99, 62, 61, 7])
async def test_snapshot_without_one_end_marker_is_no_snapshot(missing: int) -> None:
    script = Script(
        answers={
            16: lambda peer, _: peer.say(53, 1),
            99: lambda peer, _: peer.say(102),
            62: _account_summary,
            61: lambda peer, _: peer.say(62, 1),
            7: lambda peer, fields: peer.say(55, 1, fields[2]),
        }
    )
    del script.answers[missing]
    async with connected(script) as (connection, _):
        with pytest.raises(RequestTimedOut, match="nothing may be concluded"):
            await connection.orders.snapshot()


async def test_late_marker_completes_no_read_and_a_second_unanswered_one_ends_the_link() -> None:
    """Open orders carry no number: on the same link a late end would be taken for the next one."""
    script = Script()
    async with connected(script) as (connection, _):
        with pytest.raises(RequestTimedOut):
            await connection.orders.cancel(OrderRef("nobody"))
        asyncio.get_running_loop().call_later(0.05, script.peer(CLIENT_ID).say, 53, 1)
        with pytest.raises(RequestTimedOut):
            await connection.orders.cancel(OrderRef("nobody"))
        with pytest.raises(Disconnected):
            await connection.orders.cancel(OrderRef("nobody"))


async def test_request_refused_with_321_ends_in_a_named_error() -> None:
    script = Script()
    script.answers[9] = lambda peer, fields: peer.say(
        4, 2, fields[2], 321, "Error validating request", ""
    )
    async with connected(script) as (connection, _):
        with pytest.raises(BrokerRefused, match="contract details of QQQ: error 321") as refusal:
            await connection.feed.underlying(Symbol("QQQ"))
        assert refusal.value.code == 321


async def test_silent_request_ends_in_a_named_error() -> None:
    async with connected(Script()) as (connection, _):
        with pytest.raises(RequestTimedOut, match="contract details of QQQ"):
            await connection.feed.underlying(Symbol("QQQ"))


async def test_request_that_loses_its_link_ends_in_disconnected() -> None:
    script = Script()
    script.answers[9] = lambda peer, _: peer.writer.close()
    async with connected(script) as (connection, _):
        with pytest.raises(Disconnected):
            await connection.feed.underlying(Symbol("QQQ"))


async def test_what_if_refused_with_321_is_refused_in_words() -> None:
    script = Script()
    script.answers[3] = lambda peer, fields: peer.say(
        4, 2, fields[1], 321, "The API interface is currently in Read-Only mode.", ""
    )
    async with connected(script) as (connection, _):
        with pytest.raises(BrokerRefused, match="Read-Only"):
            await connection.orders.what_if(
                combo=straddle_combo(STRADDLE),
                order_ref=OrderRef("w"),
                limit_price=Decimal("1.00"),
                quantity=1,
            )


async def test_remark_does_not_end_a_what_if_and_silence_does() -> None:
    script = Script()
    script.answers[3] = lambda peer, fields: peer.say(4, 2, fields[1], 10349, "TIF was set", "")
    async with connected(script) as (connection, _):
        with pytest.raises(RequestTimedOut, match="what-if of AAPL"):
            await connection.orders.what_if(
                combo=straddle_combo(STRADDLE),
                order_ref=OrderRef("w"),
                limit_price=Decimal("1.00"),
                quantity=1,
            )


@pytest.mark.parametrize("code", [1100, 1300, 2110])
async def test_broker_losing_its_own_link_stops_orders_and_lets_cancels_pass(code: int) -> None:
    script = Script()
    async with connected(script) as (connection, collected):
        await connection.orders.place(approved())
        peer = script.peer(CLIENT_ID)
        peer.say(4, 2, -1, code, "Connectivity has been lost.", "")
        await collected.until(LinkLost)
        with pytest.raises(Disconnected, match=str(code)):
            await connection.orders.place(approved(ref="b"))
        with pytest.raises(Disconnected):
            await connection.orders.amend(with_limit(approved(), "12.40"))
        await connection.orders.cancel(approved().intent.ref)
        await asyncio.sleep(0.05)
        assert (peer.count(3), peer.count(4)) == (1, 1)


@pytest.mark.parametrize(("code", "data_lost"), [(1101, True), (1102, False)])
async def test_broker_restoring_its_link_is_reported(code: int, data_lost: bool) -> None:
    script = Script()
    async with connected(script) as (connection, collected):
        for peer in list(script.peers):
            peer.say(4, 2, -1, 1100, "lost", "")
        await collected.until(LinkLost)
        for peer in list(script.peers):
            peer.say(4, 2, -1, code, "restored", "")
        restored = await collected.until(LinkRestored, 2)
        assert isinstance(restored[1], LinkRestored)
        assert restored[1].data_lost is data_lost
        await asyncio.sleep(0.05)
        assert connection.unproven is None
        assert len([r for r in collected.reports if isinstance(r, LinkRestored)]) == 2


async def test_restored_without_a_loss_reports_nothing() -> None:
    script = Script()
    async with connected(script) as (_, collected):
        script.peer(CLIENT_ID).say(4, 2, -1, 1102, "restored", "")
        script.peer(CLIENT_ID).say(4, 2, -1, 2104, "farm is OK", "")
        await asyncio.sleep(0.1)
        assert [type(report) for report in collected.reports] == [LinkRestored]


async def test_order_unanswered_at_the_loss_is_doubtful() -> None:
    script = Script()
    async with connected(script) as (connection, collected):
        await connection.orders.place(approved())
        await asyncio.sleep(0.05)
        script.peer(CLIENT_ID).writer.close()
        await collected.until(OrderDoubtful)
        kinds = [type(report) for report in collected.reports]
        assert kinds.index(LinkLost) < kinds.index(OrderDoubtful)


async def test_gateway_that_comes_back_with_another_account_stays_lost() -> None:
    script = Script()
    async with connected(script) as (connection, collected):
        script.accounts = "DU7654321"
        script.peer(CLIENT_ID).writer.close()
        losses = await collected.until(LinkLost, 2)
        assert isinstance(losses[1], LinkLost)
        assert "another account" in losses[1].message
        assert connection.unproven is not None
        script.accounts = ACCOUNT
        await collected.until(LinkRestored, 2)


async def test_id_in_use_after_a_loss_waits_and_never_switches() -> None:
    script = Script()
    async with connected(script) as (_, collected):
        script.refuse_client_ids = frozenset({CLIENT_ID})
        script.peer(CLIENT_ID).writer.close()
        losses = await collected.until(LinkLost, 2)
        assert isinstance(losses[1], LinkLost)
        assert "326" in losses[1].message
        script.refuse_client_ids = frozenset()
        await collected.until(LinkRestored, 2)
        assert {peer.client_id for peer in script.peers} == {CLIENT_ID, DATA_ID}


async def test_reference_is_used_once_and_only_for_our_account() -> None:
    async with connected(Script()) as (connection, _):
        await connection.orders.place(approved())
        with pytest.raises(BrokenInvariant, match="sent before"):
            await connection.orders.place(approved())
    async with connected(Script(accounts="DU9")) as (connection, _):
        with pytest.raises(BrokenInvariant, match="another account"):
            await connection.orders.place(approved())


async def test_cancel_takes_back_an_order_that_still_waits_for_its_turn() -> None:
    script = Script()
    changes = {"messages_per_second": 3, "messages_reserved_for_orders": 0}
    async with connected(script, **changes) as (connection, collected):
        await asyncio.sleep(1.1)
        for name in "abc":
            await connection.orders.place(approved(ref=name))
        waiting = asyncio.ensure_future(connection.orders.place(approved(ref="late")))
        await asyncio.sleep(0.05)
        await connection.orders.cancel(OrderRef("late"))
        await waiting
        (report,) = await collected.until(OrderCancelled)
        assert isinstance(report, OrderCancelled)
        assert "before it was sent" in report.message
        await asyncio.sleep(1.2)
        assert script.peer(CLIENT_ID).count(3) == 3


async def test_cancel_all_takes_back_what_waits_and_cancels_what_left() -> None:
    script = Script(answers={16: lambda peer, _: peer.say(53, 1)})
    changes = {"messages_per_second": 4, "messages_reserved_for_orders": 1}
    async with connected(script, **changes) as (connection, collected):
        await asyncio.sleep(1.1)
        for name in "abcd":
            await connection.orders.place(approved(ref=name))
        late = [
            asyncio.ensure_future(connection.orders.place(approved(ref=f"late{n}")))
            for n in range(5)
        ]
        await asyncio.sleep(0.05)
        assert await connection.orders.cancel_all_ours() == 9
        await asyncio.gather(*late)
        assert len(await collected.until(OrderCancelled, 5)) == 5
        await asyncio.sleep(0.05)
        peer = script.peer(CLIENT_ID)
        assert (peer.count(3), peer.count(4)) == (4, 4)


def _option_details(request: str, con_id: int, trading_class: str, multiplier: str) -> list[object]:
    contract = ["AAPL", "OPT", "20261218", 272.5, "C", "SMART", "USD", "AAPL  261218C00272500"]
    head = [10, request, *contract, "AAPL", trading_class, con_id, 0.01, multiplier]
    texts = ["LMT,MKT", "SMART,CBOE", 1, 265598, "APPLE INC", "", "202612", "", "", ""]
    hours = ["US/Eastern", "20261120:0930-20261120:1600", "20261120:0930-20261120:1600", "", 0, 0]
    return [*head, *texts, *hours, 1, "AAPL", "STK", "26,109", "20261218", "", 1, 1, 1]


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        ([(1, "AAPL", "100")], [1]),
        ([(1, "AAPL", "100"), (2, "AAPL1", "100"), (3, "AAPL", "10")], [1]),
        ([], []),
        ([(2, "AAPL1", "100")], None),
        ([(1, "AAPL", "100"), (4, "AAPL", "100")], None),
    ],
)
async def test_only_the_one_standard_option_of_a_strike_is_taken(
    rows: list[tuple[int, str, str]], found: list[int] | None
) -> None:
    def answer(peer: Peer, fields: list[str]) -> None:
        for row in rows:
            peer.say(*_option_details(fields[2], *row))
        peer.say(52, 1, fields[2])

    script = Script(answers={9: answer})
    async with connected(script) as (connection, _):
        ask = connection.feed.options(STOCK, STRADDLE.expiry, [STRADDLE.strike])
        if found is None:
            with pytest.raises(BrokerRefused, match=r"adjusted|ambiguous"):
                await ask
        else:
            assert [option.con_id for option in await ask] == found


async def test_contracts_are_learned_anew_every_day() -> None:
    clock = FixedClock()

    def answer(peer: Peer, fields: list[str]) -> None:
        peer.say(*_option_details(fields[2], 1, "AAPL", "100"))
        peer.say(52, 1, fields[2])

    async with scripted(Script(answers={9: answer})) as script:
        connection = await connect(settings_for(script), clock)
        for days, asked in ((0, 1), (0, 1), (1, 2)):
            clock.time += timedelta(days=days)
            await connection.feed.options(STOCK, STRADDLE.expiry, [STRADDLE.strike])
            assert script.peer(DATA_ID).count(9) == asked
        await connection.close()


async def test_cancels_leave_at_once_while_data_requests_queue() -> None:
    script = Script()
    async with connected(script) as (connection, _):
        await connection.orders.place(approved())
        flood = [
            asyncio.ensure_future(connection.feed.underlying(Symbol(f"S{n}"))) for n in range(200)
        ]
        await asyncio.sleep(0.05)
        began = asyncio.get_running_loop().time()
        await connection.orders.cancel(approved().intent.ref)
        assert asyncio.get_running_loop().time() - began < 0.1
        for task in flood:
            task.cancel()
        await asyncio.wait(flood)


async def test_amend_before_the_acknowledgement_is_not_sent() -> None:
    script = Script()
    async with connected(script) as (connection, _):
        await connection.orders.place(approved())
        with pytest.raises(Unresolved, match="not acknowledged"):
            await connection.orders.amend(with_limit(approved(), "12.40"))
        assert script.peer(CLIENT_ID).count(3) <= 1


async def test_rejection_reaches_the_reports() -> None:
    script = Script()
    script.answers[3] = lambda peer, fields: peer.say(
        4, 2, fields[1], 201, "Order rejected - reason:margin", ""
    )
    async with connected(script) as (connection, collected):
        await connection.orders.place(approved())
        (report,) = await collected.until(OrderRejected)
        assert isinstance(report, OrderRejected)
        assert "margin" in report.message


async def test_status_alone_acknowledges() -> None:
    script = Script()
    script.answers[3] = lambda peer, fields: peer.say(
        3, fields[1], "Submitted", 0, 3, 0.0, 7_000_001, 0, 0.0, CLIENT_ID, "", 0.0
    )
    async with connected(script) as (connection, collected):
        await connection.orders.place(approved())
        (report,) = await collected.until(OrderWorking)
        assert isinstance(report, OrderWorking)
        assert (report.perm_id, report.limit_price) == (7_000_001, Decimal("12.35"))


async def test_filled_without_executions_is_asked_for_and_then_doubtful() -> None:
    script = Script()
    script.answers[3] = lambda peer, fields: peer.say(
        3, fields[1], "Filled", 3, 0, 12.3, 7_000_001, 0, 12.3, CLIENT_ID, "", 0.0
    )
    script.answers[7] = lambda peer, fields: peer.say(55, 1, fields[2])
    async with connected(script) as (connection, collected):
        await connection.orders.place(approved())
        (report,) = await collected.until(OrderDoubtful)
        assert isinstance(report, OrderDoubtful)
        assert "executions fewer" in report.message
        assert script.peer(CLIENT_ID).count(7) == 1


async def test_close_ends_the_reports_and_frees_the_port() -> None:
    async with connected(Script()) as (connection, collected):
        await connection.close()
        await asyncio.wait_for(collected.task, 1)
        with pytest.raises(Disconnected):
            await connection.feed.account()


async def test_read_only_connection_sends_no_order() -> None:
    script = Script()
    async with connected(script, read_only=True) as (connection, _):
        with pytest.raises(BrokerRefused, match="read-only"):
            await connection.orders.place(approved())
        await asyncio.sleep(0.05)
        assert script.peer(CLIENT_ID).count(3) == 0


async def test_same_reason_is_reported_once_while_we_try_again() -> None:
    script = Script()
    async with connected(script) as (_, collected):
        script.accounts = "DU7654321"
        script.peer(CLIENT_ID).writer.close()
        await collected.until(LinkLost, 2)
        await asyncio.sleep(1.0)
        assert len([r for r in collected.reports if isinstance(r, LinkLost)]) == 2
        assert script.accepted > 6


async def test_notices_of_the_gateway_are_kept_for_people() -> None:
    script = Script()
    async with connected(script) as (connection, _):
        script.peer(DATA_ID).say(4, 2, -1, 2103, "Market data farm connection is broken:usopt", "")
        await asyncio.sleep(0.05)
        assert [notice.code for notice in connection.notices] == [2103]


async def test_full_read_refused_without_a_number_is_refused_in_words() -> None:
    script = Script()
    script.answers[16] = lambda peer, _: peer.say(
        4, 2, -1, 321, "Error validating request: the API is in Read-Only mode", ""
    )
    async with connected(script) as (connection, _):
        for _ in range(2):
            with pytest.raises(BrokerRefused, match="open orders: error 321") as refusal:
                await connection.orders.snapshot()
            assert refusal.value.code == 321


async def test_notes_about_data_farms_are_not_blamed_for_a_failed_handshake() -> None:
    script = Script(says_ready=False)
    async with scripted(script):
        attempt = asyncio.ensure_future(connect(settings_for(script), FixedClock()))
        await asyncio.sleep(0.1)
        script.peers[0].say(4, 2, -1, 2104, "Market data farm connection is OK:usfarm", "")
        with pytest.raises(Disconnected, match="no handshake before the deadline"):
            await attempt


async def test_what_the_gateway_says_while_we_connect_is_not_lost() -> None:
    script = Script(greets_with=((2110, "Connectivity between TWS and server is broken"),))
    async with connected(script) as (connection, collected):
        assert {notice.code for notice in connection.notices} == {2110}
        await collected.until(LinkLost)
        assert not any(isinstance(report, LinkRestored) for report in collected.reports)
        with pytest.raises(Disconnected, match="2110"):
            await connection.orders.place(approved())
        for peer in script.peers:
            peer.say(4, 2, -1, 1102, "restored", "")
        await collected.until(LinkRestored)
        await connection.orders.place(approved())
