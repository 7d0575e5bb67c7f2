"""Which contracts, chains and tick rules are there?"""

from typing import assert_never

from dispersa.gateway.answers.desk import Line
from dispersa.gateway.model import Refusal
from dispersa.gateway.wire import replies
from dispersa.gateway.wire import requests as r

_CONTRACT_DETAILS_END = 52


class ReferenceDesk:
    """Answers about contracts."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._venue = line.floor.venue

    def answer(self, request: r.ReferenceRequest) -> None:
        """Answer one request."""
        match request:
            case r.GetContractDetails():
                self.contract_details(request)
            case r.GetOptionParameters():
                self.option_parameters(request)
            case r.GetMatchingSymbols():
                self.matching_symbols(request)
            case r.GetSmartComponents():
                self.smart_components(request)
            case r.GetMarketRule():
                self.market_rule(request)
            case _:
                assert_never(request)

    def contract_details(self, request: r.GetContractDetails) -> None:
        """Send every fitting contract and the end marker, or the refusal."""
        found = self._venue.contract_details(request.contract)
        if isinstance(found, Refusal):
            self._line.refuse(request.request_id, found)
            return
        for details in found:
            self._line.send(
                replies.contract_details(request.request_id, details, self._line.version)
            )
        self._line.send(replies.end(_CONTRACT_DETAILS_END, request.request_id))

    def option_parameters(self, request: r.GetOptionParameters) -> None:
        """Send one message per chain and the end marker."""
        chains = self._venue.option_parameters(request.symbol, request.sec_type, request.con_id)
        if isinstance(chains, Refusal):
            self._line.refuse(request.request_id, chains)
            return
        for chain in chains:
            if request.exchange in {"", chain.exchange}:
                self._line.send(replies.option_parameters(request.request_id, chain))
        self._line.send(replies.option_parameters_end(request.request_id))

    def matching_symbols(self, request: r.GetMatchingSymbols) -> None:
        """Send the hits of a symbol search."""
        found = list(self._venue.matching_symbols(request.pattern))
        self._line.send(replies.symbol_samples(request.request_id, found, self._line.version))

    def smart_components(self, request: r.GetSmartComponents) -> None:
        """Send the exchanges behind a BBO mask."""
        found = list(self._venue.smart_components(request.bbo_exchange))
        self._line.send(replies.smart_components(request.request_id, found))

    def market_rule(self, request: r.GetMarketRule) -> None:
        """Send a tick-size rule."""
        rule = self._venue.market_rule(request.rule_id)
        if rule is None:
            self._line.error(
                -1,
                321,
                f"Error validating request: market rule {request.rule_id} is unknown; ids come "
                "with contract details",
            )
            return
        self._line.send(replies.market_rule(rule))
