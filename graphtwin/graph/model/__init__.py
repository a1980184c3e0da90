"""Networks of the graph model, their fits, and what fitted ones say of neurons and pairs."""

from graphtwin.graph.model.neuron_fit import (
    EVERYTHING,
    FUNCTION,
    MIN_LABELLED,
    Evidence,
    FittedNeurons,
    NeuronPrediction,
    fit_neurons,
    predict_rows,
)
from graphtwin.graph.model.pair_fit import FittedPairs, fit_pairs, pair_probabilities, score_all
from graphtwin.graph.model.weights import restore_neurons, restore_pairs, weights_of_neurons, weights_of_pairs

__all__ = [
    "EVERYTHING",
    "Evidence",
    "FUNCTION",
    "FittedNeurons",
    "FittedPairs",
    "MIN_LABELLED",
    "NeuronPrediction",
    "fit_neurons",
    "fit_pairs",
    "pair_probabilities",
    "predict_rows",
    "restore_neurons",
    "restore_pairs",
    "score_all",
    "weights_of_neurons",
    "weights_of_pairs",
]
