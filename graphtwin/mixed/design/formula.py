"""Model formulas in the syntax of R: random terms, offsets and fields are read here, effects in `terms`.

    y ~ x * kind + offset(log(exposure)) + (1 | group:kind)

A random term is `(effects | group)`: `(1 | group)` an intercept a group, `(1 + x | group)` intercept and slope with their correlation,
`(1 + x || group)` without it, `group:kind` the combinations of two columns, `area/group` short for `area` and `area:group`. A spatial
random effect is `field(post_x, post_y, post_z)`: a smooth Gaussian field over the places that the columns give (`field_term`).

It departs from R in one thing: categories get treatment contrasts, the first level as base, ordered ones too, which R gives polynomial
contrasts. `C(kind, contr.treatment('b'))` names another base.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from graphtwin.mixed.design.field_term import FieldTerm, parse_field

NAME = re.compile(r"^[A-Za-z_]\w*$")  # name of a column, as Python would have it
EXAMPLE = "Write it as in `y ~ x * kind + offset(log(exposure)) + (1 | group:kind)`."  # end of every error about a formula


@dataclass(frozen=True)
class RandomTerm:
    """One parenthesis with a bar.

    Attributes:
        effects: Formula of what varies between groups, such as "1" or "1 + x".
        group: Columns whose combinations are the groups.
        correlated: Whether the term's effects have a full covariance, or variances only.
    """

    effects: str
    group: tuple[str, ...]
    correlated: bool = True

    @property
    def factor(self) -> str:
        """Name of the grouping, such as "group:kind"."""
        return ":".join(self.group)


@dataclass(frozen=True)
class ModelFormula:
    """A formula taken apart.

    Attributes:
        text: The formula as it was given.
        response: Column that is explained.
        fixed: Fixed effects, as `terms` reads them.
        offsets: Expressions added to the log rate with coefficient 1.
        random: Random terms, nested groups written out.
        fields: Spatial random effects.
    """

    text: str
    response: str
    fixed: str
    offsets: tuple[str, ...]
    random: tuple[RandomTerm, ...]
    fields: tuple[FieldTerm, ...] = ()


def parse_formula(text: str) -> ModelFormula:
    """Take a formula apart.

    Args:
        text: The formula, `response ~ fixed effects + offset(expression) + (effects | group)`.

    Raises:
        ValueError: When a part can't be read; the error names the part.
    """
    sides = text.split("~")
    if len(sides) != 2 or not NAME.match(sides[0].strip()):
        raise ValueError(f"formula {text!r}: the part before a single ~ must be one column. {EXAMPLE}")
    fixed, offsets, random, fields = [], [], [], []
    for sign, part in _summands(sides[1], text):
        inside = part[1:-1] if part.startswith("(") and _closes(part, 0) == len(part) - 1 else ""
        if "|" in inside:
            random += _random_terms(inside, text)
        elif part.startswith("offset("):
            offsets.append(_inside(part, text))
            if not offsets[-1]:
                raise ValueError(f"formula {text!r}: nothing stands in {part}. {EXAMPLE}")
        elif part.startswith("field("):
            fields.append(parse_field(_inside(part, text), text))
        elif _bar_outside(part):
            raise ValueError(f"formula {text!r}: {part} has a bar outside parentheses. Write a random term as (1 | group). {EXAMPLE}")
        else:
            fixed.append(f"{sign} {part}")
            continue
        if sign == "-":
            raise ValueError(f"formula {text!r}: {part} can't be subtracted. {EXAMPLE}")
    response, written = sides[0].strip(), " ".join(fixed).removeprefix("+ ")
    if re.search(rf"(?<![\w.]){response}(?![\w.(])", sides[1]):
        raise ValueError(f"formula {text!r}: {response} also stands after ~. A response can't explain itself: leave it out there.")
    return ModelFormula(text, response, written or "1", tuple(offsets), tuple(random), tuple(fields))


def _inside(part: str, text: str) -> str:
    """The expression inside offset( ) or field( )."""
    opening = part.index("(")
    if _closes(part, opening) != len(part) - 1:
        article = "an offset" if part.startswith("offset(") else "a field"
        raise ValueError(f"formula {text!r}: {part} is not a sum of {article} and other terms. {EXAMPLE}")
    return part[opening + 1 : -1].strip()


def _summands(side: str, text: str) -> list[tuple[str, str]]:
    """Sign and text of what is added or subtracted outside all parentheses."""
    depth, begin, sign, found = 0, 0, "+", []
    for i, letter in enumerate(f"{side}+"):
        depth += (letter == "(") - (letter == ")")
        if depth < 0 or (depth > 0 and i == len(side)):
            raise ValueError(f"formula {text!r}: its parentheses don't match. {EXAMPLE}")
        if depth == 0 and letter in "+-":
            if side[begin:i].strip():
                found.append((sign, side[begin:i].strip()))
            begin, sign = i + 1, letter
    if not found:
        raise ValueError(f"formula {text!r}: nothing stands after ~. {EXAMPLE}")
    return found


def _bar_outside(part: str) -> bool:
    """Whether a part has a bar outside all parentheses."""
    return any(letter == "|" and part[:i].count("(") == part[:i].count(")") for i, letter in enumerate(part))


def _closes(part: str, opening: int) -> int:
    """Place at which the parenthesis closes that opens at `opening`; -1 if it never does."""
    depth = 0
    for i in range(opening, len(part)):
        depth += (part[i] == "(") - (part[i] == ")")
        if depth == 0:
            return i
    return -1


def _random_terms(inside: str, text: str) -> list[RandomTerm]:
    """The random terms of `effects | group`, with a group `a/b` written out as a and a:b."""
    effects, bar, group = (part.strip() for part in re.split(r"(\|\|?)", inside, maxsplit=1))
    nested = [[name.strip() for name in level.split(":")] for level in group.split("/")]
    if not effects or not all(NAME.match(name) for level in nested for name in level):
        raise ValueError(f"formula {text!r}: ({inside}) needs effects before the bar and columns after it, as in (1 | group:kind).")
    chains = [tuple(name for level in nested[: i + 1] for name in level) for i in range(len(nested))]
    return [RandomTerm(effects, chain, bar == "|") for chain in chains]
