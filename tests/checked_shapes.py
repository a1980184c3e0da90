"""Types and shapes are checked at every call in tests, each value once.

jaxtyping checks all arguments a second time beside what is returned, and binds them to their names for its words before anything is wrong.
Sizes of axes stay in its memo until a call returns, so that what is returned can be checked alone. Fits of mixed models of small tables
take a third less time for it. Where an argument is wrong, its own wrapper says so.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import jaxtyping
from jaxtyping import _decorator as theirs
from jaxtyping._storage import pop_shape_memo, push_shape_memo

AS_IT_IS = jaxtyping.jaxtyped


def jaxtyped(fn: Any = None, *, typechecker: Callable) -> Any:
    """In the place of `jaxtyping.jaxtyped`, for functions; of a class its wrapper asks for the initialiser, of a property for its parts."""
    if fn is None:
        return functools.partial(jaxtyped, typechecker=typechecker)
    if not inspect.isfunction(fn) or getattr(fn, "__no_type_check__", False):
        return AS_IT_IS(fn, typechecker=typechecker)
    if any("{" in str(annotation) for annotation in fn.__annotations__.values()):  # sizes named after values of arguments, which it binds
        return AS_IT_IS(fn, typechecker=typechecker)
    signature = _read(fn)
    checks = functools.cache(lambda: _checks(fn, signature, typechecker))  # made at the first call: most functions are never called

    @functools.wraps(fn)
    def checked(*args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        given, returned = checks()
        memos = push_shape_memo({})
        try:
            try:
                given(*args, **kwargs)
            except Exception:
                return AS_IT_IS(fn, typechecker=typechecker)(*args, **kwargs)  # raises, in words
            out = fn(*args, **kwargs)
            if returned is not None:
                try:
                    returned(out)
                except Exception as error:
                    what = f"Type-check error whilst checking the return value of {fn.__module__}.{fn.__qualname__}."
                    raise jaxtyping.TypeCheckError(f"{what}\n{error}\n{theirs.shape_str(memos)}") from error
            return out
        finally:
            pop_shape_memo()

    return checked


def _read(fn: Callable) -> inspect.Signature:
    """The signature of a function, its annotations read while names mean what they say: a test may put others in their place later."""
    signature = inspect.signature(fn)
    empty = inspect.Signature.empty

    def read(annotation: Any) -> Any:
        return annotation if annotation is empty else theirs._destring_annotation(annotation, fn.__globals__)

    parameters = [each.replace(annotation=read(each.annotation)) for each in signature.parameters.values()]
    return inspect.Signature(parameters, return_annotation=read(signature.return_annotation))


def _checks(fn: Callable, signature: inspect.Signature, typechecker: Callable) -> tuple[Callable, Callable | None]:
    """Functions that take what `fn` takes, and what it returns, and do nothing but be checked."""

    def made(parameters: list[inspect.Parameter]) -> Callable:
        of = inspect.Signature(parameters)
        return typechecker(theirs._make_fn_with_signature(fn.__name__, fn.__qualname__, fn.__module__, of, output=False))

    out = inspect.Parameter("out", inspect.Parameter.POSITIONAL_ONLY, annotation=signature.return_annotation)
    says = signature.return_annotation is not inspect.Signature.empty
    return made(list(signature.parameters.values())), made([out]) if says else None


jaxtyping.jaxtyped = theirs.jaxtyped = jaxtyped
