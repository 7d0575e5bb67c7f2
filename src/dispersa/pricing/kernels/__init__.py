"""Kernels: the compiled loops behind `dispersa.pricing`, the only modules there to import numba."""
