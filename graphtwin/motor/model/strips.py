"""Sums over strips where the batch is one: edges of neighbours to neighbours, read side by side without looking up a sender.

Where a circuit repeats, as the columns of an eye do, neurons in a row get input from neurons in a row: neuron i from i + d, i + 1 from
i + 1 + d. `STRIP` such edges are a strip. Their weights lie together, their senders do, and all are read in one load each.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from graphtwin.motor.model.rows import I64, _Lanes, _opened

# Rows of a strip; of 16 or 32, 23 or 40 % of the places would be empty on the fly's eye, not 13 %, and neither is faster.
STRIP = 8
TOGETHER = 4  # steps whose gradients are added up together: the errors of more would not stay in a core's cache


class _Flat(_Lanes):
    """Code for `STRIP` numbers at a place of a 1-d array, or of a row of a 2-d array."""

    def __init__(self, builder: Any, context: Any, kind: Any) -> None:
        super().__init__(builder, context.get_value_type(kind), STRIP, kind.bitwidth // 8)

    def at(self, array: Any, place: Any) -> Any:
        """Address of `STRIP` numbers."""
        return self.builder.bitcast(self.builder.gep(array.data, [place]), self.wide.as_pointer())

    def read(self, array: Any, place: Any) -> Any:
        """`STRIP` numbers."""
        return self.builder.load(self.at(array, place), align=self.size)

    def write(self, value: Any, array: Any, place: Any) -> None:
        """Write `STRIP` numbers."""
        self.builder.store(value, self.at(array, place), align=self.size)

    def slots(self, strip: Any) -> Any:
        """Place of a strip's first edge."""
        return self.builder.mul(strip, ir.Constant(I64, STRIP))


def _first(builder: Any, first: Any, strip: Any) -> Any:
    """Place of a strip's first partner."""
    return builder.zext(builder.load(builder.gep(first.data, [strip])), I64)


@intrinsic
def sum_strips(typing: Any, first: Any, weight: Any, sent: Any, out: Any, begin: Any, end: Any, row: Any) -> Any:
    """Add to out[row], out[row + 1] ... what arrives along strips: sum_s weight[s STRIP + k] sent[first[s] + k] to row + k.

    Its arguments: first (unsigned, strips), weight (`STRIP` a strip), sent, out (places), begin, end (strips), row.
    """

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        first, weight, sent, out = _opened(context, builder, signature, args, 4)
        begin, end, row = args[4:]
        lanes = _Flat(builder, context, signature.args[1].dtype)

        def arriving(strip: Any) -> Any:
            return lanes.times(lanes.read(weight, lanes.slots(strip)), lanes.read(sent, _first(builder, first, strip)))

        total = lanes.add(lanes.read(out, row), lanes.edge_sum(begin, end, arriving))
        lanes.write(total, out, row)
        return context.get_dummy_value()

    return types.void(first, weight, sent, out, begin, end, row), code


@intrinsic
def add_strip_products(typing: Any, first: Any, error: Any, sent: Any, gradient: Any, begin: Any, end: Any, row: Any, step: Any) -> Any:
    """Add up the gradient of the weights of strips, of `TOGETHER` steps at once.

    gradient[s STRIP + k] += sum_t error[t, first[s] + k] sent[t, row + k], t from `step` on. Its arguments: first (unsigned, strips),
    error, sent (steps x places), gradient (`STRIP` a strip), begin, end (strips), row, step.
    """

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        first, error, sent, gradient = _opened(context, builder, signature, args, 4)
        begin, end, row, step = args[4:]
        lanes = _Flat(builder, context, signature.args[3].dtype)
        length = cgutils.unpack_tuple(builder, sent.shape)[1]
        lines = [builder.mul(length, builder.add(step, ir.Constant(I64, late))) for late in range(TOGETHER)]
        own = [lanes.read(sent, builder.add(line, row)) for line in lines]
        with cgutils.for_range_slice(builder, begin, end, ir.Constant(I64, 1), intp=I64) as (strip, _):
            partner, slots = _first(builder, first, strip), lanes.slots(strip)
            total = lanes.read(gradient, slots)
            for line, value in zip(lines, own, strict=True):
                total = lanes.add(total, lanes.times(value, lanes.read(error, builder.add(line, partner))))
            lanes.write(total, gradient, slots)
        return context.get_dummy_value()

    return types.void(first, error, sent, gradient, begin, end, row, step), code
