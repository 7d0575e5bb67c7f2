"""A client that asks for a lot at once does not keep the others waiting, nor out of order."""

from raw_client import RawClient, StartGateway
from raw_order import contract

CHAIN = contract(sec_type="OPT")
REQUESTS = 6


async def test_others_are_answered_between_large_answers(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(messages_per_second_max=None)
    greedy = await RawClient.started(gateway, client_id=1)
    modest = await RawClient.started(gateway, client_id=2)
    (served,) = (one for one in gateway.floor.attendants() if one.client_id == 1)
    for request in range(REQUESTS):
        greedy.send(9, 8, request, *CHAIN, 0, "", "", "")
    greedy.send(49, 1)
    modest.send(49, 1)
    await modest.of(49)
    sent = served.census().sent
    ends = await greedy.until(lambda fields: fields[0] == "49")
    assert [f[2] for f in ends if f[0] == "52"] == [str(n) for n in range(REQUESTS)]
    assert sent < 0.9 * served.census().sent
    greedy.send(49, 1)
    await greedy.of(49)  # it is read from again
