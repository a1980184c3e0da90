"""Writers of simulated recordings and tables, in the formats of real ones."""
