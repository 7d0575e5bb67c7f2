"""Pricing: what is an option, a chain or a book worth, and how does it move?

Arrays in, arrays out: every function takes numbers or arrays that broadcast together and works in
float64. Importing this package is cheap; the compiled kernels load on first use, or ahead of time
with ``python -m dispersa.pricing.warm``.

Conventions: vol is an annualised decimal, time is in years ACT/365, ``discount = exp(-r T)``, vega
and volga are per 1.00 of vol, theta is per year. `dispersa.pricing.units` has the two named
conversions to the desk's units.
"""
