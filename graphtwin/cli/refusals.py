"""Errors of every command in one line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import typer


@contextmanager
def words() -> Iterator[None]:
    """Errors that a person can mend end in one message and exit code 2, without a traceback."""
    try:
        yield
    except BrokenPipeError:  # a reader such as `head` had enough: nothing to mend
        raise
    except (ValueError, OSError) as error:
        typer.secho(f"graphtwin: {error}", err=True, fg="red")
        raise typer.Exit(2) from error
