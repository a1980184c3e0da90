"""A window of time as one function of torch: states in, states out, gradients of all numbers back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from graphtwin.motor.model.block_loop import backward_block, block_width, forward_block
from graphtwin.motor.model.elements import RESPONSES, put_back, take
from graphtwin.motor.model.single_loop import backward_single, forward_single
from graphtwin.motor.model.wiring import Edges, Wiring


class Exploded(Exception):
    """A state left its bound.

    Attributes:
        step: Step of the window, substeps counted.
        place: Place of the neuron.
        column: Column of the batch.
        before: States before the step, places x columns.
    """

    def __init__(self, step: int, place: int, column: int, before: np.ndarray) -> None:
        super().__init__(f"place {place} at step {step}")
        self.step, self.place, self.column, self.before = step, place, column, before


@dataclass(frozen=True)
class Rule:
    """What a step does, but for its numbers.

    Attributes:
        wiring: Edges in compressed rows.
        response: Name of r: relu, tanh, sigmoid or softplus.
        is_rate: Whether states are rates, so that r is taken of what flows in.
        shifted: Whether neurons have thresholds.
        substeps: Euler steps in a step of the data.
        bound: Largest state; one beyond it stops the loop.
    """

    wiring: Wiring
    response: str
    is_rate: bool
    shifted: bool
    substeps: int
    bound: float


class Laid:
    """Strengths of edges in the orders in which loops read them, each made once.

    Args:
        weights: Strength of each edge, in the circuit's order.
    """

    def __init__(self, weights: torch.Tensor) -> None:
        self._weights, self._known = _array(weights), dict[int, np.ndarray]()
        self.n_edges = len(self._weights)

    def of(self, edges: Edges) -> np.ndarray:
        """Strength of each slot of `edges`, 0 where it is empty."""
        if id(edges) not in self._known:
            self._known[id(edges)] = np.empty(len(edges.edge), self._weights.dtype)
            take(self._weights, edges.edge, self._known[id(edges)])
        return self._known[id(edges)]


class Window(torch.autograd.Function):
    """What some places show after each step of a window (steps x rows x columns), and the last state (places x columns).

    Arguments: rule, whether gradients will be asked for, `Laid`, weight (edges), gap (gaps), bias, alpha, threshold (places),
    start (places x columns), drive (steps x stimulated x columns), stimulated and rows (places). Columns are a whole number of blocks
    (`block_width`). Without gradients two states are kept, with them all of the window.
    """

    @staticmethod
    def forward(
        ctx: Any, rule: Rule, keep: bool, laid: Laid, weight: Any, gap: Any, bias: Any, alpha: Any, threshold: Any, start: Any, drive: Any,
        *rest: Any,
    ) -> Any:  # fmt: skip
        """Run the loop; the rest is `at` and `rows`."""
        at, rows = rest
        wiring, (n, columns) = rule.wiring, start.shape
        width, whole = block_width(columns)
        assert whole == columns
        steps = len(drive) * rule.substeps
        states = np.empty((steps + 1 if keep else 2, n, columns), dtype=_array(start).dtype)
        states[0] = _array(start)
        inflows = np.empty(((steps if keep else 1) if rule.is_rate else 0, n, columns), dtype=states.dtype)
        seen = np.empty((len(drive), len(rows), columns), dtype=states.dtype)
        edges = wiring.into_alone if width == 1 else wiring.into
        numbers = wiring.gap_a, wiring.gap_b, *(_array(value) for value in (gap, bias, alpha, threshold))
        told = RESPONSES[rule.response], rule.is_rate, rule.shifted, rule.substeps, _array(drive), at, rule.bound
        given = edges.begin, edges.partner, laid.of(edges), *numbers, *told, states, inflows, rows, seen
        step, place = forward_single(edges.strips, edges.first, edges.row, *given) if width == 1 else forward_block(width, *given)
        if step >= 0:
            worst = int(np.argmax(np.nan_to_num(np.abs(states[(step + 1) % len(states), place]), nan=np.inf)))
            raise Exploded(step, place, worst, states[step % len(states)])
        if keep:
            ctx.rule, ctx.laid, ctx.at, ctx.rows, ctx.n_drive, ctx.states, ctx.inflows = rule, laid, at, rows, len(drive), states, inflows
            ctx.save_for_backward(gap, alpha, threshold)
        return torch.from_numpy(seen), torch.from_numpy(states[steps % len(states)].copy())

    @staticmethod
    def backward(ctx: Any, d_seen: Any, d_last: Any) -> Any:
        """Run the loop back."""
        rule, wiring, states = ctx.rule, ctx.rule.wiring, ctx.states
        gap, alpha, threshold = (_array(value) for value in ctx.saved_tensors)
        columns = states.shape[2]
        width = block_width(columns)[0]
        edges = wiring.out_alone if width == 1 else wiring.out
        weight = ctx.laid.of(edges)
        d_weight, d_gap = np.zeros_like(weight), np.zeros_like(gap)
        d_bias, d_alpha, d_threshold = (np.zeros_like(alpha) for _ in range(3))
        d_drive = np.zeros((ctx.n_drive, len(ctx.at), columns), dtype=weight.dtype)
        d_start = _array(d_last).copy()
        given = (
            edges.begin, edges.partner, weight, wiring.gap_a, wiring.gap_b, gap, alpha, threshold, RESPONSES[rule.response],
            rule.is_rate, rule.shifted, rule.substeps, ctx.at, states, ctx.inflows, ctx.rows, _array(d_seen), d_weight, d_gap, d_bias,
            d_alpha, d_threshold, d_drive, d_start,
        )  # fmt: skip
        if width == 1:
            backward_single(edges.strips, edges.first, edges.row, *given)
        else:
            backward_block(width, *given)
        d_edge = np.empty(ctx.laid.n_edges, weight.dtype)
        put_back(d_weight, edges.edge, d_edge)
        found = (d_edge, d_gap, d_bias, d_alpha, d_threshold, d_start, d_drive)
        return None, None, None, *(torch.from_numpy(value) for value in found), None, None


def _array(value: Any) -> np.ndarray:
    """A tensor's numbers, contiguous, not copied where they are."""
    return np.ascontiguousarray(value.detach().numpy())
