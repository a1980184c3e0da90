"""Optimised stimuli: what excites, inhibits, tells apart or controls units most within a budget, checked and ready to be shown."""

from graphtwin.insilico.optimised.budget import Budget, OptimiseConfig
from graphtwin.insilico.optimised.candidates import gabor_candidates, verify
from graphtwin.insilico.optimised.control_judged import judge_control
from graphtwin.insilico.optimised.found_stimuli import OptimisedStimuli, optimise
from graphtwin.insilico.optimised.gradient_check import agreement_of_seeds, gradient_agrees
from graphtwin.insilico.optimised.objectives import Objective
from graphtwin.insilico.optimised.population_optima import control, drive_alone, metamers, most_discriminating
from graphtwin.insilico.optimised.stage import Stage, stage_of
from graphtwin.insilico.optimised.stimulus_set import write_stimulus_set
from graphtwin.insilico.optimised.unit_optima import diverse, most_exciting, most_inhibiting

__all__ = [
    "Budget",
    "Objective",
    "OptimiseConfig",
    "OptimisedStimuli",
    "Stage",
    "agreement_of_seeds",
    "control",
    "diverse",
    "drive_alone",
    "gabor_candidates",
    "gradient_agrees",
    "judge_control",
    "metamers",
    "most_discriminating",
    "most_exciting",
    "most_inhibiting",
    "optimise",
    "stage_of",
    "verify",
    "write_stimulus_set",
]
