"""Lanes: how does one implicit time step of many contracts run side by side in SIMD registers?

Arrays here have shape (nodes + 1, LANES): one contract per lane, one grid node per row. The two
sweeps of the tridiagonal solution are recurrences along the grid, so only the lanes can run in
parallel; the compiler does not see that by itself, and the vector code is written out.
"""

from typing import Any, Final

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

LANES: Final = 8
MARCH_ROWS: Final = 6
_VECTOR: Final = ir.VectorType(ir.DoubleType(), LANES)
_INDEX: Final = ir.IntType(64)


class _Rows:
    """Rows of a lane array, read and written as vectors."""

    def __init__(self, builder: Any, data: Any) -> None:
        self._builder = builder
        self._rows = builder.bitcast(data, _VECTOR.as_pointer())

    def load(self, row: Any) -> Any:
        return self._builder.load(self._builder.gep(self._rows, [row]), align=8)

    def store(self, row: Any, vector: Any) -> None:
        self._builder.store(vector, self._builder.gep(self._rows, [row]), align=8)


def _multiply_add(builder: Any, a: Any, b: Any, c: Any) -> Any:
    product = builder.fmul(a, b, flags=("contract",))
    return builder.fadd(product, c, flags=("contract",))


def _loop(builder: Any, first: Any, stop: Any, step: int, carried: list[Any], body: Any) -> None:
    """For index from `first` until `stop`; `body` maps the carried vectors to the next ones."""
    before = builder.block
    head = builder.append_basic_block("head")
    inside = builder.append_basic_block("inside")
    after = builder.append_basic_block("after")
    builder.branch(head)
    builder.position_at_end(head)
    index = builder.phi(_INDEX)
    index.add_incoming(first, before)
    values = [builder.phi(_VECTOR) for _ in carried]
    for value, start in zip(values, carried, strict=True):
        value.add_incoming(start, before)
    builder.cbranch(builder.icmp_signed("!=", index, stop), inside, after)
    builder.position_at_end(inside)
    for value, following in zip(values, body(index, values), strict=True):
        value.add_incoming(following, builder.block)
    index.add_incoming(builder.add(index, _INDEX(step)), builder.block)
    builder.branch(head)
    builder.position_at_end(after)


def _emit(builder: Any, arrays: list[_Rows], nodes: Any) -> None:
    v, y, obstacle, lanes = arrays
    lower, middle, upper, g, m, bottom = (lanes.load(_INDEX(row)) for row in range(MARCH_ROWS))
    one = _INDEX(1)
    zero = ir.Constant(_VECTOR, [0.0] * LANES)

    def eliminate(j: Any, carried: list[Any]) -> list[Any]:
        y_above, v_above, v_here = carried
        v_below = v.load(builder.sub(j, one))
        right = _multiply_add(builder, middle, v_here, builder.fmul(upper, v_above))
        right = _multiply_add(builder, lower, v_below, right)
        y_here = _multiply_add(builder, g, y_above, right)
        y.store(j, y_here)
        return [y_here, v_here, v_below]

    def substitute(j: Any, carried: list[Any]) -> list[Any]:
        held = _multiply_add(builder, m, carried[0], y.load(j))
        exercised = obstacle.load(j)
        value = builder.select(builder.fcmp_ordered(">", held, exercised), held, exercised)
        v.store(j, value)
        return [value]

    last = builder.sub(nodes, one)
    start = [zero, v.load(nodes), v.load(last)]
    _loop(builder, last, _INDEX(0), -1, start, eliminate)
    v.store(_INDEX(0), bottom)
    _loop(builder, one, nodes, 1, [bottom], substitute)


def _typing(_context: Any, v: Any, y: Any, obstacle: Any, lanes: Any, nodes: Any) -> Any:
    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        arrays = [
            _Rows(builder, context.make_array(kind)(context, builder, value).data)
            for kind, value in zip(signature.args[:4], arguments[:4], strict=True)
        ]
        _emit(builder, arrays, arguments[4])
        return context.get_dummy_value()

    return types.void(v, y, obstacle, lanes, nodes), build


march: Any = intrinsic(_typing)
"""march(v, y, obstacle, lanes, nodes): one implicit step, in place.

Solves ``-alpha v[j-1] + beta v[j] - gamma v[j+1] = right[j]`` for every lane under ``v >=
obstacle`` (Brennan and Schwartz 1977: eliminate from the top, substitute upward from the exercise
side). The top boundary lets the solution decay as on an endless grid, so the elimination's factor
is the same at every node:

    m = 2 alpha / (beta + root),  D = (beta + root) / 2,  root = sqrt(beta^2 - 4 alpha gamma)
    y[j] = (right[j] + gamma y[j+1]) / D,   v[j] = max(y[j] + m v[j-1], obstacle[j])

The first rows of `lanes` are lower/D, middle/D, upper/D (right[j] = lower v[j-1] + middle v[j] +
upper v[j+1]), gamma/D, m and v[0]; v[nodes] must be zero; y is scratch.
"""
