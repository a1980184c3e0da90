"""Self-contained pages of finished folders."""
