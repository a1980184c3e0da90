"""The Laplace likelihood, its gradient, and its maximum."""
