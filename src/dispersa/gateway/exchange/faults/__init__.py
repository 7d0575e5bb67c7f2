"""What can go wrong at a broker, on demand and by its number?"""
