"""Claims: experiments are chosen as a search through all candidates would at every step, each for what it adds to those before."""

import numpy as np
import pandas as pd
import pytest

from graphtwin.statistics import (
    Rows,
    most_informative,
    most_telling_rows,
    next_experiments,
    require_budget,
    slope_covariance,
    told_together,
)

RNG = np.random.default_rng(0)


def experiments(candidates: int = 12, parameters: int = 3, entries: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Posterior precisions, and information of rank 2 about them."""
    root = RNG.standard_normal((parameters, entries, entries))
    seen = RNG.standard_normal((candidates, parameters, 2, entries))
    return root @ root.swapaxes(1, 2) + np.eye(entries), seen.swapaxes(2, 3) @ seen


def nats(precision: np.ndarray, information: np.ndarray, chosen: list[int]) -> float:
    """Half the log determinant of I + J S, by its definition."""
    told = sum(information[at] for at in chosen)
    return sum(float(np.linalg.slogdet(np.eye(len(a)) + j @ np.linalg.inv(a))[1]) / 2 for a, j in zip(precision, told, strict=True))


def test_the_choice_is_that_of_a_search_through_all_candidates_at_every_step():
    precision, information = experiments()
    cost = RNG.uniform(0.5, 2.0, 12)
    for price in (None, cost):
        found, chosen = most_informative(precision, information, 6, price), list[int]()
        for step in range(6):
            before = nats(precision, information, chosen) if chosen else 0.0
            left = [at for at in range(12) if at not in chosen]
            gains = [nats(precision, information, [*chosen, at]) - before for at in left]
            best = int(np.argmax(np.array(gains) / (1.0 if price is None else price[left])))
            np.testing.assert_allclose(found.gain[step], gains[best], rtol=1e-9)
            chosen.append(left[best])
        assert found.order.tolist() == chosen
        np.testing.assert_allclose(found.gain.sum(), told_together(precision, information, chosen), rtol=1e-9)
        np.testing.assert_allclose(found.alone, [nats(precision, information, [at]) for at in range(12)], rtol=1e-9)


def test_a_copy_of_what_was_chosen_comes_after_all_others():
    precision, information = experiments(6)
    information[5] = information[4] = 3 * information[3]
    found = most_informative(np.eye(4)[None] * 1e-3 + np.zeros_like(precision), information, 6)
    assert found.order[0] in (4, 5)
    assert found.order[-1] in (3, 4, 5)
    assert not {4, 5} <= set(found.order[:3].tolist())
    assert found.alone[4] == found.alone[5]


def test_a_candidate_is_chosen_again_only_where_that_was_asked_for():
    precision, information = experiments(3)
    information[0] *= 1000
    information[1:] *= 1e-4
    assert sorted(most_informative(precision, information, 3).order) == [0, 1, 2]
    assert most_informative(precision, information, 5, repeats=True).order.tolist() == [0] * 5


@pytest.mark.parametrize(("budget", "candidates", "said"), [(0, 3, "budget 0: chooses nothing"), (-2, 3, "budget -2"), (4, 3, "1 to 3")])
def test_a_budget_that_cannot_be_met_is_refused(budget, candidates, said):
    with pytest.raises(ValueError, match=said):
        require_budget(budget, candidates)


def rows(n: int, groups: int) -> Rows:
    x = np.column_stack([np.ones(n), RNG.standard_normal((n, 2))])
    return Rows(x, RNG.uniform(0.01, 0.25, n), RNG.integers(groups, size=n))


def joint_covariance(of: Rows, variance: float, groups: int) -> np.ndarray:
    """Covariance of the slopes among slopes and intercepts of groups, by the whole matrix."""
    both = np.column_stack([of.x, np.eye(groups)[of.group]])
    prior = np.diag([1e-6] * of.x.shape[1] + [1 / variance] * groups)
    return np.linalg.inv((both * of.weight[:, None]).T @ both + prior)[: of.x.shape[1], : of.x.shape[1]]


def together(one: Rows, other: Rows, some: list[int]) -> Rows:
    return Rows(*(np.concatenate([getattr(one, name), getattr(other, name)[some]]) for name in ("x", "weight", "group")))


def test_the_covariance_of_slopes_is_that_of_the_joint_information_with_intercepts():
    of = rows(40, 5)
    np.testing.assert_allclose(slope_covariance(of, 0.7), joint_covariance(of, 0.7, 5), rtol=1e-5)
    plain = np.linalg.inv((of.x * of.weight[:, None]).T @ of.x + 1e-6 * np.eye(3))
    np.testing.assert_allclose(slope_covariance(of, 0.0), plain, rtol=1e-9)


@pytest.mark.parametrize("variance", [0.0, 0.7])
def test_rows_are_chosen_as_a_search_through_all_of_them_would(variance):
    observed, candidates, cost = rows(40, 5), rows(15, 6), RNG.uniform(0.5, 2.0, 15)
    found, chosen = most_telling_rows(observed, candidates, 6, 2, variance, cost), list[int]()
    for step in range(6):
        left = [at for at in range(15) if at not in chosen]
        before = slope_covariance(together(observed, candidates, chosen), variance)[2, 2]
        after = [slope_covariance(together(observed, candidates, [*chosen, at]), variance)[2, 2] for at in left]
        gains = np.log(before / np.array(after)) / 2
        best = int(np.argmax(gains / cost[left]))
        np.testing.assert_allclose(found.gain[step], gains[best], rtol=1e-4)
        chosen.append(left[best])
    assert found.order.tolist() == chosen


def test_chosen_experiments_are_told_in_bits_beside_random_ones():
    log2 = np.log(2)
    found = next_experiments(pd.DataFrame({"what": ["a", "b"]}), np.array([2, 1]) * log2, np.array([2, 2]) * log2, [log2, 3 * log2], 9)
    assert found.table.to_dict("list") == {
        "order": [1, 2], "what": ["a", "b"], "information_bits": [2, 1], "alone_bits": [2, 2], "total_bits": [2, 3],
    }  # fmt: skip
    assert str(found) == "2 of 9 are expected to tell 3 bits; 2 at random 2 [1.05, 2.95]"
