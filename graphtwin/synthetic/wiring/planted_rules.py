"""Rules that can be planted, by name. Expected synapses of a pair are L_d times exp(rule); a sum has the terms of all its parts.

| name | who of those that come close connects |
|---|---|
| geometry | whoever comes close, in proportion to L_d |
| type | axons and targets of inhibitory cells at rates of their own |
| feature | cells of similar features, with the published slope of each projection |
| rf-confounded | cells that look at the same place, whatever their features |
| degree-heavy | some axons and targets much more than others, in clusters |
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float

from graphtwin.config import nearest
from graphtwin.wiring.conditional import Term, WiringRule

# Log of synapses per um of L_d where nothing else counts: 2,744 on 2,440 mm between cells of V1, of whose pairs with L_d > 0 3.1 % connect.
# Source: Ding et al. 2025, doi:10.1038/s41586-025-08840-3.
BASE = float(np.log(1.12e-3))
# Slope of readout similarity on synapses given L_d. Source: Ding et al. 2025, `data/ding2025/glmm_slopes_area.csv`.
FEATURE_SLOPES = {"V1->V1": 2.22, "HVA->HVA": 1.40, "V1->HVA": 1.75, "HVA->V1": 1.95}
TYPICAL_SIMILARITY = (0.135, 0.16)  # mean and SD over pairs with L_d > 0, with default tuning and targeting
RF_SLOPE, TYPICAL_RF_DEG = -0.03, 19.0  # log rate per degree; the distance at which a pair is as likely as without the rule
# SD of the log rates of axons and of targets, and dispersion: the variance of a count is mu + dispersion mu^2.
AXON_SD, TARGET_SD, DISPERSION = 0.8, 0.5, 0.5


def _like_to_like(slopes: Mapping[str, float]) -> WiringRule:
    """A slope on feature similarity for each projection, and constants by which a typical axon makes as many synapses as without it."""
    mean, sd = TYPICAL_SIMILARITY
    terms = [Term(feature="feature_similarity", slope=slope, group=name, step=0.1) for name, slope in slopes.items()]
    terms += [Term(feature=None, slope=-slope * mean - (slope * sd) ** 2 / 2, group=name) for name, slope in slopes.items() if slope]
    return WiringRule(name="feature", terms=tuple(terms), by="proj_hva")


RULES = {
    "geometry": WiringRule(name="geometry"),
    "type": WiringRule(
        name="type",
        intercept=-0.14,  # makes all cells together have as many synapses as without the rule
        terms=(
            Term(feature="pre_inhibitory", slope=0.9),
            Term(feature="post_inhibitory", slope=0.5),
            Term(feature="both_inhibitory", slope=-0.6),
        ),
    ),
    "feature": _like_to_like(FEATURE_SLOPES),
    "rf-confounded": WiringRule(
        name="rf-confounded", intercept=-RF_SLOPE * TYPICAL_RF_DEG, terms=(Term(feature="rf_distance", slope=RF_SLOPE, step=10.0),)
    ),
    "degree-heavy": WiringRule(
        name="degree-heavy",
        intercept=-(AXON_SD**2 + TARGET_SD**2) / 2,
        terms=(Term(feature="axon_log_rate", slope=AXON_SD), Term(feature="target_log_rate", slope=TARGET_SD)),
        dispersion=DISPERSION,
    ),
}


def rule_of(name: str, slope: float | Mapping[str, float] | None = None, base: float = BASE) -> WiringRule:
    """The rule of a name, or of names joined by "+", each at most once.

    Args:
        name: Name of the rule, such as "feature" or "feature+degree-heavy".
        slope: Slope in place of the default ones of `feature` and `rf-confounded`: one for all pairs, or for `feature` one a projection.
        base: Log of synapses per um of L_d where nothing else counts.

    Raises:
        ValueError: When a name is unknown or repeated, or no part of the rule can take the slope.
    """
    names = [part.strip() for part in name.split("+")]
    for part in names:
        if part not in RULES:
            near = nearest(part, RULES)
            hint = f", nearest {near!r}" if near else ""
            raise ValueError(
                f"rule {name!r}: there is no {part!r}{hint}. Rules are {', '.join(RULES)}, and sums such as feature+degree-heavy."
            )
    if len(set(names)) < len(names):
        raise ValueError(f"rule {name!r}: a part occurs twice. Name each once; give another `slope` for a stronger effect.")
    if slope is not None and not {"feature", "rf-confounded"} & set(names):
        raise ValueError(f"rule {name!r}: slope = {slope}, but only feature and rf-confounded have one. Leave it out.")
    parts = [RULES[part] if slope is None else _with_slope(RULES[part], slope) for part in names]
    total = parts[0].model_copy(update={"intercept": parts[0].intercept + base})
    for rule in parts[1:]:
        total = total + rule
    return total.model_copy(update={"name": "+".join(names)})


def _with_slope(rule: WiringRule, slope: float | Mapping[str, float]) -> WiringRule:
    """The rule with another slope on similarity or on the distance of receptive fields; others stay."""
    if rule.name == "feature":
        slopes = dict(slope) if isinstance(slope, Mapping) else dict.fromkeys(FEATURE_SLOPES, float(slope))
        unknown = [group for group in slopes if group not in FEATURE_SLOPES]
        if unknown:
            raise ValueError(f"rule feature: slopes for {unknown}, but projections are {', '.join(FEATURE_SLOPES)}. Correct the names.")
        return _like_to_like({**FEATURE_SLOPES, **slopes})
    if rule.name == "rf-confounded":
        if isinstance(slope, Mapping):
            raise ValueError(
                f"rule rf-confounded: slopes by projection {sorted(slope)}, but it has one slope for all pairs. Give a number."
            )
        terms = tuple(term.model_copy(update={"slope": float(slope)}) for term in rule.terms)
        return rule.model_copy(update={"terms": terms, "intercept": -float(slope) * TYPICAL_RF_DEG})
    return rule


def rule_columns(
    pre_inhibitory: np.ndarray, post_inhibitory: np.ndarray, axon_log_rate: np.ndarray, target_log_rate: np.ndarray
) -> dict[str, Float[np.ndarray, " pairs"]]:
    """The columns that `type` and `degree-heavy` read, from what is known of the two cells of each pair."""
    pre, post = pre_inhibitory.astype(np.float64), post_inhibitory.astype(np.float64)
    return {
        "pre_inhibitory": pre,
        "post_inhibitory": post,
        "both_inhibitory": pre * post,
        "axon_log_rate": axon_log_rate,
        "target_log_rate": target_log_rate,
    }


def needs_features(rule: WiringRule) -> bool:
    """Whether the rule can't be drawn without the cells' features."""
    return any(term.feature == "feature_similarity" for term in rule.terms)
