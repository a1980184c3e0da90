"""What a check found: what is wrong, where, how sure that is, what it would do to a result, and what to do."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

log = logging.getLogger("graphtwin")

Severity = Literal["fault", "warning", "note"]


@dataclass(frozen=True)
class Finding:
    """Something that a reader should know before a result is believed.

    Attributes:
        check: Name of the kind of finding, the same wherever it is found.
        severity: "fault" where results would be wrong, "warning" where they may be, "note" where something is only to be known.
        what: What was found, with its count.
        where: Trials, units, tier, table or file that it was found in.
        sure: How sure it is: a share or a statistic, and what chance would give.
        effect: What it would do to a result.
        do: What to do about it.
    """

    check: str
    severity: Severity
    what: str
    where: str
    sure: str
    effect: str
    do: str

    def __str__(self) -> str:
        """The finding in words, over several lines."""
        return (
            f"{self.severity}: {self.check}\n  what    {self.what}\n  where   {self.where}\n  sure    {self.sure}\n"
            f"  effect  {self.effect}\n  do      {self.do}"
        )


def is_faulty(findings: Sequence[Finding]) -> bool:
    """Whether any finding is more than a note."""
    return any(finding.severity != "note" for finding in findings)


def warn(findings: Sequence[Finding], name: str) -> None:
    """Warn of findings that are more than notes, a line each.

    Args:
        findings: What was found.
        name: Name of the recording or source that it was found in.
    """
    for one in findings:
        if one.severity != "note":
            log.warning("%s: %s: %s (%s). Effect: %s. What to do: %s.", name, one.check, one.what, one.where, one.effect, one.do)


def refused(error: Exception, where: str) -> Finding:
    """What a loader refused to read, as a finding with the loader's words."""
    return Finding(
        "cannot be read",
        "fault",
        str(error),
        where,
        "certain: the loader refuses it",
        "nothing that needs it can be computed",
        "correct the file as the sentence says, or export it again",
    )


def some(items: Sequence[object], shown: int = 5) -> str:
    """The first items of a list in words, and how many there are where that is more."""
    told = ", ".join(str(item) for item in items[:shown])
    return told if len(items) <= shown else f"{told}, ... ({len(items)})"
