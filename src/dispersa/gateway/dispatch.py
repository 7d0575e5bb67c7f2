"""Which desk answers which request?"""

from collections.abc import Callable
from typing import assert_never

from dispersa.gateway import events
from dispersa.gateway.answers.account import AccountDesk
from dispersa.gateway.answers.desk import Line
from dispersa.gateway.answers.orders import OrderDesk
from dispersa.gateway.answers.past import HistoryDesk
from dispersa.gateway.answers.quotes import Calculator, QuoteDesk
from dispersa.gateway.answers.reference import ReferenceDesk
from dispersa.gateway.floor import Census
from dispersa.gateway.wire import replies
from dispersa.gateway.wire import requests as r
from dispersa.gateway.wire.requests import Cancelable, Plain

FARM_NOTICES = (
    (2104, "Market data farm connection is OK:usfarm"),
    (2104, "Market data farm connection is OK:usopt"),
    (2106, "HMDS data farm connection is OK:ushmds"),
    (2158, "Sec-def data farm connection is OK:secdefil"),
)


class Counter:
    """Everything that one started client can ask for, and all that it gets to hear."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._reference = ReferenceDesk(line)
        self._quotes = QuoteDesk(line)
        self._calculator = Calculator(line)
        self._history = HistoryDesk(line)
        self._orders = OrderDesk(line)
        self._account = AccountDesk(line)
        self._plain = self._plain_answers()

    @property
    def client_id(self) -> int:
        """The id that the client started with."""
        return self._line.client_id

    def census(self) -> Census:
        """Return the client in numbers."""
        return Census(
            client_id=self._line.client_id,
            version=self._line.version,
            lines=self._quotes.running,
            received=self._line.received,
            sent=self._line.sent,
        )

    def greet(self) -> None:
        """Send what every client gets first: accounts, next order id, farm notices."""
        self._managed_accounts()
        self._next_id()
        for code, text in FARM_NOTICES:
            self._line.error(-1, code, text)

    def close(self) -> None:
        """End every subscription; orders live on."""
        self._quotes.close()
        self._history.close()
        self._account.close()

    # -- events ----------------------------------------------------------------------------------

    def order_event(self, event: events.OpenOrder | events.OrderStatus | events.OrderError) -> None:
        """Pass news of one of the client's orders on."""
        self._orders.order_event(event)

    def fill_event(self, event: events.Execution | events.CommissionReport) -> None:
        """Pass an execution or its commission on."""
        self._orders.fill_event(event)

    def account_event(self, event: events.Position | events.AccountChanged) -> None:
        """Pass a change of holdings or money on."""
        self._account.account_event(event)

    def notice(self, event: events.Notice) -> None:
        """Pass a message that concerns everybody on."""
        self._line.error(-1, event.code, event.text)

    def lose_market_data(self) -> None:
        """Forget every market data line."""
        self._quotes.close()

    def refuse_market_data(self, code: int, text: str) -> None:
        """Say on every market data line that there is none."""
        self._quotes.refuse_all(code, text)

    # -- requests --------------------------------------------------------------------------------

    def answer(self, request: r.Request) -> None:
        """Answer one request."""
        if isinstance(request, Plain):
            self._plain[request]()
        elif isinstance(request, r.Cancel):
            self._cancel(request)
        elif isinstance(request, r.ReferenceRequest):
            self._reference.answer(request)
        elif isinstance(request, r.QuoteRequest):
            self._quotes.answer(request)
        elif isinstance(request, r.CalculationRequest):
            self._calculator.answer(request)
        elif isinstance(request, r.HistoryRequest):
            self._history.answer(request)
        elif isinstance(request, r.OrderRequest):
            self._orders.answer(request)
        elif isinstance(request, r.AccountRequest):
            self._account.answer(request)
        else:
            self._aside(request)

    def _plain_answers(self) -> dict[Plain, Callable[[], None]]:
        send, orders, account = self._line.send, self._orders, self._account
        return {
            Plain.NEXT_ID: self._next_id,
            Plain.MANAGED_ACCOUNTS: self._managed_accounts,
            Plain.CURRENT_TIME: self._current_time,
            Plain.SET_LOG_LEVEL: lambda: None,
            Plain.POSITIONS: account.positions,
            Plain.CANCEL_POSITIONS: account.cancel_positions,
            Plain.GLOBAL_CANCEL: orders.cancel_all,
            Plain.OPEN_ORDERS: lambda: orders.open_orders(of_all_clients=False),
            Plain.ALL_OPEN_ORDERS: lambda: orders.open_orders(of_all_clients=True),
            Plain.FAMILY_CODES: lambda: send(replies.family_codes(self._accounts())),
            Plain.MARKET_DEPTH_EXCHANGES: lambda: send(replies.NO_DEPTH_EXCHANGES),
            Plain.NEWS_PROVIDERS: lambda: send(replies.NO_NEWS_PROVIDERS),
        }

    def _aside(self, request: r.SideRequest) -> None:
        match request:
            case r.StartApi():
                self._line.error(-1, 321, "Error validating request: the API is already started")
            case r.GetSoftDollarTiers():
                self._line.send(replies.soft_dollar_tiers(request.request_id))
            case r.GetUserInfo():
                self._line.send(replies.user_info(request.request_id))
            case r.Unsupported():
                text = f"Error processing request: {request.what} is not simulated"
                self._line.error(request.request_id, 322, text)
            case r.Ignored():
                pass
            case r.Unknown():
                self._line.error(-1, 505, f"Fatal Error: Unknown message id.: {request.message_id}")
            case _:
                assert_never(request)

    def _cancel(self, request: r.Cancel) -> None:
        match request.what:
            case Cancelable.MARKET_DATA | Cancelable.TICK_BY_TICK:
                self._quotes.cancel(request.request_id)
            case Cancelable.HISTORICAL_DATA:
                self._history.cancel(request.request_id)
            case (
                Cancelable.ACCOUNT_SUMMARY
                | Cancelable.POSITIONS_MULTI
                | Cancelable.PNL
                | Cancelable.PNL_SINGLE
            ):
                self._account.cancel(request.request_id)
            case (
                Cancelable.ACCOUNT_UPDATES_MULTI
                | Cancelable.HEAD_TIMESTAMP
                | Cancelable.IMPLIED_VOL
                | Cancelable.OPTION_PRICE
            ):
                pass  # these are answered at once and never run
            case _:
                assert_never(request.what)

    def _managed_accounts(self) -> None:
        self._line.send(replies.managed_accounts(self._accounts()))

    def _accounts(self) -> list[str]:
        floor = self._line.floor
        return list(floor.conditions.accounts or floor.venue.accounts())

    def _current_time(self) -> None:
        self._line.send(replies.current_time(self._line.floor.clock.now()))

    def _next_id(self) -> None:
        next_id = self._line.floor.next_order_id(self._line.client_id)
        self._line.send(replies.next_valid_id(next_id))
