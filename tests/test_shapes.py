"""Claims: array shapes are jaxtyping's where tests check them, and cost nothing in a process that doesn't have jaxtyping."""

import subprocess
import sys

import jaxtyping
import numpy as np
import pytest

from graphtwin import shapes
from graphtwin.statistics import percentile_interval


def test_here_they_are_those_of_jaxtyping_and_are_checked():
    assert all(getattr(shapes, name) is getattr(jaxtyping, name) for name in shapes.__all__)
    with pytest.raises(jaxtyping.TypeCheckError):
        percentile_interval(np.zeros((5, 2)), 4)


def test_in_production_they_are_the_arrays_themselves():
    code = """if True:
        import sys, numpy as np
        from graphtwin import shapes
        assert all(getattr(shapes, name)[np.ndarray, " rows"] is np.ndarray for name in shapes.__all__)
        from graphtwin.mixed import fit_mixed, slopes
        print("jaxtyping" in sys.modules)
    """
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "False"
