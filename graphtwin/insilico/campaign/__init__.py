"""Campaigns: many stimuli shown to many responders in many states, cut into shards that any number of workers answer, each cell once."""

from graphtwin.insilico.campaign.answers_read import read_answers, read_cells
from graphtwin.insilico.campaign.campaign_file import CampaignConfig, read_campaign
from graphtwin.insilico.campaign.campaign_folder import run_campaign
from graphtwin.insilico.campaign.campaign_plan import Plan, plan_of

__all__ = ["CampaignConfig", "Plan", "plan_of", "read_answers", "read_campaign", "read_cells", "run_campaign"]
