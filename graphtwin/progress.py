"""Progress bars: a widget in a notebook that has ipywidgets, text everywhere else.

`tqdm.auto` chooses alike, but warns in a notebook without ipywidgets, and where warnings are errors it would end what it should watch.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING

if not TYPE_CHECKING and "ipykernel.zmqshell" in sys.modules and find_spec("ipywidgets") is not None:
    from tqdm.auto import tqdm
else:
    from tqdm.std import tqdm

__all__ = ["tqdm"]
