"""All checks of a recording, in the order in which their findings are told."""

from __future__ import annotations

from collections.abc import Callable

from graphtwin.checks import alignment, behaviour, gaze, one_scene, repeats, responses, screen, shared_clips, units
from graphtwin.checks.digest import Digest, digest
from graphtwin.checks.finding import Finding, some
from graphtwin.sources.formats import Recording

Check = Callable[[Digest], list[Finding]]

# Checks of numbers that one look at the trials gives; they take about as long as reading does.
QUICK: tuple[Check, ...] = (
    responses.missing_responses,
    responses.units_of_tiers,
    responses.empty_frames,
    responses.still_units,
    responses.units_that_come_and_go,
    units.other_order,
    units.impossible_places,
    repeats.copied_trials,
    repeats.averaged_trials,
    screen.picture_shapes,
    screen.names_of_pictures,
    screen.grey_levels,
    screen.dropped_pictures,
    behaviour.still_channels,
    behaviour.units_of_behaviour,
    behaviour.eyes_elsewhere,
    gaze.gaze_off_the_screen,
    shared_clips.shared_clips,
    one_scene.stretches_of_one_scene,
)
OF_FILMS = (
    "responses that no stimulus predicts",
    "responses of another trial",
    "trials that fit no stimulus",
    "trials are shifted",
    "shifted frames",
    "fields beside the monitor",
)
# Checks that permute or fit.
SLOW: tuple[Check, ...] = (behaviour.traces_of_other_trials, repeats.unreliable_repeats, gaze.gaze_misread, alignment.misaligned)


def check_recording(recording: Recording, quick: bool = False) -> list[Finding]:
    """What is wrong with a recording that can be read.

    Every check is silent unless chance, over all trials and units of the recording, hardly gives what it sees.

    Args:
        recording: The recording, as `sources.open_recording` opens it.
        quick: Read some trials of each tier, and leave out what permutes or fits.
    """
    seen = digest(recording, quick)
    found = [_unreadable(seen)] if seen.unread else []
    found += [_not_held(seen, len(recording.units))] if seen.not_held else []
    for check in QUICK if quick else (*QUICK, *SLOW):
        found += check(seen)
    if len(seen.not_held) == len(recording.units):  # no response is left to look at
        found = [one for one in found if one.check != "trials without responses"]
    return _without_echoes(found)


def _unreadable(seen: Digest) -> Finding:
    rows = list(seen.unread)
    return Finding(
        "cannot be read",
        "fault",
        f"{len(rows)} trials cannot be read: {seen.unread[rows[0]]}",
        f"trials {some([int(seen.recording.trials['trial'].iloc[row]) for row in rows])}",
        "certain: the loader refuses them",
        "fits and scores end there",
        "correct the files as the sentence says, or leave the trials out",
    )


def _not_held(seen: Digest, n_units: int) -> Finding:
    return Finding(
        "units not held throughout",
        "note",
        f"{len(seen.not_held)} of {n_units} units have NaN for a response in some of the frames read: they were not held there",
        f"units {some(seen.not_held)}",
        "certain: NaN is read so",
        "what is missing counts in no fit and no score; checks of responses look at the other units alone",
        "nothing, where units come and go; else export the responses again",
    )


def _without_echoes(found: list[Finding]) -> list[Finding]:
    """Findings without those that follow from another: trials of other units or another order fit no stimulus either."""
    said = {finding.check for finding in found}
    causes = {"units in another order", "frames without responses", "grey levels in two units", "swapped axes"}
    if said & causes:
        found = [one for one in found if one.check not in ("trials that fit no stimulus",)]
    if said & {"gaze read wrongly", "gaze at another clock"}:  # the film on the retina is another than every later check was shown
        found = [one for one in found if one.check not in OF_FILMS]
    return found
