"""Intervals, resampling, permutation tests and false discovery rates: one rule each for the whole package."""
