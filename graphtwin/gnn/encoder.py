"""An inductive message-passing encoder: a neuron is its function, that of its functional neighbours and who its synaptic partners are."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import nn
from torch_geometric.nn import SAGEConv
from torch_geometric.utils import degree

Edges = dict[str, Int[torch.Tensor, "2 edges"]]


class Encoder(nn.Module):
    """Neuron inputs and edges to a hidden vector a neuron.

    Function is transformed and averaged over functional neighbours ("similar"); partners tell their position and labels ("context") along
    synapses, one hop and no further, so that a neuron's own labels never come back to it. Weights belong to no neuron: the encoder
    applies to neurons and graphs it never saw (Hamilton et al. 2017, arXiv:1706.02216).
    """

    def __init__(self, n_own: int, n_context: int, relations: tuple[str, ...], hidden: int, dropout: float) -> None:
        super().__init__()
        self.relations = relations
        self.own = nn.Sequential(nn.Linear(n_own, hidden), nn.SiLU(), nn.Dropout(dropout), nn.Linear(hidden, hidden))
        self.similar = SAGEConv((hidden, hidden), hidden, aggr="mean", root_weight=False)
        self.told = nn.Sequential(nn.Linear(n_context, hidden), nn.SiLU())
        self.partners = nn.ModuleDict({name: SAGEConv((hidden, hidden), hidden, aggr="mean", root_weight=False) for name in relations})
        self.amount = nn.Linear(max(len(relations), 1), hidden)
        self.out = nn.Sequential(nn.LayerNorm(hidden), nn.SiLU(), nn.Dropout(dropout))

    def forward(
        self, own: Float[torch.Tensor, "neurons own"], context: Float[torch.Tensor, "partners context"], edges: Edges
    ) -> Float[torch.Tensor, "neurons hidden"]:
        """Hidden vectors of the neurons that are encoded.

        Args:
            own: What a neuron brings itself: function, its mask and, where it is evidence, its scan.
            context: What every possible partner tells along its synapses; zero for neurons whose labels are held out.
            edges: "similar" from row of `own` to row of `own`, the synapse relations from row of `context` to row of `own`.
        """
        hidden = self.own(own)
        total = hidden + self.similar((hidden, hidden), edges["similar"])
        if self.relations:
            told = self.told(context)
            counts = []
            for name in self.relations:
                total = total + self.partners[name]((told, hidden), edges[name])
                counts.append(torch.log1p(degree(edges[name][1], len(own))))
            total = total + self.amount(torch.stack(counts, dim=1))
        return self.out(total)
