import numpy as np
import torch

from graphtwin.twin.population.transformations import MonotoneSplines


def splines(n_units: int, seed: int) -> MonotoneSplines:
    rng = np.random.default_rng(seed)
    columns = [rng.uniform(0.1, 2, n_units), rng.normal(size=n_units), rng.uniform(0.1, 0.5, n_units), rng.normal(size=n_units)]
    return MonotoneSplines(*(torch.as_tensor(column) for column in columns), torch.as_tensor(rng.normal(size=(n_units, 6))))


def test_the_inverse_undoes_the_transformation_inside_and_far_beyond_the_knots():
    transform = splines(20, seed=1)
    y = torch.linspace(-50, 50, 400, dtype=torch.float64)[:, None].expand(-1, 20)
    np.testing.assert_allclose(transform.inverse(transform(y)), y, rtol=1e-9, atol=1e-9)


def test_the_slope_is_the_derivative_and_positive():
    transform = splines(20, seed=2)
    y = torch.linspace(-5, 5, 300, dtype=torch.float64)[:, None].repeat(1, 20).requires_grad_(True)
    value, log_slope = transform.value_and_log_slope(y)
    (derivative,) = torch.autograd.grad(value.sum(), y)
    np.testing.assert_allclose(log_slope.exp().detach(), derivative, rtol=1e-9)
    assert (derivative > 0).all()
