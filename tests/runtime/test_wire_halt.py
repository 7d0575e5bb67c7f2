"""Do thirty-one cancels overtake everything on their way to the gateway?"""

from pathlib import Path

from tests.runtime.wire_halt import CANCEL_ORDER, ORDERS, PLACE_ORDER, halted


async def test_cancels_of_a_halt_reach_the_gateway_before_data_that_waited_longer(
    tmp_path: Path,
) -> None:
    wire = await halted(tmp_path)
    kinds = [kind for _, kind in wire.frames]
    assert wire.placed == ORDERS
    assert len(wire.cancelled) == ORDERS  # each order by its own number, none twice
    assert kinds.count(CANCEL_ORDER) == ORDERS
    assert PLACE_ORDER not in kinds  # nothing that adds risk leaves after the command
    last = len(kinds) - kinds[::-1].index(CANCEL_ORDER)
    assert kinds[last:], "no data request waited"
    assert kinds[:last].count(CANCEL_ORDER) == last  # none of them came in between
