"""The simulated IB Gateway: what would IBKR's own server answer on the TWS protocol?"""
