"""What every command says on the screen beside its results: errors in one line, and what its log tells."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from graphtwin.execute import WorkersKilled

# How torch says that memory was not enough, which is no MemoryError there: on the CPU, on a GPU, and what it was asked for.
TORCH_LACKS_MEMORY = re.compile(r"DefaultCPUAllocator: can't allocate memory|CUDA out of memory|CUDA error: out of memory")
ASKED_FOR = re.compile(r"tried to allocate ([\d.]+ \w+)", re.IGNORECASE)


class Screen(logging.Handler):
    """What the package logs, on standard error."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one message, beside whatever progress bars are there."""
        typer.echo(f"graphtwin: {record.getMessage()}", err=True)


@contextmanager
def words() -> Iterator[None]:
    """Errors that a person can mend end in one message, without a traceback; what the package logs meanwhile is written to the screen.

    The exit code is 2 where what was asked for cannot be done, 1 where the machine failed on the way.
    """
    log, screen = logging.getLogger("graphtwin"), Screen(logging.INFO)
    level = log.level
    log.addHandler(screen)
    log.setLevel(logging.INFO)
    try:
        yield
    except BrokenPipeError:  # a reader such as `head` had enough: nothing to mend
        raise
    except (ValueError, OSError, ImportError, FloatingPointError) as error:
        _end(_told(error), 2, error)
    except WorkersKilled as error:
        _end(str(error), 1, error)
    except MemoryError as error:
        _end(_of_memory(str(error)), 1, error)
    except RuntimeError as error:
        if not TORCH_LACKS_MEMORY.search(str(error)):
            raise
        asked = ASKED_FOR.search(str(error))
        _end(_of_memory(f"{asked[1]} were asked for at once" if asked else ""), 1, error)
    finally:
        log.removeHandler(screen)
        log.setLevel(level)


def _told(error: Exception) -> str:
    """What an error says, on one line; a package that is missing with what installs it."""
    from graphtwin.extras import in_words

    if isinstance(error, ModuleNotFoundError) and error.name and str(error).startswith("No module named"):
        return in_words("this command", [error.name])
    return " ".join(str(error).splitlines()) or type(error).__name__


def _of_memory(needed: str) -> str:
    do = "Free memory, or ask for less at once: fewer workers, threads or neurons. What is written is kept, and --resume goes on with it."
    return f"the memory is not enough{f' ({needed})' if needed else ''}. {do}"


def _end(message: str, code: int, error: Exception) -> None:
    typer.secho(f"graphtwin: {message}", err=True, fg="red")
    raise typer.Exit(code) from error
