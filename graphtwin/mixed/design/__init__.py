"""From a table and a formula to sorted arrays."""
