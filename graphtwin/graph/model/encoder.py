"""An inductive message-passing encoder: a neuron is its function, that of its functional neighbours and who its synaptic partners are."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import nn
from torch_geometric.nn import SimpleConv
from torch_geometric.utils import degree

from graphtwin.graph.data import Edges

# Weight of silence beside partners, as a number of partners: what n say on average counts as n / (n + 2), for one says little about a
# place.
PRIOR_PARTNERS = 2.0


class Encoder(nn.Module):
    """Neuron inputs and edges to a hidden vector a neuron.

    A neuron hears the mean function of its functional neighbours ("similar"), and position and labels ("context") of its partners along
    synapses, one hop and no further, so that a neuron's own labels never come back to it. What is heard has no weights, so that it is
    gathered once a graph (as in SIGN, Frasca et al. 2020, arXiv:2004.11198); what is made of it has weights that belong to no neuron: the
    encoder applies to neurons and graphs it never saw (Hamilton et al. 2017, arXiv:1706.02216).
    """

    def __init__(self, n_own: int, n_context: int, relations: tuple[str, ...], hidden: int, dropout: float) -> None:
        """Weights for `n_own` and `n_context` columns and these synapse relations."""
        super().__init__()
        self.relations = relations
        self.gather = SimpleConv(aggr="sum")
        self.n_heard = n_own + len(relations) * (n_context + 1)
        self.mix = nn.Sequential(nn.Linear(n_own + self.n_heard, hidden), nn.SiLU(), nn.Dropout(dropout), nn.Linear(hidden, hidden))
        self.out = nn.Sequential(nn.LayerNorm(hidden), nn.SiLU(), nn.Dropout(dropout))

    def forward(
        self, own: Float[torch.Tensor, "neurons own"], context: Float[torch.Tensor, "partners context"], edges: Edges
    ) -> Float[torch.Tensor, "neurons hidden"]:
        """Hidden vectors of the neurons that are encoded.

        Args:
            own: What each neuron brings itself: function, its mask and, where it is evidence, its scan.
            context: What every possible partner tells along its synapses; zero for neurons whose labels are held out.
            edges: Edges by relation: "similar" from row of `own` to row of `own`, the synapse relations from row of `context` to row of
                `own`.
        """
        return self.encode(own, self.hear(own, context, edges))

    def hear(
        self, own: Float[torch.Tensor, "neurons own"], context: Float[torch.Tensor, "partners context"], edges: Edges
    ) -> Float[torch.Tensor, "neurons heard"]:
        """Mean over functional neighbours and, for each synapse relation, shrunken mean and log number of the partners.

        Args:
            own: What each neuron brings itself, as `forward` takes it.
            context: What every possible partner tells along its synapses, as `forward` takes it.
            edges: Edges by relation, as `forward` takes them.
        """
        n_similar = degree(edges["similar"][1], len(own)).clamp(min=1.0)[:, None]
        heard = [self.gather((own, own), edges["similar"]) / n_similar]
        for name in self.relations:
            count = degree(edges[name][1], len(own))[:, None]
            heard += [self.gather((context, own), edges[name]) / (count + PRIOR_PARTNERS), torch.log1p(count)]
        return torch.cat(heard, dim=1)

    def encode(
        self, own: Float[torch.Tensor, "neurons own"], heard: Float[torch.Tensor, "neurons heard"]
    ) -> Float[torch.Tensor, "neurons hidden"]:
        """Hidden vectors of neurons from what they bring and what they heard."""
        return self.out(self.mix(torch.cat([own, heard], dim=1)))


class Landmarks(nn.Module):
    """Similarity of a neuron's function to that of landmark neurons, as coordinates whose inner products are a Gaussian kernel's.

    Source: Nystroem's method, Williams & Seeger 2001.
    """

    functions: torch.Tensor
    roots: torch.Tensor

    def __init__(self, functions: Float[torch.Tensor, "landmarks features"]) -> None:
        """Take the landmarks' functions and the principal directions of their kernel."""
        super().__init__()
        self.register_buffer("functions", functions)
        values, vectors = torch.linalg.eigh(self._kernel(functions).double())
        scale = torch.where(values > 1e-5, values.clamp(min=1e-5).rsqrt(), 0.0)
        self.register_buffer("roots", (vectors * scale).float())

    def forward(self, function: Float[torch.Tensor, "neurons features"]) -> Float[torch.Tensor, "neurons landmarks"]:
        """Coordinates along the principal directions of the landmarks, 0 along those that have no extent; of length at most 1."""
        return self._kernel(function) @ self.roots

    def _kernel(self, function: torch.Tensor) -> torch.Tensor:
        """Gaussian of the distance; its exponent is the squared distance over the number of (standardised) features."""
        return torch.exp(-(torch.cdist(function, self.functions) ** 2) / max(function.shape[1], 1))
