"""Rules of wiring on observed pairs: similarity of partners against matched non-partners, and null models."""
