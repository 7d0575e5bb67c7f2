"""Never more than the limit in any second, and the urgent first."""

import asyncio

import pytest

from dispersa.broker.ibkr.deadlines import answered
from dispersa.broker.ibkr.pacer import Pacer, Urgency
from dispersa.errors import RequestTimedOut


async def send(pacer: Pacer, urgency: Urgency, log: list[tuple[Urgency, float]]) -> None:
    await pacer.turn(urgency)
    log.append((urgency, asyncio.get_running_loop().time()))


async def test_no_second_holds_more_than_the_limit() -> None:
    pacer, log = Pacer(per_second=20, reserved=5), list[tuple[Urgency, float]]()
    await asyncio.gather(*(send(pacer, Urgency.DATA, log) for _ in range(35)))
    times = [time for _, time in log]
    for start in times:
        assert sum(start <= time < start + 0.999 for time in times) <= 15
    assert times[-1] - times[0] < 3.2


async def test_cancel_overtakes_a_full_queue_of_data_and_orders() -> None:
    pacer, log = Pacer(per_second=20, reserved=5), list[tuple[Urgency, float]]()
    began = asyncio.get_running_loop().time()
    data = [asyncio.ensure_future(send(pacer, Urgency.DATA, log)) for _ in range(40)]
    await asyncio.sleep(0.02)
    orders = [asyncio.ensure_future(send(pacer, Urgency.ORDER, log)) for _ in range(10)]
    await asyncio.sleep(0.02)
    cancels = [asyncio.ensure_future(send(pacer, Urgency.CANCEL, log)) for _ in range(4)]
    await asyncio.wait(cancels)
    kinds = [kind for kind, _ in log]
    assert kinds[15:20] == [Urgency.ORDER] * 5, "the reserve serves orders at once"
    assert kinds[20:24] == [Urgency.CANCEL] * 4
    assert log[23][1] - began < 1.3
    for task in (*data, *orders):
        task.cancel()
    pacer.close()


async def test_withdrawn_wait_gives_its_place_back() -> None:
    pacer = Pacer(per_second=1, reserved=0)
    await pacer.turn(Urgency.ORDER)
    waits = [asyncio.ensure_future(pacer.turn(Urgency.ORDER)) for _ in range(3)]
    await asyncio.sleep(0)
    for wait in waits[:2]:
        wait.cancel()
    await asyncio.wait_for(waits[2], 1.5)
    assert pacer.waiting == 0


async def test_close_ends_every_wait() -> None:
    pacer = Pacer(per_second=1, reserved=0)
    await pacer.turn(Urgency.ORDER)
    wait = asyncio.ensure_future(pacer.turn(Urgency.CANCEL))
    await asyncio.sleep(0)
    pacer.close()
    await asyncio.wait({wait})
    assert wait.cancelled()


async def test_answer_in_time_is_returned_and_silence_named() -> None:
    loop = asyncio.get_running_loop()
    future: asyncio.Future[int] = loop.create_future()
    loop.call_later(0.05, future.set_result, 7)
    assert await answered(future, 1.0, "the question") == 7
    with pytest.raises(RequestTimedOut, match=r"the question within 0\.1 s"):
        await answered(loop.create_future(), 0.1, "the question")
