"""Mixed models of counts and contact lengths of pairs: formula, design, Laplace likelihood, fit, checks."""
