"""Terms of one side of a formula: what is added, each the product of its factors.

    x * kind  ->  1, x, kind, x:kind

What most formulas are made of is read here: names, calls such as log(x) and C(kind), the operators + - * : / ^ ** and parentheses. All
else, and what can't be read, goes to formulaic, whose import takes longer than many a fit; the plain ones come out as it reads them.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import product

FACTOR = re.compile(r"\b(as\.)?factor\(")  # what R calls C( )
TOKEN = re.compile(r"(?P<lookup>[^\W\d][\w.]*|`[^`]+`)|(?P<literal>\d+)(?![\w.])|(?P<operator>\*\*|[-+*/:^()])")
PIECE = re.compile(r"'[^'\\]*'|\"[^\"\\]*\"|[^'\"\\`{}]")  # of a call: a text, or a letter outside texts
MOST_FACTORS = 9  # largest power of a sum that is plain
END = ""  # kind and text of what stands behind the last token


@dataclass(frozen=True)
class Factor:
    """A name, a call or a number of a formula.

    Attributes:
        written: The factor as formulaic writes it; a quoted name without its quotes.
        kind: How it is evaluated, in the words of formulaic: "lookup" of a column, "python", or "literal" for a number.
    """

    written: str
    kind: str = "lookup"


Term = tuple[Factor, ...]  # the intercept is the number 1
INTERCEPT: Term = (Factor("1", "literal"),)
Terms = dict[frozenset[str], Term]  # in order; terms of the same factors are the same, and the first one stays


class _NotPlain(ValueError):
    """What this reader leaves to formulaic."""


def read_terms(text: str) -> list[Term]:
    """The terms of one side of a formula in the order of their columns: by the number of factors, then as written.

    Args:
        text: The side, such as `x * kind + log(size)`; it has an intercept unless it says `0` or `- 1`.

    Raises:
        ValueError: When the text can't be read.
    """
    if FACTOR.search(text):
        raise ValueError(f"formula: {text} is written {FACTOR.sub('C(', text)} here: C(column) makes a column a category.")
    try:
        return _Reader(text).terms()
    except _NotPlain:
        return _by_formulaic(text)


def degree(term: Term) -> int:
    """Number of factors but for numbers."""
    return sum(factor.kind != "literal" for factor in term)


def _by_formulaic(text: str) -> list[Term]:
    """The terms as formulaic reads them."""
    from formulaic import Formula
    from formulaic.errors import FormulaicError

    try:
        return [tuple(Factor(one.expr, one.eval_method.value) for one in term.factors) for term in Formula(text)]
    except (FormulaicError, SyntaxError) as failure:
        reason = re.split(r"\. |\.?\n", str(failure))[0].rstrip(".")
        raise ValueError(f"formula: {text} can't be read ({reason}). Write it as in `x * kind + log(size)`.") from failure


class _Reader:
    """One side of a formula, read from left to right; each method reads what its operators bind."""

    def __init__(self, text: str) -> None:
        self.tokens = [*_tokens(text), (END, END), (END, END)]
        self.place = 0

    def terms(self) -> list[Term]:
        """All terms, with the intercept that every formula begins with."""
        found = self.sum(_terms([INTERCEPT]))
        self.take(END)
        return sorted(found.values(), key=degree)

    def take(self, kind: str) -> str:
        """The next token, which must be of this kind."""
        found, written = self.tokens[self.place]
        if found != kind:
            raise _NotPlain
        self.place += 1
        return written

    def ahead(self, *operators: str) -> bool:
        """Whether one of these operators comes next."""
        return self.tokens[self.place] in {("operator", one) for one in operators}

    def sum(self, found: Terms) -> Terms:
        """What + and - bind, added to or taken from what was found before."""
        more = True
        while more:
            minus = False
            while self.ahead("+", "-"):
                minus ^= self.take("operator") == "-"
            number = self.number()
            summand = _terms([INTERCEPT]) if number else self.product()
            minus ^= number == "0"
            if minus:
                _require_terms(summand, found)
            found = {key: term for key, term in found.items() if key not in summand} if minus else _union(found, summand)
            more = self.ahead("+", "-")
        return found

    def number(self) -> str | None:
        """A 0 or 1 that stands alone, or None."""
        follows = self.tokens[self.place + 1 : self.place + 2]
        alone = follows and follows[0] in {("operator", "+"), ("operator", "-"), ("operator", ")"), (END, END)}
        return self.take("literal") if alone and self.tokens[self.place] in {("literal", "0"), ("literal", "1")} else None

    def product(self) -> Terms:
        """What * and / bind: a * b is a + b + a:b, and a / b is a + a:b."""
        found = self.interaction()
        while self.ahead("*", "/"):
            nested, other = self.take("operator") == "/", self.interaction()
            within = _terms([_multiplied(found.values())]) if nested else _union(found, other)
            found = _union(found if nested else within, _interactions(within if nested else found, other))
        return found

    def interaction(self) -> Terms:
        """What : binds."""
        found = self.power()
        while self.ahead(":"):
            self.take("operator")
            found = _interactions(found, self.power())
        return found

    def power(self) -> Terms:
        """What ^ and ** bind: (a + b)^2 is a + b + a:b."""
        found = self.atom()
        if self.ahead("^", "**"):
            self.take("operator")
            n = int(self.take("literal"))
            if not 1 <= n <= MOST_FACTORS or self.ahead("^", "**"):
                raise _NotPlain
            found = _interactions(*[found] * n)
        return found

    def atom(self) -> Terms:
        """A name, a call, or a sum in parentheses."""
        if not self.ahead("("):
            kind = self.tokens[self.place][0]
            return _terms([(Factor(self.take(kind), kind),)]) if kind in ("lookup", "python") else _refuse()
        self.take("operator")
        found = self.sum({})
        return found if self.ahead(")") and self.take("operator") else _refuse()


def _require_terms(taken: Terms, found: Terms) -> None:
    """Refuse `x - f(x)` where f(x) was no term: it would be x alone, where most likely a difference was meant."""
    for key, term in taken.items():
        if key not in found and len(term) == 1 and term[0].kind == "python":
            call = term[0].written
            raise ValueError(
                f"formula: - {call} leaves out a term that isn't there, so nothing is subtracted. "
                f"Write a difference as in I(x - {call}), or leave it away."
            )


def _refuse() -> Terms:
    """Leave the formula to formulaic."""
    raise _NotPlain


def _terms(terms: Iterable[Term]) -> Terms:
    """Terms in order, the first of those that are the same."""
    found: Terms = {}
    for term in terms:
        found.setdefault(frozenset(factor.written for factor in term), term)
    return found


def _union(one: Terms, other: Terms) -> Terms:
    """The terms of one and those that only the other has."""
    return _terms([*one.values(), *other.values()])


def _interactions(*sides: Terms) -> Terms:
    """Every product of a term of each side."""
    return _terms(_multiplied(terms) for terms in product(*(side.values() for side in sides)))


def _multiplied(terms: Iterable[Term]) -> Term:
    """The factors of all terms, each once; with a number, and of nothing, there is no plain product."""
    first: dict[str, Factor] = {}
    for factor in (factor for term in terms for factor in term):
        first.setdefault(factor.written, factor)  # a call, and a column of that name, are the same to formulaic as well
    found = tuple(first.values())
    if not found or INTERCEPT[0] in found:
        raise _NotPlain
    return found


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    """Kind and text of every token."""
    place = 0
    while place < len(text):
        if text[place].isspace():
            place += 1
            continue
        found = TOKEN.match(text, place)
        if found is None or found.lastgroup is None:
            raise _NotPlain
        kind, written, place = found.lastgroup, found.group().strip("`"), found.end()
        if kind == "lookup" and text[place : place + 1] == "(" and "`" not in found.group():
            call = _call(text, found.start())
            kind, written, place = "python", _tidy(call), found.start() + len(call)
            if re.match(r"[\w.(\[]", text[place:]):
                raise _NotPlain
        yield kind, written


def _call(text: str, begin: int) -> str:
    """A call from its name to the parenthesis that closes it."""
    depth, place = 0, text.index("(", begin)
    while piece := PIECE.match(text, place):
        place = piece.end()
        depth += (piece.group() == "(") - (piece.group() == ")")
        if not depth:
            return text[begin:place]
    raise _NotPlain


def _tidy(call: str) -> str:
    """A call with the blanks and quotes that Python writes, by which equal calls are known."""
    try:
        return ast.unparse(ast.parse(call, mode="eval"))
    except SyntaxError as failure:
        raise _NotPlain from failure
