"""Self-contained pages of finished folders."""

from graphtwin.report.pages.like_to_like_page import write_like_to_like
from graphtwin.report.pages.run_page import write_run

__all__ = [
    "write_like_to_like",
    "write_run",
]
