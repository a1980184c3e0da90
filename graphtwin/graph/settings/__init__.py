"""What a run of the graph model may be told, without torch: a slip of the pen is told before anything heavy is loaded."""

from graphtwin.graph.settings.network_settings import NeuronConfig, PairConfig
from graphtwin.graph.settings.run_settings import Settings, load_settings

__all__ = ["NeuronConfig", "PairConfig", "Settings", "load_settings"]
