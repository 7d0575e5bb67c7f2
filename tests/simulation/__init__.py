"""Deterministic simulation: the production code, one seed, random faults, independent checkers."""
