"""Self-contained pages of finished folders."""

from graphtwin.report.pages.campaign_page import write_campaign
from graphtwin.report.pages.correlated_page import write_correlated
from graphtwin.report.pages.like_to_like_page import write_like_to_like
from graphtwin.report.pages.measured_page import write_measured
from graphtwin.report.pages.motor_page import write_motor
from graphtwin.report.pages.power_page import write_power
from graphtwin.report.pages.robust_page import write_robust
from graphtwin.report.pages.run_page import write_run
from graphtwin.report.pages.stimulus_set_page import write_stimulus_set_page
from graphtwin.report.pages.types_page import write_types

__all__ = [
    "write_campaign",
    "write_correlated",
    "write_like_to_like",
    "write_measured",
    "write_motor",
    "write_power",
    "write_robust",
    "write_run",
    "write_stimulus_set_page",
    "write_types",
]
