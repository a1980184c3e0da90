# Public names as editors and type checkers see them, which read no name that is loaded at first use.
from graphtwin import (
    explorer as explorer,
)
from graphtwin import (
    graph as graph,
)
from graphtwin import (
    insilico as insilico,
)
from graphtwin import (
    mixed as mixed,
)
from graphtwin import (
    motor as motor,
)
from graphtwin import (
    plots as plots,
)
from graphtwin import (
    robustness as robustness,
)
from graphtwin import (
    twin as twin,
)
from graphtwin.cortex.cortex import build as build
from graphtwin.pipeline.graph.main_job import run as run
from graphtwin.pipeline.motor.motor_job import run_motor as run_motor
from graphtwin.pipeline.robust.robust_job import run_robust as run_robust
from graphtwin.pipeline.simulated_cortex import simulate as simulate
from graphtwin.report.finished import find_types as find_types
from graphtwin.report.finished import like_to_like as like_to_like
from graphtwin.report.finished import power as power
from graphtwin.report.finished import write_report as write_report
from graphtwin.sources import load as load
from graphtwin.tuning.learned import learn_embeddings as learn_embeddings

__version__: str
