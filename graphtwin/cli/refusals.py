"""What every command says on the screen beside its results: errors in one line, and what its log tells."""

from __future__ import annotations

import logging
import os
import re
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperGroup

from graphtwin.cli.lines import say
from graphtwin.execute import WorkersKilled

# How torch says that memory was not enough, which is no MemoryError there: on the CPU, on a GPU, and what it was asked for.
TORCH_LACKS_MEMORY = re.compile(r"DefaultCPUAllocator: can't allocate memory|CUDA out of memory|CUDA error: out of memory")
ASKED_FOR = re.compile(r"tried to allocate ([\d.]+ \w+)", re.IGNORECASE)
PULSE_S = 20.0  # seconds without a bar after which a terminal is told that work goes on
# Exit codes, as docs/command-line.md lists them; click's own are 0, 2 for a command line that it cannot read, and 130 for Ctrl-C.
FAILED, REFUSED, STOPPED = 1, 2, 130


class ToldGroup(TyperGroup):
    """The commands of the package: a command line that cannot be read is told as all else is, in one line."""

    def main(self, *args: Any, **extra: Any) -> Any:
        """Do what the command line asks for, and end with its exit code."""
        if not extra.get("standalone_mode", True):
            return super().main(*args, **extra)
        try:
            code = super().main(*args, **extra | {"standalone_mode": False})
        except Exception as error:
            context = getattr(error, "ctx", None)
            if not hasattr(error, "format_message"):
                raise
            if type(error).__name__ == "NoArgsIsHelpError":
                typer.echo(context.get_help() if context else error)
            else:
                path = " ".join(["graphtwin", *(context.command_path if context else "").split()[1:]])
                said = error.format_message()
                typer.secho(f"graphtwin: {said}{'' if said[-1:] in '.?' else '.'} See `{path} --help`.", err=True, fg="red")
            sys.exit(REFUSED)
        sys.exit(code if isinstance(code, int) else 0)


class Screen(logging.Handler):
    """What the package logs, on standard error as it was when the command began."""

    def __init__(self, level: int) -> None:
        super().__init__(level)
        self.stream = sys.stderr

    def emit(self, record: logging.LogRecord) -> None:
        """Write one message, beside whatever progress bars are there."""
        say(f"graphtwin: {record.getMessage()}", self.stream)


@contextmanager
def words(quiet: bool = False, *written: Path, works: bool = True) -> Iterator[None]:
    """Errors that a person can mend end in one message, without a traceback; what the package logs meanwhile is written to the screen.

    The exit code is 2 where what was asked for cannot be done, 1 where the machine failed on the way, 130 where it was stopped.

    Args:
        quiet: Leave out progress, notes and, of a command that writes, what it would say of that: errors, warnings and paths stay.
        written: Files or folders that the command writes.
        works: Whether it has work that ends, of which a terminal is told that it goes on.
    """
    log, screen = logging.getLogger("graphtwin"), Screen(logging.WARNING if quiet else logging.INFO)
    level = log.level
    log.addHandler(screen)
    log.setLevel(logging.INFO)
    try:
        with _silence(quiet, bool(written)), _pulse(works and not quiet and sys.stderr.isatty()):
            yield
    except BrokenPipeError:  # a reader such as `head` had enough: nothing to mend
        raise
    except KeyboardInterrupt as error:
        _end("stopped. What a command with --resume has finished is kept, and --resume goes on with it.", STOPPED, error)
    except (ValueError, OSError, ImportError, FloatingPointError) as error:
        _end(_told(error), REFUSED, error)
    except WorkersKilled as error:
        _end(str(error), FAILED, error)
    except MemoryError as error:
        _end(_of_memory(str(error)), FAILED, error)
    except RuntimeError as error:
        if not TORCH_LACKS_MEMORY.search(str(error)):
            raise
        asked = ASKED_FOR.search(str(error))
        _end(_of_memory(f"{asked[1]} were asked for at once" if asked else ""), FAILED, error)
    else:
        for path in written if quiet else ():
            typer.echo(path)
    finally:
        log.removeHandler(screen)
        log.setLevel(level)


@contextmanager
def _silence(quiet: bool, writes: bool) -> Iterator[None]:
    """Where it is to be quiet, lead standard error nowhere, and standard output too where a command writes files."""
    with ExitStack() as led:
        if quiet:
            nowhere = led.enter_context(open(os.devnull, "w", encoding="utf-8"))
            led.enter_context(redirect_stderr(nowhere))
            if writes:
                led.enter_context(redirect_stdout(nowhere))
        yield


@contextmanager
def _pulse(beats: bool) -> Iterator[None]:
    """Say now and then that work goes on, while no bar shows it."""
    ended, begun = threading.Event(), time.monotonic()

    def beat() -> None:
        while not ended.wait(PULSE_S):
            bars = getattr(sys.modules.get("graphtwin.progress"), "tqdm", None)
            if not getattr(bars, "_instances", ()):
                say(f"graphtwin: at work, {time.monotonic() - begun:.0f} s so far.", sys.stderr)

    if beats:
        threading.Thread(target=beat, name="graphtwin pulse", daemon=True).start()
    try:
        yield
    finally:
        ended.set()


def _told(error: Exception) -> str:
    """What an error says, on one line; a package that is missing with what installs it."""
    from graphtwin.extras import in_words

    if isinstance(error, ModuleNotFoundError) and error.name and str(error).startswith("No module named"):
        return in_words("this command", [error.name])
    return " ".join(str(error).splitlines()) or type(error).__name__


def _of_memory(needed: str) -> str:
    do = "Free memory, or ask for less at once: fewer workers, threads or neurons. What is written is kept, and --resume goes on with it."
    return f"the memory is not enough{f' ({needed})' if needed else ''}. {do}"


def _end(message: str, code: int, error: BaseException) -> None:
    typer.secho(f"graphtwin: {message}", err=True, fg="red")
    raise typer.Exit(code) from error
