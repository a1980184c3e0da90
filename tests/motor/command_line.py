"""The command line, asked by tests."""

from __future__ import annotations

from typer.testing import CliRunner

from graphtwin.cli.app import app


def command(*words: object) -> tuple[int, str]:
    """Exit code and message, on one line, of a command; what is no refusal in words is raised."""
    done = CliRunner().invoke(app, list(map(str, words)))
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, " ".join(done.output.split())
