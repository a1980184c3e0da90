"""What tables would look like if similarity, function or partners were dealt anew."""

from graphtwin.wiring.nulls.degree_rewiring import rewire
from graphtwin.wiring.nulls.motif_counts import motifs
from graphtwin.wiring.nulls.pair_rewiring import rewire_pairs
from graphtwin.wiring.nulls.permutations import NullDistribution, likeness_of_all, permute_neurons, permute_within_axons

__all__ = [
    "NullDistribution",
    "likeness_of_all",
    "motifs",
    "permute_neurons",
    "permute_within_axons",
    "rewire",
    "rewire_pairs",
]
