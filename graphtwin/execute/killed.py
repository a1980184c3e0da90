"""What stops a list of jobs from outside: processes that are killed again and again, and a scheduler that is there no more."""

from __future__ import annotations

TRIES = 3  # times, at most, that jobs are begun: more often a job that kills its process would only cost more time


class WorkersKilled(RuntimeError):
    """Processes were killed again and again, each time by something outside this program."""


class SchedulerGone(WorkersKilled):
    """The scheduler that shared out the jobs cannot be reached any more."""
