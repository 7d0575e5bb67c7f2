"""What happens to contracts, orders and money at the gateway's simulated exchange?"""
