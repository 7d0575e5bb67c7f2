"""Which alarms are there, and in which words? One entry each; the manual is written from these."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from dispersa.alerts.alert import Severity

INFO, WARNING, CRITICAL = Severity.INFO, Severity.WARNING, Severity.CRITICAL


@dataclass(frozen=True, slots=True)
class Wording:
    """One alarm as a person reads it; `{name}` stands for what the record says.

    `means` is for the manual alone: why it comes, and whether it is grave.
    """

    severity: Severity
    headline: str
    happened: str
    done: str
    options: str
    means: str


_told = Wording
_TRADING = {
    "approval_wanted": _told(
        WARNING,
        "A plan waits for your EXECUTE",
        "Plan {plan} has passed signal, sizing and gate. It is valid until {until}.",
        "Nothing was sent. Without your answer the plan expires and nothing is traded.",
        "Read the plan and type EXECUTE on the terminal or the page, or let it expire.",
        "Crawl asks a person for every plan. Silence is a no.",
    ),
    "window_opens": _told(
        CRITICAL,
        "Trading starts by itself in {seconds} seconds",
        "Plan {plan} has passed signal, sizing and gate, and the desk is in Walk.",
        "It waits {seconds} s from the moment this message was handed over, then starts.",
        "To stop it: open the link and cancel, or run `dispersa halt --reason …`. To let it "
        "trade: do nothing.",
        "Walk's window. If anything is doubtful (alert not handed over, restart, clock moved, "
        "page lost) the window lapses and nothing starts.",
    ),
    "window_lapsed": _told(
        WARNING,
        "The window lapsed, nothing was traded",
        "Before the plan could start: {reason}.",
        "It started nothing and sent nothing. This counts against a promotion to Run.",
        "Mend the cause, then ask for a new plan with `dispersa trade`.",
        "Nobody can prove that you had the whole window, so the desk does not use it.",
    ),
    "window_not_armed": _told(
        WARNING,
        "Walk could not open its window",
        "{reason}.",
        "Nothing was sent and nothing starts.",
        "Mend what is missing, or go on in Crawl, where a person types EXECUTE.",
        "The window needs a page that is proven to be reached from outside.",
    ),
    "trade_declined": _told(
        INFO,
        "No trade ({stage})",
        "{reason}.",
        "Nothing was sent.",
        "Nothing is needed. `dispersa signal` shows every number.",
        "Signal, plan or a person said no. Most days end like this.",
    ),
    "plan_denied": _told(
        WARNING,
        "The gate refused the plan",
        "Plan {plan} broke: {reason}.",
        "Nothing was sent.",
        "Read what was measured against which limit on the page or with `dispersa plan`. A limit "
        "changes only in the configuration, with a reason.",
        "A limit of the plan was not kept, or could not be computed. See denials.",
    ),
    "plan_impossible": _told(
        WARNING,
        "No plan could be made",
        "{reason}.",
        "Nothing was sent.",
        "If market data are missing, check the data subscriptions with `dispersa doctor`.",
        "Sizing or reading found no trade that keeps its promises, or data were missing.",
    ),
    "program_started": _told(
        INFO,
        "Trading has started",
        "Program {program} works plan {plan}.",
        "It sends orders slice by slice inside the vega corridor.",
        "Nothing is needed. `dispersa watch` shows it live; `dispersa halt` stops it.",
        "The plan was approved as the phase demands.",
    ),
    "program_completed": _told(
        INFO,
        "Trade completed",
        "{reason}.",
        "Every package was filled, and the books were compared with the broker's.",
        "Nothing is needed.",
        "The good end.",
    ),
    "program_partial": _told(
        WARNING,
        "Trade ended in part ({end})",
        "{reason}.",
        "It sends nothing more for this program.",
        "Check the vega balance with `dispersa exposure` and decide whether what is held stays.",
        "Some packages did not fill. PARTIAL_BALANCED is vega-neutral, UNWOUND was traded back, "
        "CANCELLED held nothing.",
    ),
    "program_locked": _told(
        CRITICAL,
        "Trade LOCKED: a person is needed",
        "{reason}.",
        "It stopped, sends nothing for these names and went back to Crawl.",
        "Compare with TWS now, then run `dispersa reconcile`. Do not trade these names by hand "
        "before you know what is open.",
        "Books differ, or what is held is out of balance and may not be mended by itself.",
    ),
    "winding_down": _told(
        WARNING,
        "The running trade is being stopped",
        "{reason}.",
        "It opens nothing more, cancels what works and waits for the broker's word.",
        "Watch how it ends with `dispersa watch`.",
        "A halt, a cancel, a deadline, a lost link or a moved market stops a program.",
    ),
    "retargeted": _told(
        INFO,
        "The trade was given other targets",
        "{reason}.",
        "It goes on with the new targets, fills as they are.",
        "Nothing is needed; the vega balance is kept.",
        "Names did not fill, so the rest was sized anew within its budget.",
    ),
    "targets_impossible": _told(
        WARNING,
        "The rest of the trade can not be sized anew",
        "{reason}.",
        "It goes on to the next remedy of its policy; the last one is to unwind.",
        "Watch the vega balance with `dispersa watch`.",
        "No whole straddle counts balance what is filled already.",
    ),
    "move_suspected": _told(
        WARNING,
        "The index seems to have jumped",
        "The index is further from where the trade began than allowed.",
        "It launches nothing until a second quote agrees; if it does, the trade is stopped.",
        "Look at the market. `dispersa halt --reason …` stops at once.",
        "One quote alone proves nothing, so it is looked at twice.",
    ),
}
_ORDERS = {
    "order_unknown": _told(
        CRITICAL,
        "{name}: nobody knows what became of an order",
        "Order {ref} was sent and the broker has not said what became of it: {reason}.",
        "It counts as fully filled for every limit. {name} is blocked and nothing is sent again. "
        "Full reads of the broker go on until it is settled.",
        "Search for the reference in TWS. If it works there, cancel it there; then run "
        "`dispersa reconcile`.",
        "Silence is not a rejection. The order is settled only by two full reads.",
    ),
    "order_rejected": _told(
        WARNING,
        "{name}: the broker rejected an order",
        "Order {ref}: {reason}.",
        "It takes the order as ended; after several in a row it opens nothing more.",
        "If the reason is a permission, a price band or margin, mend it in Client Portal.",
        "The broker said no. Nothing is held from this order unless a fill says so.",
    ),
    "order_denied": _told(
        WARNING,
        "{name}: the gate stopped an order",
        "{reason}.",
        "The order was not sent; its package waits.",
        "{mend}",
        "A limit was reached between plan and send. The plan's other packages go on.",
    ),
    "fill_odd": _told(
        WARNING,
        "A fill is not as expected",
        "{reason}.",
        "The fill counts as it is; it is in the end-of-day report.",
        "Compare with the execution in TWS. If it looks erroneous, call the broker at once: "
        "the time to have a trade cancelled is short.",
        "Better or worse than it should be, late, or more costly than planned.",
    ),
    "fill_wrong": _told(
        CRITICAL,
        "A fill breaks its order",
        "{reason}.",
        "The fill counts as it is and the books are read anew.",
        "Compare with the execution in TWS and call the broker's trade desk.",
        "Beyond the limit, out of ratio, or more than ordered: this must not happen.",
    ),
    "not_neutral": _told(
        CRITICAL,
        "The trade ended out of vega balance",
        "{reason}.",
        "It sends nothing more by itself.",
        "Look at `dispersa exposure`, then close or complete by hand, or ask for an exit plan.",
        "What is held is outside the tolerance of the plan: it has a market direction in vol.",
    ),
}
_BOOKS = {
    "books_differ": _told(
        CRITICAL,
        "Our books and the broker's differ: {names}",
        "{reason}.",
        "These names are locked: nothing opens in them. The desk went back to Crawl.",
        "Open TWS and look what is really held. A trade by hand: take it over with a reason. "
        "Else run `dispersa reconcile` until both agree.",
        "Executions, orders or positions disagree. Nothing is ever invented to make them agree.",
    ),
    "books_unread": _told(
        WARNING,
        "The broker's books could not be read",
        "{reason}.",
        "It asks again. Orders of unknown outcome stay reserved, nothing new opens meanwhile.",
        "If this repeats, log in to TWS or Gateway and look at its messages.",
        "A read without its end marker proves nothing.",
    ),
    "lifecycle_booked": _told(
        WARNING,
        "Positions changed without a trade: {names}",
        "{reason}.",
        "It booked the change, because the broker's positions leave no other explanation.",
        "Check delta with `dispersa exposure`. After an assignment, decide about the shares "
        "before the open.",
        "An expiry, an exercise, an assignment or a split.",
    ),
    "positions_adopted": _told(
        INFO,
        "{name}: positions taken as not ours",
        "{by} says: {reason}.",
        "What the account holds beyond our trades is now in the external book.",
        "If you do not know of this, ask who did it.",
        "A person ended a break by declaring holdings as their own.",
    ),
    "universe_changed": _told(
        WARNING,
        "The index has changed while a trade is open",
        "Weights as of {day}: {reason}.",
        "It changed nothing that is held. New plans use the new weights.",
        "Decide whether to adjust the open trade: the names held are no longer the index's.",
        "A rebalance, or a newer weights file.",
    ),
}
_DESK = {
    "halted": _told(
        CRITICAL,
        "Trading is stopped ({level})",
        "{by} stopped it: {reason}.",
        "{effect}",
        "When the cause is gone: `dispersa resume --reason …`. To close everything: "
        "`dispersa halt --level flatten --reason …`.",
        "A person, the watchdog, the sentinel file or a control stopped trading. It survives "
        "restarts.",
    ),
    "resumed": _told(
        INFO,
        "Trading goes on",
        "{by} lifted the halt: {reason}.",
        "It reads the broker in full before it sends anything.",
        "If you do not know of this, run `dispersa halt` and ask who did it.",
        "A person lifted a halt.",
    ),
    "stopping": _told(
        WARNING,
        "The desk is shutting down",
        "{reason}.",
        "It cancels what works and waits for the broker's word. Positions stay.",
        "Start it again with `dispersa run`. Until then nobody hedges or exits.",
        "A clean stop was asked for.",
    ),
    "link_lost": _told(
        WARNING,
        "The link to the broker is lost",
        "{reason}.",
        "It sends nothing, counts every open order at its worst, and tries to come back.",
        "If it stays away: log in to TWS or Gateway. By phone the broker can cancel orders.",
        "Gateway, network or the broker is away; around its nightly restart this is usual.",
    ),
    "link_restored": _told(
        INFO,
        "The link to the broker is back",
        "Connected again{lost}.",
        "It reads the broker's books in full before it sends anything.",
        "Nothing is needed.",
        "The end of the alarm before.",
    ),
    "task_failed": _told(
        WARNING,
        "A part of the desk crashed: {name}",
        "{reason}. This is failure {count}.",
        "It starts that part again in {seconds} s; the rest goes on.",
        "If it repeats, keep the log, and stop the desk with `dispersa halt --reason …`.",
        "A supervised task failed. Trading goes on only while what it needs is there.",
    ),
    "day_broken": _told(
        CRITICAL,
        "The day ended and the books do not agree",
        "{day}: {reason}.",
        "It keeps the names locked over night and opens nothing in them tomorrow.",
        "Find the difference before the next open: `dispersa reconcile`, then TWS.",
        "The last reconciliation of the day found a break, or could not be made.",
    ),
    "clock_stepped": _told(
        WARNING,
        "The machine's clock was moved by {seconds} s",
        "The wall clock and the monotonic clock differ by {seconds} s.",
        "An open window lapses; ages are counted anew.",
        "Check time synchronization of the machine with `dispersa doctor`.",
        "The clock was set, or the machine slept.",
    ),
    "control_blind": _told(
        WARNING,
        "A control can not see: {name}",
        "{reason}.",
        "While it can not be computed it counts as failed where it guards an order.",
        "Find what is missing with `dispersa status` and `dispersa doctor`.",
        "An automatic halt lacks the numbers that it watches.",
    ),
    "limits_changed": _told(
        INFO,
        "Limits were changed",
        "{reason}.",
        "The new limits bind from now on.",
        "If you do not know of this, run `dispersa halt` and ask who did it.",
        "The configuration differs from that of the last start and gives a reason.",
    ),
    "demoted": _told(
        CRITICAL,
        "The desk went back to {phase}",
        "{reason}.",
        "Every plan now needs what {phase} asks for.",
        "Clear the cause, then promote again: `dispersa evidence` shows what is missing.",
        "An incident takes the freedom back by itself; only a person gives it again.",
    ),
    "phase_changed": _told(
        INFO,
        "The desk is now in {phase}",
        "{by}: {reason}.",
        "Plans now start as {phase} allows.",
        "If you do not know of this, run `dispersa halt` and ask who did it.",
        "A person changed the phase; up only on evidence.",
    ),
    "promotion_refused": _told(
        INFO,
        "The desk stays where it is, {phase} was refused",
        "{reason}.",
        "The phase is unchanged.",
        "`dispersa evidence` shows what is missing.",
        "The journal does not carry the phase that was asked for.",
    ),
    "cancel_asked": _told(
        INFO,
        "The trade was cancelled by {by}",
        "{reason}.",
        "It stops what is prepared or running.",
        "Nothing is needed. The end follows as a message of its own.",
        "A person used the page, a link or the command line.",
    ),
    "page_lost": _told(
        WARNING,
        "The page does not answer",
        "{reason}.",
        "An open window lapses: without a page nobody could cancel.",
        "Check `web.public_url` and the machine. `dispersa halt` works without the page.",
        "The web page is away. Walk does not start anything without it.",
    ),
    "alert_lost": _told(
        WARNING,
        "An alert could not be handed over",
        "{reason}.",
        "An open window lapses. The alert is tried again until it is too old.",
        "Run `dispersa alerts test` and mend the channel that fails.",
        "Mail server or provider refused, or could not be reached.",
    ),
}
WORDINGS: Mapping[str, Wording] = MappingProxyType({**_TRADING, **_ORDERS, **_BOOKS, **_DESK})
"""Every alarm by its name, in the order of the manual."""
GROUPS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "The trade": tuple(_TRADING),
        "Orders and fills": tuple(_ORDERS),
        "Books and positions": tuple(_BOOKS),
        "The desk": tuple(_DESK),
    }
)
