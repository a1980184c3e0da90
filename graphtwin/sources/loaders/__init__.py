"""Loaders, one a file: each reads one kind of export into the forms of `sources.formats`, and knows no other."""
