"""Progress bars: a widget in a notebook that has ipywidgets, text everywhere else; while a long step does, their clock goes on.

`tqdm.auto` chooses alike, but warns in a notebook without ipywidgets, and where warnings are errors it would end what it should watch.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING

from tqdm import TMonitor

if TYPE_CHECKING:
    from tqdm.std import tqdm
elif "ipykernel.zmqshell" in sys.modules and find_spec("ipywidgets") is not None:
    from tqdm.auto import tqdm as _Bar
else:
    from tqdm.std import tqdm as _Bar

__all__ = ["tqdm"]

TICK_S = 10.0  # seconds after which a bar is drawn again though nothing was done: a bar that stands still looks like a command that hangs

if not TYPE_CHECKING:

    class tqdm(_Bar):  # it takes the place of tqdm's own
        """A bar whose clock goes on."""

        def __new__(cls, *args, **kwargs):
            """A bar, watched by the thread that draws it again."""
            if cls.monitor is None or not cls.monitor.report():
                cls.monitor = Clock(cls, TICK_S)
            return super().__new__(cls, *args, **kwargs)


class Clock(TMonitor):
    """The thread that draws all bars again."""

    def run(self) -> None:
        """Draw what is shown, until the process ends."""
        while not self.was_killed.wait(self.sleep_interval):
            with self.tqdm_cls.get_lock():
                for bar in self.get_instances():
                    if not bar.disable:
                        bar.refresh(nolock=True)
