"""Automated dispersion trading on Interactive Brokers."""

__version__ = "0.1.0"
