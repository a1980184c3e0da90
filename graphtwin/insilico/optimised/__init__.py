"""Optimised stimuli: what excites, inhibits, tells apart or controls units most within a budget, checked and ready to be shown."""

from graphtwin.insilico.optimised.budget import Budget, OptimiseConfig, usual_config, usual_settings
from graphtwin.insilico.optimised.candidates import gabor_candidates, input_candidates, share_above, verify
from graphtwin.insilico.optimised.control_judged import judge_control
from graphtwin.insilico.optimised.dead_leaves import dead_leaves
from graphtwin.insilico.optimised.fitted_gabors import best_of, gabors_like, halfway
from graphtwin.insilico.optimised.found_stimuli import OptimisedStimuli, optimise
from graphtwin.insilico.optimised.gradient_check import agreement_of_seeds, gradient_agrees
from graphtwin.insilico.optimised.invariance import InvariancePaths, invariance_paths, shares_along
from graphtwin.insilico.optimised.objectives import Objective
from graphtwin.insilico.optimised.population_optima import control, drive_alone, metamers, most_discriminating
from graphtwin.insilico.optimised.stage import Stage, stage_of
from graphtwin.insilico.optimised.stimulus_set import write_stimulus_set
from graphtwin.insilico.optimised.unit_optima import diverse, most_exciting, most_inhibiting

__all__ = [
    "Budget",
    "InvariancePaths",
    "Objective",
    "OptimiseConfig",
    "OptimisedStimuli",
    "Stage",
    "agreement_of_seeds",
    "best_of",
    "control",
    "dead_leaves",
    "diverse",
    "drive_alone",
    "gabor_candidates",
    "gabors_like",
    "gradient_agrees",
    "halfway",
    "input_candidates",
    "invariance_paths",
    "judge_control",
    "metamers",
    "most_discriminating",
    "most_exciting",
    "most_inhibiting",
    "optimise",
    "share_above",
    "shares_along",
    "stage_of",
    "usual_config",
    "usual_settings",
    "verify",
    "write_stimulus_set",
]
