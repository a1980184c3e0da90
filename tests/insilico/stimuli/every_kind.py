"""One stimulus of every kind, and random ones: a new kind is tested by naming it here."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st

from graphtwin.config import limits_of
from graphtwin.insilico.stimuli import (
    KINDS,
    Annulus,
    Blank,
    CentreSurround,
    Disc,
    DriftingGrating,
    Gabor,
    Gaussian,
    InSequence,
    Looming,
    Monet,
    NaturalClip,
    NaturalImage,
    Plaid,
    RandomDots,
    SparseNoise,
    StaticGrating,
    Stimulus,
    Superposed,
    Trippy,
    Windowed,
)

OF_INPUTS = ("pulse",)  # what no screen of places shows; `test_pulse` has it


def one_of_every_kind(folder: Path) -> list[Stimulus]:
    """Stimuli of 0.4 s, one of every kind that a screen shows; those of pictures read a file that is written into the folder."""
    path = str(folder / "pictures.npy")
    np.save(path, np.random.default_rng(0).integers(0, 256, (14, 30, 50)).astype(np.uint8))
    long = {"duration_s": 0.4}
    return [
        Annulus(inner_diameter_deg=10, direction_deg=20, **long),
        Blank(**long),
        CentreSurround(direction_deg=70, **long),
        DriftingGrating(direction_deg=33, **long),
        Gabor(x_deg=10, direction_deg=70, cycles_per_second=1, **long),
        InSequence(parts=(Blank(duration_s=0.1), DriftingGrating(duration_s=0.3))),
        Looming(**long),
        Monet(segment_s=0.2, **long),
        NaturalClip(path=path, **long),
        NaturalImage(path=path, number=3, **long),
        Plaid(direction_deg=12, **long),
        RandomDots(**long),
        SparseNoise(picture_s=0.1, **long),
        StaticGrating(orientation_deg=33, **long),
        Superposed(parts=(StaticGrating(contrast=0.5, **long), Trippy(contrast=0.5, **long))),
        Trippy(**long),
        Windowed(part=Plaid(**long), aperture=Gaussian(sd_deg=12, x_deg=-7)),
    ]


@functools.cache
def simple_kinds() -> tuple[type[Stimulus], ...]:
    """Kinds that have no parts."""
    return tuple(kind for name, kind in KINDS.items() if name not in OF_INPUTS and not {"parts", "part"} & set(kind.model_fields))


def _number(field: Any) -> st.SearchStrategy[float]:
    limits = limits_of(field)
    least, most = limits.get("gt", limits.get("ge", -300.0)), limits.get("lt", limits.get("le", 300.0))
    return st.floats(least, most, exclude_min="gt" in limits, exclude_max="lt" in limits)


def _value(field: Any) -> st.SearchStrategy[Any]:
    drawn = {int: st.integers(1, 50), bool: st.booleans(), str: st.text(max_size=8), float: _number(field)}
    return drawn.get(field.annotation, st.just(field.default))


@st.composite
def random_stimulus(draw: st.DrawFn, kind: type[Stimulus], **fixed: Any) -> Stimulus | None:
    """A stimulus of random parameters; None where these contradict each other."""
    values = {name: draw(_value(field)) for name, field in kind.model_fields.items() if name != "kind"} | fixed
    try:
        return kind(**values)
    except ValueError as error:
        if "must" in str(error) or "leaves nothing" in str(error):  # parameters that contradict each other
            return None
        raise


@st.composite
def composed_stimulus(draw: st.DrawFn) -> Stimulus:
    """A composition, in one or two layers, of random stimuli."""
    part = st.sampled_from(simple_kinds()).flatmap(lambda kind: random_stimulus(kind, duration_s=1.0))
    parts = draw(st.lists(part.filter(lambda found: found is not None), min_size=2, max_size=3))
    inner = draw(st.sampled_from([Superposed(parts=tuple(parts)), InSequence(parts=tuple(parts)), parts[0]]))
    aperture = draw(st.sampled_from([Disc(x_deg=3, inner_diameter_deg=2.5), Gaussian(sd_deg=1 / 3)]))
    return draw(st.sampled_from([inner, Windowed(part=inner, aperture=aperture), InSequence(parts=(inner, Blank()))]))
