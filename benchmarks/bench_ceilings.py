"""How far cc_max and cc_norm of a known truth scatter, how often they are undefined, and whether a perfect model's FEVE is 1.

Units of known signal answer pictures with Poisson counts, as in electrophysiology; the model predicts with a known correlation to the
truth. Prints the table of docs/reading-the-numbers.md. Run: python benchmarks/bench_ceilings.py
"""

from __future__ import annotations

import numpy as np

from graphtwin.twin.scores import Shown, all_scores, gather_sums

UNITS, PICTURES, TRUTH = 2000, 100, 0.7  # units, pictures as in a test tier, and correlation of the model with the true rates
REPEATS = ((2,), (3,), (4,), (6,), (10,), (10, 2))
SIGNALS = {"strong": 1.0, "weak": 0.2}  # variance of the true rate over the mean rate: that of the counts' noise


def shown(rng: np.random.Generator, repeats: int, pictures: int, signal: float, error: float) -> list[Shown]:
    """Pictures with counts, a truth of that variance, and predictions that miss it by `error` standard deviations."""
    rate = rng.gamma(1.0 / signal, signal, (pictures, 1, 1, UNITS))  # mean 1, variance `signal`
    predicted = rate + error * np.sqrt(signal) * rng.standard_normal(rate.shape)
    counts = rng.poisson(np.broadcast_to(rate, (pictures, repeats, 1, UNITS)))
    return [Shown(y.astype(np.float64), np.broadcast_to(p, y.shape)) for y, p in zip(counts, predicted, strict=True)]


def main() -> None:
    """Print a row a number of repeats and strength of signal."""
    print(
        "| repeats | signal | cc_norm: 5 %, median, 95 % of units (truth .70) | no cc_norm | cc_max above 1 | FEVE of the truth: median |"
    )
    print("|---|---|---|---|---|---|")
    for name, signal in SIGNALS.items():
        for repeats in REPEATS:
            rng = np.random.default_rng(17)
            scores = []
            for error in (np.sqrt(1 / TRUTH**2 - 1), 0.0):
                parts = [one for t in repeats for one in shown(rng, t, PICTURES // len(repeats), signal, error)]
                scores.append(all_scores(gather_sums(parts), np.ones(len(parts))))
            low, middle, high = np.nanquantile(scores[0]["cc_norm"], [0.05, 0.5, 0.95])
            undefined, above = np.isnan(scores[0]["cc_norm"]).mean(), (scores[0]["cc_max"] > 1).mean()
            feve = np.nanmedian(scores[1]["feve"]) if np.isfinite(scores[1]["feve"]).mean() > 0.1 else np.nan
            told = " and ".join(map(str, repeats))
            print(f"| {told} | {name} | {low:.2f}, {middle:.2f}, {high:.2f} | {undefined:.1%} | {above:.1%} | {feve:.2f} |")


if __name__ == "__main__":
    main()
