"""Questions to a table of pairs, and the tables that answer them."""
