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
    except (ValueError, OSError, ImportError, FloatingPointError) as error:
        typer.secho(f"graphtwin: {_told(error)}", err=True, fg="red")
        raise typer.Exit(2) from error


def _told(error: Exception) -> str:
    """What an error says, on one line; a package that is missing with what installs it."""
    from graphtwin.extras import in_words

    if isinstance(error, ModuleNotFoundError) and error.name and str(error).startswith("No module named"):
        return in_words("this command", [error.name])
    return " ".join(str(error).splitlines()) or type(error).__name__
