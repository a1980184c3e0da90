"""Claim: the example of mixed models in the guide runs as it is printed."""

import re
from pathlib import Path

from graphtwin.mixed import slopes

GUIDE = Path(__file__).parents[2] / "docs" / "like-to-like.md"


def test_the_example_of_the_guide_runs_and_finds_its_rule(capsys):
    block = re.search(r"```python\n(.*?from graphtwin import mixed.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    assert block
    names: dict[str, object] = {}
    exec(compile(block.group(1), str(GUIDE), "exec"), names)
    found = slopes(names["fit"], "similarity", "proj")
    assert ((found["low"] < 0.9) & (found["high"] > 0.9)).all()
    assert "family poisson, log link; 3,000 rows" in capsys.readouterr().out
