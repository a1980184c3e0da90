"""Generalised linear mixed models of a table: formula, families, Laplace likelihood, fit and checks. They know nothing of neurons."""
