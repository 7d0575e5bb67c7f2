"""What does the gateway's simulated market look like at a given market time?"""
