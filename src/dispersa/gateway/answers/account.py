"""What does a client get to know about cash, holdings and profit, and when?"""

from collections.abc import Callable, Iterable
from typing import assert_never

from dispersa.gateway import events
from dispersa.gateway.answers.desk import Line
from dispersa.gateway.floor import Every
from dispersa.gateway.wire import replies
from dispersa.gateway.wire import requests as r

_ACCOUNT_SUMMARY_END, _POSITION_MULTI_END, _ACCOUNT_UPDATE_MULTI_END = 64, 72, 74
_LEDGER_KEYS = frozenset(
    {
        "CashBalance",
        "TotalCashBalance",
        "AccruedCash",
        "StockMarketValue",
        "OptionMarketValue",
        "FutureOptionValue",
        "NetLiquidationByCurrency",
        "UnrealizedPnL",
        "RealizedPnL",
        "ExchangeRate",
        "Currency",
    }
)


class AccountDesk:
    """Answers one client about the account and keeps its account subscriptions."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._venue = line.floor.venue
        self._follows_positions = False
        self._updates: _Updates | None = None
        self._multi: dict[int, r.PositionsMulti] = {}
        self._feeds: dict[int, Every] = {}
        self._summaries: set[int] = set()

    def answer(self, request: r.AccountRequest) -> None:
        """Answer one request."""
        match request:
            case r.AccountSummary():
                self.summary(request)
            case r.AccountUpdates():
                self.updates(request)
            case r.AccountUpdatesMulti():
                self.updates_multi(request)
            case r.PositionsMulti():
                self.positions_multi(request)
            case r.SubscribePnl():
                self.pnl(request)
            case r.SubscribePnlSingle():
                self.pnl_single(request)
            case _:
                assert_never(request)

    def close(self) -> None:
        """End every subscription."""
        for feed in self._feeds.values():
            feed.stop()
        self._feeds.clear()
        if self._updates is not None:
            self._updates.stop()

    # -- positions -------------------------------------------------------------------------------

    def positions(self) -> None:
        """Send the holdings of every account, the end marker, and changes from now on."""
        self._follows_positions = True
        for held in self._venue.positions():
            self._line.send(replies.position(held))
        self._line.send(replies.POSITION_END)

    def cancel_positions(self) -> None:
        """Send changes of holdings no more."""
        self._follows_positions = False

    def positions_multi(self, request: r.PositionsMulti) -> None:
        """Send the holdings of one account and model, the end marker, and changes from now on."""
        self._multi[request.request_id] = request
        for held in self._venue.positions():
            if request.account in {"", held.account}:
                self._line.send(replies.position_multi(request.request_id, held, request.model))
        self._line.send(replies.end(_POSITION_MULTI_END, request.request_id))

    def account_event(self, event: events.Position | events.AccountChanged) -> None:
        """Tell the client of a change that it has subscribed."""
        match event:
            case events.Position():
                self._position_changed(event)
            case events.AccountChanged():
                if self._updates is not None:
                    self._updates.soon()

    def _position_changed(self, held: events.Position) -> None:
        if self._follows_positions:
            self._line.send(replies.position(held))
        for request in self._multi.values():
            if request.account in {"", held.account}:
                self._line.send(replies.position_multi(request.request_id, held, request.model))

    # -- values ----------------------------------------------------------------------------------

    def updates(self, request: r.AccountUpdates) -> None:
        """Start or end the stream of account values and portfolio."""
        account = self._known_account(request.account)
        if account is None:
            return
        if self._updates is not None:
            self._updates.stop()
            self._updates = None
        if request.subscribe:
            self._updates = _Updates(self._line, account)

    def updates_multi(self, request: r.AccountUpdatesMulti) -> None:
        """Send account values by account and model, and the end marker."""
        account = self._known_account(request.account, request.request_id)
        if account is None:
            return
        for value in self._venue.account_values(account):
            self._line.send(replies.account_update_multi(request.request_id, value, request.model))
        self._line.send(replies.end(_ACCOUNT_UPDATE_MULTI_END, request.request_id))

    def summary(self, request: r.AccountSummary) -> None:
        """Send the wanted account tags, the end marker, and the tags again as time goes by."""
        limit = self._line.floor.rules.account_summaries_max
        if request.request_id not in self._summaries and len(self._summaries) >= limit:
            self._line.error(
                request.request_id,
                322,
                "Error processing request.-'cR' : cause - Maximum number of account summary "
                "requests exceeded",
            )
            return
        self._summaries.add(request.request_id)
        tags = {tag.strip() for tag in request.tags.split(",")}
        self._send_summary(request.request_id, tags)
        self._line.send(replies.end(_ACCOUNT_SUMMARY_END, request.request_id))
        seconds = self._line.floor.rules.account_update_seconds
        self._feed(
            request.request_id, seconds, lambda: self._send_summary(request.request_id, tags)
        )

    def _send_summary(self, request_id: int, tags: set[str]) -> None:
        for account in self._venue.accounts():
            for value in self._venue.account_values(account):
                if _is_wanted(value, tags):
                    self._line.send(replies.account_summary(request_id, value))

    def _known_account(self, account: str, request_id: int = -1) -> str | None:
        accounts = self._venue.accounts()
        if not account or account in accounts:
            return account or accounts[0]
        self._line.error(
            request_id,
            321,
            f"Error validating request: Invalid account code '{account}'; this login has "
            f"{', '.join(accounts)}",
        )
        return None

    # -- profit ----------------------------------------------------------------------------------

    def pnl(self, request: r.SubscribePnl) -> None:
        """Send the account's profit now and about once a second."""
        account = self._known_account(request.account, request.request_id)
        if account is None:
            return

        def send() -> None:
            self._line.send(replies.pnl(request.request_id, self._venue.pnl(account)))

        send()
        self._feed(request.request_id, self._line.floor.rules.pnl_update_seconds, send)

    def pnl_single(self, request: r.SubscribePnlSingle) -> None:
        """Send one position's profit now and about once a second."""
        account = self._known_account(request.account, request.request_id)
        if account is None:
            return

        def send() -> None:
            profit = self._venue.pnl_single(account, request.con_id)
            if profit is not None:
                self._line.send(replies.pnl_single(request.request_id, profit))

        send()
        self._feed(request.request_id, self._line.floor.rules.pnl_update_seconds, send)

    # -- endings ---------------------------------------------------------------------------------

    def cancel(self, request_id: int) -> None:
        """End one subscription; ending what does not run is no error at IBKR."""
        feed = self._feeds.pop(request_id, None)
        if feed is not None:
            feed.stop()
        self._summaries.discard(request_id)
        self._multi.pop(request_id, None)

    def _feed(self, request_id: int, seconds: float, send: Callable[[], None]) -> None:
        running = self._feeds.pop(request_id, None)
        if running is not None:
            running.stop()
        self._feeds[request_id] = Every(self._line.floor.loop, seconds, send)


def _is_wanted(value: events.AccountValue, tags: set[str]) -> bool:
    if value.key in tags:
        return True
    ledgers = {"$LEDGER", "$LEDGER:ALL", f"$LEDGER:{value.currency}"}
    return value.key in _LEDGER_KEYS and not tags.isdisjoint(ledgers)


class _Updates:
    """The stream of account values and portfolio of one account: all of it once, then changes."""

    def __init__(self, line: Line, account: str) -> None:
        self._line = line
        self._account = account
        self._sent: dict[tuple[str, ...], bytes] = {}
        self._is_due = False
        self._is_stopped = False
        self._send_changes()
        line.send(replies.account_time(line.floor.clock.now()))
        line.send(replies.account_download_end(account))
        self._timer = Every(line.floor.loop, line.floor.rules.account_update_seconds, self._on_time)

    def soon(self) -> None:
        """Send what has changed, once, as soon as the present burst of events is over."""
        if not self._is_due:
            self._is_due = True
            self._line.floor.loop.call_soon(self._on_change)

    def stop(self) -> None:
        """Send no more."""
        self._is_stopped = True
        self._timer.stop()

    def _on_change(self) -> None:
        self._is_due = False
        if not self._is_stopped:
            self._send_changes()

    def _on_time(self) -> None:
        self._send_changes()
        self._line.send(replies.account_time(self._line.floor.clock.now()))

    def _send_changes(self) -> None:
        for key, frame in self._frames():
            if self._sent.get(key) != frame:
                self._sent[key] = frame
                self._line.send(frame)

    def _frames(self) -> Iterable[tuple[tuple[str, ...], bytes]]:
        venue = self._line.floor.venue
        for value in venue.account_values(self._account):
            yield (value.key, value.currency), replies.account_value(value)
        for item in venue.portfolio(self._account):
            yield (str(item.position.contract.con_id),), replies.portfolio_item(item)
