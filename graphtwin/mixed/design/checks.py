"""What makes a mixed model impossible to fit, refused before the fit and in words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from graphtwin.mixed.families import LOG, LOGIT, Distribution
from graphtwin.shapes import Float, Int

if TYPE_CHECKING:
    from graphtwin.mixed.design.design import Grouping

NAMED = 5  # most rows that an error names
RANK_TOLERANCE = 1e-11  # smallest share of a column's squares, left after the columns before it, that is not rounding


def require_names(**given: object) -> None:
    """Refuse arguments of a model that are no names of columns, such as the array of weights itself; None stands for none."""
    for argument, value in given.items():
        if value is not None and not isinstance(value, str):
            raise ValueError(
                f"{argument}: a {type(value).__name__} was given. Put the values into a column of the table, and give its name as text."
            )


def require_rows(frame: object) -> None:
    """Refuse what is no table, and a table without rows."""
    if not isinstance(frame, pd.DataFrame):
        raise ValueError(f"mixed model: the table is a {type(frame).__name__}. Give a pandas DataFrame, one response a row.")
    if not len(frame):
        raise ValueError("mixed model: the table has no rows. Look at the selection that made it.")


def require_single_columns(names: str, table: pd.DataFrame) -> None:
    """Refuse a column that the table has more than once; `names` is the text that names the columns in use."""
    for name, n in table.columns.value_counts().items():
        if n > 1 and re.search(rf"\b{re.escape(str(name))}\b", names):
            raise ValueError(f"column {name}: the table has it {n} times. Keep one of them, or give the others names of their own.")


def require_fixed_effects(formula: str, names: tuple[str, ...]) -> None:
    """Refuse a model without any fixed effect."""
    if not names:
        raise ValueError(f"formula {formula!r}: it has no fixed effect, not even an intercept. Leave `0 +` out, or add a column.")


def require_exact_ids(name: str, values: pd.Series) -> None:
    """Refuse groups by floats: an id above 2^53 changes when it becomes one."""
    if pd.api.types.is_float_dtype(values.dtype):
        raise ValueError(f"group {name}: its {len(values)} values are floats, which lose digits of ids above 2^53. Read the ids as int64.")


def require_groups(name: str, n: int) -> None:
    """Refuse a random effect of fewer than two groups."""
    if n < 2:
        raise ValueError(f"random effect of {name}: there is {n} group, and a variance between groups needs 2. Leave this term out.")


def require_residuals(family: Distribution, groupings: Sequence[Grouping], n_rows: int) -> None:
    """Refuse as many random coefficients of a Gaussian model as there are rows: their variance and the residual one are the same."""
    for grouping in groupings:
        if family.name == "gaussian" and grouping.size >= n_rows:
            raise ValueError(
                f"random effects of {grouping.name}: {grouping.size} coefficients for {n_rows} rows, so that their variance can't be told "
                "from the residual one. Leave this term out."
            )


def require_distinct_effects(name: str, effects: tuple[str, ...]) -> None:
    """Refuse an effect that occurs twice for the same groups."""
    repeated = sorted({effect for effect in effects if effects.count(effect) > 1})
    if repeated:
        raise ValueError(
            f"random effects of {name}: {', '.join(repeated)} occurs twice, so that its variance can't be split. Name it once."
        )


def require_positive_logs(expression: str, response: str, frame: pd.DataFrame) -> None:
    """Refuse an offset log(column) of a column that is 0 or below in any row."""
    inside = re.fullmatch(r"(?:np\.)?log\(\s*(\w+)\s*\)", expression)
    if not inside or inside.group(1) not in frame:
        return
    name = inside.group(1)
    wrong = ~(frame[name].to_numpy(np.float64) > 0) & frame[name].notna().to_numpy()
    if not wrong.any():
        return
    contradict = wrong & (frame[response].to_numpy(np.float64) > 0)
    shown = contradict if contradict.any() else wrong
    raise ValueError(
        f"offset({expression}): {name} is 0 or below in {wrong.sum()} of {len(frame)} rows, and {contradict.sum()} of these have "
        f"{response} > 0: row {_named(frame, shown)}. A rate per {name} is not defined there. "
        + (
            f"A response where none is possible means that {name} was measured wrongly or is missing: "
            f"mend or drop these, and keep rows with {name} > 0 only."
            if contradict.any()
            else f"Keep rows with {name} > 0 only."
        )
    )


def _named(frame: pd.DataFrame, chosen: np.ndarray) -> str:
    """The first of some rows by their labels in the index of the table."""
    labels = frame.index[chosen][:NAMED]
    names = ["-".join(map(str, label)) if isinstance(label, tuple) else str(label) for label in labels]
    return ", ".join(names) + (f" and {chosen.sum() - len(names)} more" if chosen.sum() > len(names) else "")


def require_no_truths(response: str, values: pd.Series) -> None:
    """Refuse a response of true and false where the family counts or measures."""
    if pd.api.types.is_bool_dtype(values.dtype):
        raise ValueError(
            f"{response}: true or false in all {len(values)} rows. Use family binomial, or make counts of them with astype(int)."
        )


def require_response(family: Distribution, response: str, y: Float[np.ndarray, " rows"]) -> None:
    """Refuse a response below 0, one not whole where the family counts, with a 0 where it cannot be 0, or 0 everywhere."""
    endless, negative = int((~np.isfinite(y)).sum()), int((y < 0).sum())
    broken = int((y != np.floor(y)).sum()) if family.whole else 0
    if negative or broken or endless:
        found = [f"{negative} negative", *([f"{broken} broken"] if family.whole else []), *([f"{endless} infinite"] if endless else [])]
        wanted = "counts" if family.whole else "finite values of 0 or more"
        raise ValueError(f"{response}: {', '.join(found)} values among {len(y)} rows. The {family.name} family needs {wanted}.")
    if not y.any():
        raise ValueError(f"{response}: 0 in all {len(y)} rows. There is no rate to fit.")
    if family.positive and not y.all():
        raise ValueError(
            f"{response}: 0 in {int((y == 0).sum())} of {len(y)} rows. The {family.name} family needs values above 0: "
            "leave these rows out and say so, or use family tweedie."
        )


def require_numbers(response: str, y: Float[np.ndarray, " rows"]) -> None:
    """Refuse a response that is infinite somewhere, or the same everywhere."""
    endless = int((~np.isfinite(y)).sum())
    if endless:
        raise ValueError(f"{response}: {endless} infinite values among {len(y)} rows. The gaussian family needs finite numbers.")
    if np.ptp(y) == 0:
        raise ValueError(f"{response}: {y[0]:g} in all {len(y)} rows. There is nothing to explain.")


def require_trials(
    family: Distribution,
    response: str,
    y: Float[np.ndarray, " rows"],
    name: str | None,
    trials: Float[np.ndarray, " rows"] | None,
) -> None:
    """Refuse trials beside a family that has none, and successes that are no whole number between 0 and the trials."""
    if family.link is not LOGIT:
        raise ValueError(f"trials {name}: the {family.name} family has none. Leave trials out, or take family binomial.")
    n = np.ones_like(y) if trials is None else trials
    empty = int((~(n >= 1) | (n != np.floor(n)) | ~np.isfinite(n)).sum())
    if empty:
        raise ValueError(f"trials {name}: {empty} of {len(n)} rows have no whole number of 1 or more. Drop these rows, and say so.")
    wrong = int((~((y >= 0) & (y <= n)) | (y != np.floor(y))).sum())
    if wrong:
        wanted = "0 or 1; name the column of trials where there are several" if name is None else f"whole numbers from 0 to {name}"
        raise ValueError(f"{response}: {wrong} of {len(y)} rows have other values. The binomial family needs {wanted}.")
    for end, found in ((np.zeros_like(n), "0"), (n, "all trials succeed")):
        if (y == end).all():
            raise ValueError(f"{response}: {found} in all {len(y)} rows. There are no odds to fit.")


def require_weights(name: str, weights: Float[np.ndarray, " rows"]) -> None:
    """Refuse weights below 0 or infinite, and weights that leave no row."""
    wrong = int((~(weights >= 0) | ~np.isfinite(weights)).sum())
    if wrong:
        raise ValueError(f"weights {name}: {wrong} of {len(weights)} rows are below 0 or infinite. A weight says how often a row counts.")
    if not weights.any():
        raise ValueError(f"weights {name}: 0 in all {len(weights)} rows. No row counts.")


def require_absorbable(family: Distribution, absorb: str) -> None:
    """Refuse free intercepts beside families whose slopes or variances they bias."""
    if family.link is not LOG or family.name.startswith("zero_inflated"):
        raise ValueError(
            f"absorb {absorb}: free intercepts of small groups bias the {family.name} family (incidental parameters). "
            f"Take a random effect, (1 | {absorb})."
        )


def require_full_rank(
    names: tuple[str, ...], root: Float[np.ndarray, "entries columns"], squares: Float[np.ndarray, " columns"], absorbed: str | None = None
) -> None:
    """Refuse columns of which one is 0 everywhere or follows from the others.

    Args:
        names: Names of the columns.
        root: A matrix with the products of the columns, centred within groups if these are absorbed.
        squares: Sum of squares of each column, against which what the columns before it leave is judged.
        absorbed: Name of the absorbed grouping, or None.
    """
    size = np.linalg.norm(root, axis=0)
    within = f" within {absorbed}" if absorbed else ""
    if (size == 0).any():
        gone = [name for name, zero in zip(names, size == 0, strict=True) if zero]
        remedy = "Leave it out."
        if any(":" in name for name in gone):
            remedy = "Where that is a combination of categories without a row, put one column of combinations in place of their product."
        raise ValueError(f"fixed effects: {', '.join(gone)} is 0 in all rows{within}. {remedy}")
    triangle = np.asarray(np.linalg.qr(root / size, mode="r"))
    left = np.zeros(len(names))
    left[: len(triangle)] = np.diag(triangle) ** 2
    for j in np.flatnonzero(left * size**2 < RANK_TOLERANCE * squares):
        shares = np.linalg.lstsq(triangle[:j, :j], triangle[:j, j], rcond=None)[0]
        others = [name for name, share in zip(names, shares, strict=False) if abs(share) > 1e-6]
        raise ValueError(
            f"fixed effects: {names[j]} follows from {', '.join(others)}{within}. "
            "A number that is constant, or a category that follows from another, does that. Leave one out."
        )


def require_response_in_every_category(
    patterns: pd.DataFrame,
    weight: Float[np.ndarray, "patterns features columns"],
    total: Float[np.ndarray, " patterns"],
    n_rows: Int[np.ndarray, " patterns"],
    response: str,
) -> None:
    """Refuse a category whose own effect would run to minus infinity because its response is 0 in all rows (perfect separation)."""
    lost = []
    for row in np.flatnonzero(total == 0):
        target = np.zeros(weight.shape[:2])
        target[row, 0] = 1.0
        matrix = weight.reshape(-1, weight.shape[2])
        solution = np.linalg.lstsq(matrix, target.ravel(), rcond=None)[0]
        if np.allclose(matrix @ solution, target.ravel(), atol=1e-8):
            levels = ", ".join(f"{name} {patterns[name].iloc[row]}" for name in patterns) or "the table"
            lost.append(f"{levels} ({n_rows[row]} rows)")
    if lost:
        raise ValueError(
            f"{response}: 0 in all rows of {'; '.join(lost)}. Its rate would be 0 and its slope anything (perfect separation). "
            "Leave these rows out and say so, or join the category with another."
        )
