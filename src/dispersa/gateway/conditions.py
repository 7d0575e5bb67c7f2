"""In which state is the gateway itself, when all is not well?"""

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(slots=True)
class Conditions:
    """What is out of order; a fresh one means that all is well.

    `on_order` is asked at each placeOrder message, with the client's id, whether the message is
    to be lost; it may do harm on the way.
    """

    version_cap: int | None = None
    accounts: tuple[str, ...] = ()
    next_order_id: int | None = None
    is_read_only: bool = False
    taken_client_ids: set[int] = field(default_factory=set)
    is_login_pending: bool = False
    has_competing_session: bool = False
    unanswered_messages: set[str] = field(default_factory=set)
    on_order: Callable[[int], bool] | None = None
