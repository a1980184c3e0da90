"""A finished run to look around in: its neurons in the tissue and on the map of embeddings, each with its evidence, as one page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphtwin.public import public_names

if TYPE_CHECKING:
    from graphtwin.explorer.page import write_explorer
    from graphtwin.explorer.server import serve

__all__ = ["serve", "write_explorer"]

__getattr__, __dir__ = public_names(
    __name__,
    {
        "write_explorer": ("graphtwin.explorer.page", "write_explorer"),
        "serve": ("graphtwin.explorer.server", "serve"),
    },
)
