"""The simulated IB Gateway: what would IBKR's own server answer on the TWS protocol?

It stands alone: any client of the protocol connects to it. As a process, `dispersa gateway`; in
an event loop of your own:

    from dispersa.gateway.server import serve
    from dispersa.gateway.settings import GatewaySettings

    async with await serve(GatewaySettings(port=0)) as gateway:
        await ib.connectAsync(gateway.host, gateway.port, clientId=1)

`wire` reads and writes frames and fields, `connection` and `answers` serve clients, `port` is the
seam to the `venue` with its `exchange` (orders, account) and `world` (prices, volatilities).
"""
