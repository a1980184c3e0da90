"""Descent that learns the curvature as it goes (limited-memory BFGS), in a state that can be written down and gone on from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from graphtwin.shapes import Float

LEAST_FALL, LEAST_TURN = 1e-4, 0.9  # of Wolfe's conditions: share of the fall, and of the slope, that a step must give, or leave at most
TRIES = 20  # steps that are tried along one direction
HELD = 2**25  # numbers of remembered moves at most, a quarter of a gigabyte: large circuits remember fewer

Function = Callable[[np.ndarray], tuple[float, np.ndarray]]


@dataclass
class Descent:
    """Where a descent stands.

    Source: Nocedal 1980, doi:10.2307/2006193; steps by halving and doubling: Lewis & Overton 2013, doi:10.1007/s10107-012-0514-2.

    Attributes:
        place: Numbers that are varied.
        value: The function there.
        slope: Its gradient there.
        memory: Moves that are remembered at most.
        moves: The last moves, the oldest first.
        turns: By how much the gradient changed with each.
    """

    place: Float[np.ndarray, " numbers"]
    value: float
    slope: Float[np.ndarray, " numbers"]
    memory: int
    moves: list[np.ndarray] = field(default_factory=list)
    turns: list[np.ndarray] = field(default_factory=list)

    @classmethod
    def at(cls, function: Function, place: Float[np.ndarray, " numbers"], memory: int) -> Descent:
        """A descent that begins."""
        value, slope = function(place)
        return cls(place, value, slope, max(1, min(memory, HELD // (2 * max(len(place), 1)))))

    def step(self, function: Function) -> bool:
        """One step down; False where none is found that leads down, at the bottom as far as numbers tell.

        Args:
            function: Value and gradient at a place; an infinite value where there is none, from which the search turns back.
        """
        direction = self._direction()
        if not self.slope @ direction < 0:  # rounding can turn it: begin anew
            self.moves, self.turns = [], []
            direction = self._direction()
        if not self.slope @ direction < 0:
            return False
        found = self._search(function, direction)
        if found is None:
            fresh = not self.moves
            self.moves, self.turns = [], []
            return not fresh and self.step(function)
        place, value, slope = found
        move, turn = place - self.place, slope - self.slope
        if move @ turn > 1e-12 * (turn @ turn):
            self.moves, self.turns = [*self.moves, move][-self.memory :], [*self.turns, turn][-self.memory :]
        self.place, self.value, self.slope = place, value, slope
        return True

    def _direction(self) -> np.ndarray:
        """Minus the gradient, times the inverse of the curvature that the last moves showed."""
        down = -self.slope
        if not self.moves:
            return down / max(float(np.linalg.norm(down)), 1e-12)
        shares = []
        for move, turn in zip(self.moves[::-1], self.turns[::-1], strict=True):
            share = move @ down / (move @ turn)
            down = down - share * turn
            shares.append(share)
        move, turn = self.moves[-1], self.turns[-1]
        down = down * (move @ turn / (turn @ turn))
        for move, turn, share in zip(self.moves, self.turns, shares[::-1], strict=True):
            down = down + (share - turn @ down / (move @ turn)) * move
        return down

    def _search(self, function: Function, direction: np.ndarray) -> tuple[np.ndarray, float, np.ndarray] | None:
        """A step along a direction that falls enough and leaves enough of the slope behind; the best that falls where none does both."""
        steepness = self.slope @ direction
        low, high, length, best = 0.0, np.inf, 1.0, None
        for _ in range(TRIES):
            place = self.place + length * direction
            value, slope = function(place)
            if not value <= self.value + LEAST_FALL * length * steepness:
                high = length
            else:
                best = (place, value, slope)
                if slope @ direction >= LEAST_TURN * steepness:
                    return best
                low = length
            length = 2 * low if np.isinf(high) else (low + high) / 2
        return best
