#!/bin/bash
# oasis-deconv 0.3.2 (numpy 2.2.6): a fluorescence trace that rests below 0 loses its events, and nothing says so.
#
# `deconvolve` fits the resting level together with the events, but not below 0: its argument b_nonneg is True. Fluorescence after
# neuropil subtraction, or as dF/F about a median, rests below 0 in many recordings. The same trace is deconvolved here four times, with a
# constant added each time. Seen: of 112 planted events, found within a frame
#     rest 5: 112    rest 0: 112    rest -0.5: 42    rest -2: 0, and with b_nonneg=False 112 at every level.
# The activity that is returned has the right shape, is not negative, and no warning is given.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check numpy==2.2.6 oasis-deconv==0.3.2 2> /dev/null
"$folder/env/bin/python" - <<'P'
import numpy as np
from oasis.functions import deconvolve

rng = np.random.default_rng(0)
frames, decay = 6000, 0.95
events = np.zeros(frames)
at = np.sort(rng.choice(np.arange(20, frames - 20, 50), 112, replace=False))
events[at] = rng.uniform(0.8, 1.5, len(at))
calcium = np.zeros(frames)
for t in range(1, frames):
    calcium[t] = decay * calcium[t - 1] + events[t]
trace = calcium + 0.1 * rng.normal(size=frames)

def found(rest, **more):
    activity = deconvolve(trace + rest, tau_d=-1 / np.log(decay), framerate=1, sn=0.1, penalty=1, **more)[1]
    return int(sum(activity[t - 1 : t + 2].sum() > 0.4 for t in at))

usual = {rest: found(rest) for rest in (5.0, 0.0, -0.5, -2.0)}
free = {rest: found(rest, b_nonneg=False) for rest in (5.0, 0.0, -0.5, -2.0)}
print("as it is:", usual)
print("b_nonneg=False:", free)
assert usual[5.0] == usual[0.0] == 112 and usual[-0.5] < 60 and usual[-2.0] < 10, usual
assert set(free.values()) == {112}, free
P
