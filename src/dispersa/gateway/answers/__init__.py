"""How does the gateway answer each request of one client?"""
