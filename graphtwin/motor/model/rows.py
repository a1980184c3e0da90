"""Sums over the edges of one neuron, for a block of batch columns at once: one vector register (or two) for all of a neuron's columns.

numba turns a loop over twelve columns into twelve steps with loads and stores between them; written down for LLVM, a row's sums stay in
registers over all of its edges. On one core this makes products with a batch 2-3 times as fast as SciPy's (`benchmarks/bench_circuit.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

FOUR = 4  # edges that are summed side by side where the batch is one
CHAINS = 2  # sums that run side by side, so that one addition need not wait for the last
FREE = ("reassoc", "contract", "nsz")  # what LLVM may do to sums; NaN and infinity keep their meaning
I64, I32 = ir.IntType(64), ir.IntType(32)


class _Lanes:
    """Code for vectors of `width` numbers: loads and stores at a row and column of a 2-d array, and a sum over edges."""

    def __init__(self, builder: Any, real: Any, width: int, size: int) -> None:
        self.builder, self.real, self.width, self.size = builder, real, width, size
        self.wide = ir.VectorType(real, width)

    def place(self, array: Any, row: Any, column: Any) -> Any:
        """Address of `width` numbers of a contiguous 2-d array."""
        stride = cgutils.unpack_tuple(self.builder, array.shape)[1]
        address = self.builder.gep(array.data, [self.builder.add(self.builder.mul(row, stride), column)])
        return self.builder.bitcast(address, self.wide.as_pointer())

    def load(self, array: Any, row: Any, column: Any) -> Any:
        """`width` numbers."""
        return self.builder.load(self.place(array, row, column), align=self.size)

    def store(self, value: Any, array: Any, row: Any, column: Any) -> None:
        """Write `width` numbers."""
        self.builder.store(value, self.place(array, row, column), align=self.size)

    def add(self, a: Any, b: Any) -> Any:
        """Sum, in any order."""
        return self.builder.fadd(a, b, flags=FREE)

    def times(self, a: Any, b: Any) -> Any:
        """Product that may be joined with a sum."""
        return self.builder.fmul(a, b, flags=FREE)

    def everywhere(self, number: Any) -> Any:
        """One number in all lanes."""
        nothing = ir.Constant(self.wide, ir.Undefined)
        first = self.builder.insert_element(nothing, number, ir.Constant(I32, 0))
        return self.builder.shuffle_vector(first, nothing, ir.Constant(ir.VectorType(I32, self.width), [0] * self.width))

    def folded(self, value: Any) -> Any:
        """Sums of every fourth lane, in four lanes."""
        builder = self.builder
        fours = [ir.Constant(ir.VectorType(I32, FOUR), list(range(at, at + FOUR))) for at in range(0, self.width, FOUR)]
        parts = [builder.shuffle_vector(value, ir.Constant(self.wide, ir.Undefined), lanes) for lanes in fours]
        four = parts[0]
        for part in parts[1:]:
            four = self.add(four, part)
        return four

    def totals(self, values: list[Any]) -> Any:
        """Sums over the lanes of four values, in four lanes: pairs of lanes of two values are added at once."""

        def paired(one: Any, other: Any) -> Any:
            even, odd = (ir.Constant(ir.VectorType(I32, FOUR), [at, at + 2, at + FOUR, at + FOUR + 2]) for at in (0, 1))
            return self.add(self.builder.shuffle_vector(one, other, even), self.builder.shuffle_vector(one, other, odd))

        first, second, third, fourth = (self.folded(value) for value in values)
        return paired(paired(first, second), paired(third, fourth))

    def total(self, value: Any) -> Any:
        """Sum over the lanes: of fours first, since of twelve the compiler makes twelve steps."""
        builder, four = self.builder, self.folded(value)
        kind = "f32" if self.size == 4 else "f64"
        signature = ir.FunctionType(self.real, [self.real, four.type])
        function = cgutils.get_or_insert_function(builder.module, signature, f"llvm.vector.reduce.fadd.v{FOUR}{kind}")
        return builder.call(function, [ir.Constant(self.real, 0.0), four], fastmath=FREE)

    def edge_sum(self, begin: Any, end: Any, term: Callable[[Any], Any]) -> Any:
        """Sum of `term(edge)` over edges `begin` to `end`, in `CHAINS` sums side by side."""
        builder = self.builder
        sums = [cgutils.alloca_once(builder, self.wide) for _ in range(CHAINS)]
        for one in sums:
            builder.store(ir.Constant(self.wide, None), one)

        def count(edge: Any, into: Any) -> None:
            builder.store(self.add(builder.load(into), term(edge)), into)

        even = builder.add(begin, builder.and_(builder.sub(end, begin), ir.Constant(I64, -CHAINS)))
        with cgutils.for_range_slice(builder, begin, even, ir.Constant(I64, CHAINS), intp=I64) as (edge, _):
            for chain, into in enumerate(sums):
                count(builder.add(edge, ir.Constant(I64, chain)), into)
        with cgutils.for_range_slice(builder, even, end, ir.Constant(I64, 1), intp=I64) as (edge, _):
            count(edge, sums[0])
        total = builder.load(sums[0])
        for one in sums[1:]:
            total = self.add(total, builder.load(one))
        return total


@intrinsic
def sum_inputs(typing: Any, pre: Any, weight: Any, sent: Any, begin: Any, end: Any) -> Any:
    """What arrives along a row's edges where the batch is one: sum_e weight[e] sent[pre[e]], four edges side by side.

    Senders are read several at a time, in a load of 64 bits: loads are what a core runs short of here. Its arguments: pre (unsigned,
    edges), weight (edges), sent (neurons), begin, end.
    """

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        pre, weight, sent = _opened(context, builder, signature, args, 3)
        begin, end = args[3:]
        real = context.get_value_type(signature.args[1].dtype)
        lanes = _Lanes(builder, real, FOUR, signature.args[1].dtype.bitwidth // 8)
        total, rest = cgutils.alloca_once(builder, lanes.wide), cgutils.alloca_once(builder, real)
        builder.store(ir.Constant(lanes.wide, None), total)
        builder.store(ir.Constant(real, 0.0), rest)
        bits = signature.args[0].dtype.bitwidth
        together = 64 // bits

        def told(edge: Any) -> Any:
            source = builder.zext(builder.load(builder.gep(pre.data, [edge])), I64)
            return builder.load(builder.gep(sent.data, [source]))

        even = builder.add(begin, builder.and_(builder.sub(end, begin), ir.Constant(I64, -FOUR)))
        with cgutils.for_range_slice(builder, begin, even, ir.Constant(I64, FOUR), intp=I64) as (edge, _):
            values = ir.Constant(lanes.wide, ir.Undefined)
            for lane in range(FOUR):
                if lane % together == 0:
                    address = builder.gep(pre.data, [builder.add(edge, ir.Constant(I64, lane))])
                    senders = builder.load(builder.bitcast(address, I64.as_pointer()), align=bits // 8)
                source = builder.lshr(senders, ir.Constant(I64, bits * (lane % together)))
                source = builder.and_(source, ir.Constant(I64, 2**bits - 1))
                values = builder.insert_element(values, builder.load(builder.gep(sent.data, [source])), ir.Constant(I32, lane))
            by = builder.load(builder.bitcast(builder.gep(weight.data, [edge]), lanes.wide.as_pointer()), align=lanes.size)
            builder.store(lanes.add(builder.load(total), lanes.times(by, values)), total)
        with cgutils.for_range_slice(builder, even, end, ir.Constant(I64, 1), intp=I64) as (edge, _):
            by = builder.load(builder.gep(weight.data, [edge]))
            builder.store(lanes.add(builder.load(rest), lanes.times(by, told(edge))), rest)
        return lanes.add(lanes.total(builder.load(total)), builder.load(rest))

    return weight.dtype(pre, weight, sent, begin, end), code


def _opened(context: Any, builder: Any, signature: Any, args: Any, n_arrays: int) -> list[Any]:
    """Arrays among the arguments, opened."""
    return [context.make_array(kind)(context, builder, value) for kind, value in zip(signature.args[:n_arrays], args, strict=False)]


@cache
def step_row(width: int) -> Any:
    """Numba function that moves a row by what arrives along its edges.

    after[row] = x[row] + alpha (base[row] + sum_e weight[e] sent[pre[e]] - x[row]), the columns of the block alone. Its arguments: pre
    (unsigned, edges), weight (edges), sent, base, x, after (neurons x columns), alpha, begin, end, row, column.
    """

    @intrinsic
    def step(
        typing: Any, pre: Any, weight: Any, sent: Any, base: Any, x: Any, after: Any, alpha: Any, begin: Any, end: Any, row: Any, col: Any
    ) -> Any:
        def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            pre, weight, sent, base, x, after = _opened(context, builder, signature, args, 6)
            alpha, begin, end, row, col = args[6:]
            lanes = _Lanes(builder, context.get_value_type(signature.args[1].dtype), width, signature.args[1].dtype.bitwidth // 8)

            def term(edge: Any) -> Any:
                source = builder.zext(builder.load(builder.gep(pre.data, [edge])), I64)
                by = lanes.everywhere(builder.load(builder.gep(weight.data, [edge])))
                return lanes.times(by, lanes.load(sent, source, col))

            inflow = lanes.add(lanes.load(base, row, col), lanes.edge_sum(begin, end, term))
            before = lanes.load(x, row, col)
            moved = lanes.times(lanes.everywhere(alpha), builder.fsub(inflow, before, flags=FREE))
            lanes.store(lanes.add(before, moved), after, row, col)
            return context.get_dummy_value()

        return types.void(pre, weight, sent, base, x, after, alpha, begin, end, row, col), code

    return step


@cache
def push_row(width: int) -> Any:
    """Numba function that shares out a row's error between its state before and what flowed in.

    pushed[row] = alpha error[row], error[row] -= pushed[row]; returns the gradient of alpha, error[row] . (after[row] - x[row]) / alpha, of
    the columns of the block alone. Its arguments: error, x, after, pushed (neurons x columns), alpha, row, column.
    """

    @intrinsic
    def push(typing: Any, error: Any, x: Any, after: Any, pushed: Any, alpha: Any, row: Any, column: Any) -> Any:
        def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            error, x, after, pushed = _opened(context, builder, signature, args, 4)
            alpha, row, column = args[4:]
            lanes = _Lanes(builder, context.get_value_type(signature.args[0].dtype), width, signature.args[0].dtype.bitwidth // 8)
            own = lanes.load(error, row, column)
            moved = builder.fsub(lanes.load(after, row, column), lanes.load(x, row, column), flags=FREE)
            value = lanes.times(lanes.everywhere(alpha), own)
            lanes.store(value, pushed, row, column)
            lanes.store(builder.fsub(own, value, flags=FREE), error, row, column)
            return builder.fdiv(lanes.total(lanes.times(own, moved)), alpha)

        return alpha(error, x, after, pushed, alpha, row, column), code

    return push


@cache
def return_errors(width: int) -> Any:
    """Numba function that sends errors back along a row's outgoing edges and adds up the gradient of their weights.

    out[row] = sum_e weight[e] error[post[e]] and gradient[e] += error[post[e]] . sent[row], the columns of the block alone. Its arguments:
    post (unsigned, edges), weight (edges), error, sent (neurons x columns), gradient (edges), out (as error), begin, end, row, column.
    """

    @intrinsic
    def back(
        typing: Any, post: Any, weight: Any, error: Any, sent: Any, gradient: Any, out: Any, begin: Any, end: Any, row: Any, column: Any
    ) -> Any:
        def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            post, weight, error, sent, gradient, out = _opened(context, builder, signature, args, 6)
            begin, end, row, column = args[6:]
            lanes = _Lanes(builder, context.get_value_type(signature.args[1].dtype), width, signature.args[1].dtype.bitwidth // 8)
            own, four = lanes.load(sent, row, column), ir.VectorType(lanes.real, FOUR)
            sums = [cgutils.alloca_once(builder, lanes.wide) for _ in range(CHAINS)]
            for one in sums:
                builder.store(ir.Constant(lanes.wide, None), one)

            def sent_back(edge: Any, into: Any) -> Any:
                """Count what comes back along an edge, and return the products whose sum is its gradient."""
                target = builder.zext(builder.load(builder.gep(post.data, [edge])), I64)
                there = lanes.load(error, target, column)
                back = lanes.times(lanes.everywhere(builder.load(builder.gep(weight.data, [edge]))), there)
                builder.store(lanes.add(builder.load(into), back), into)
                return lanes.times(there, own)

            even = builder.add(begin, builder.and_(builder.sub(end, begin), ir.Constant(I64, -FOUR)))
            with cgutils.for_range_slice(builder, begin, even, ir.Constant(I64, FOUR), intp=I64) as (edge, _):
                products = [sent_back(builder.add(edge, ir.Constant(I64, lane)), sums[lane % CHAINS]) for lane in range(FOUR)]
                at = builder.bitcast(builder.gep(gradient.data, [edge]), four.as_pointer())
                builder.store(lanes.add(builder.load(at, align=lanes.size), lanes.totals(products)), at, align=lanes.size)
            with cgutils.for_range_slice(builder, even, end, ir.Constant(I64, 1), intp=I64) as (edge, _):
                at = builder.gep(gradient.data, [edge])
                builder.store(lanes.add(builder.load(at), lanes.total(sent_back(edge, sums[0]))), at)
            total = builder.load(sums[0])
            for one in sums[1:]:
                total = lanes.add(total, builder.load(one))
            lanes.store(total, out, row, column)
            return context.get_dummy_value()

        return types.void(post, weight, error, sent, gradient, out, begin, end, row, column), code

    return back


@cache
def add_products(width: int) -> Any:
    """Numba function that adds up the gradient of the weights of a row's outgoing edges, of several steps at once.

    gradient[e] += error[post[e]] . sent[row], four edges side by side. Its arguments: post (unsigned, edges), error, sent (neurons x
    steps), gradient (edges), begin, end, row.
    """

    @intrinsic
    def add(typing: Any, post: Any, error: Any, sent: Any, gradient: Any, begin: Any, end: Any, row: Any) -> Any:
        def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            post, error, sent, gradient = _opened(context, builder, signature, args, 4)
            begin, end, row = args[4:]
            size = signature.args[3].dtype.bitwidth // 8
            lanes, nothing = _Lanes(builder, context.get_value_type(signature.args[3].dtype), width, size), ir.Constant(I64, 0)
            four = ir.VectorType(lanes.real, FOUR)
            own = lanes.load(sent, row, nothing)

            def product(edge: Any) -> Any:
                target = builder.zext(builder.load(builder.gep(post.data, [edge])), I64)
                return lanes.times(lanes.load(error, target, nothing), own)

            even = builder.add(begin, builder.and_(builder.sub(end, begin), ir.Constant(I64, -FOUR)))
            with cgutils.for_range_slice(builder, begin, even, ir.Constant(I64, FOUR), intp=I64) as (edge, _):
                at = builder.bitcast(builder.gep(gradient.data, [edge]), four.as_pointer())
                found = lanes.totals([product(builder.add(edge, ir.Constant(I64, lane))) for lane in range(FOUR)])
                builder.store(lanes.add(builder.load(at, align=size), found), at, align=size)
            with cgutils.for_range_slice(builder, even, end, ir.Constant(I64, 1), intp=I64) as (edge, _):
                at = builder.gep(gradient.data, [edge])
                builder.store(lanes.add(builder.load(at), lanes.total(product(edge))), at)
            return context.get_dummy_value()

        return types.void(post, error, sent, gradient, begin, end, row), code

    return add
