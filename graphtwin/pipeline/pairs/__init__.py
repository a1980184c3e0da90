"""Pairs of neurons from files to tables and pages: proximities, the pair table, like-to-like."""
