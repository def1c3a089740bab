"""Expressions of a query, made into DuckDB text with types."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar

from sqlglot import exp

from odps_frames.emulator.sql import operators, predicates
from odps_frames.emulator.sql.aggregates import AGGREGATES, GROUPINGS
from odps_frames.emulator.sql.calls import Call
from odps_frames.emulator.sql.casts import cast, common, implicit
from odps_frames.emulator.sql.functions import FUNCTIONS
from odps_frames.emulator.sql.functions_lambdas import LAMBDA_FUNCTIONS
from odps_frames.emulator.sql.grouped import aggregate, grouping
from odps_frames.emulator.sql.intervals import interval
from odps_frames.emulator.sql.json_types import json_parsed
from odps_frames.emulator.sql.known_functions import KNOWN_FUNCTIONS
from odps_frames.emulator.sql.lambdas import Lambda
from odps_frames.emulator.sql.literals import cast_of, literal, negated
from odps_frames.emulator.sql.names import column, index, member, name_of
from odps_frames.emulator.sql.once import once
from odps_frames.emulator.sql.rankings import RANKINGS
from odps_frames.emulator.sql.scopes import Scope, only, refuse_rest
from odps_frames.emulator.sql.values import (
    BIGINT,
    BOOLEAN,
    NULL,
    STRING,
    Value,
    family,
    text_literal,
)
from odps_frames.emulator.sql.windows import window

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from odps_frames.emulator.sql.bound import BoundQuery
    from odps_frames.emulator.sql.scopes import Context
    from odps_frames.model.types import DataType

__all__ = ["Binder", "name_of"]

MAX_LETTERS = 4_000_000
"""Some functions say an argument more than once, so that nesting them multiplies its text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Binder:
    """Binds the expressions of one SELECT."""

    context: Context
    scope: Scope
    query: Callable[[exp.Expr, Scope], BoundQuery]
    """Binds a query inside this one."""
    groups: frozenset[str] | None = None
    """The texts of the keys, where the rows are groups."""
    aggregates: bool = False
    windows: Mapping[str, exp.Expr] | None = None
    """What WINDOW names; None where no window function may stand."""
    parameters: Mapping[str, Value] = field(default_factory=dict)
    """Of the lambdas around, by their names in small letters."""
    depth: int = 0
    """How many lambdas are around."""

    def bind(self, node: exp.Expr) -> Value:
        """Bind an expression.

        Raises
        ------
        SqlFault
            For names that nothing has, types that do not fit, and whatever is not known here.
        """
        if self.groups and (key := self._key(node)) is not None:
            return key
        value = self._made(node)
        if len(value.sql) > MAX_LETTERS:
            raise self.context.unsupported(node, "an expression that is so long when written out")
        return value

    def _made(self, node: exp.Expr) -> Value:
        bound = self._BY_TYPE.get(type(node))
        if bound is not None:
            return bound(self, node)
        sign = operators.COMPARISONS.get(type(node))
        if sign is not None:
            return operators.compare(self.context, node, sign, *self._sides(node))
        sign = operators.ARITHMETIC.get(type(node))
        if sign is not None:
            return operators.arithmetic(self.context, node, sign, *self._sides(node))
        sign = operators.BITWISE.get(type(node))
        if sign is not None:
            self._alike(node)
            return operators.bitwise(self.context, node, sign, *self._sides(node))
        raise refuse_rest(self.context, node)

    def plain(self) -> Binder:
        """Return a binder of the rows that the groups are made of."""
        return replace(self, groups=None, aggregates=False, windows=None)

    def condition(self, node: exp.Expr) -> str:
        """Bind a condition."""
        return operators.truth(self.context, node, self.bind(node))

    def _key(self, node: exp.Expr) -> Value | None:
        """Return an expression that is a key of the groups as a whole."""
        if any(isinstance(part, exp.Query | exp.Window | exp.Star) for part in node.walk()):
            return None
        functions = {name_of(part) for part in node.find_all(exp.Anonymous)}
        if functions & {*AGGREGATES, *GROUPINGS}:
            return None
        if isinstance(node, exp.Literal | exp.Boolean | exp.Null):
            return None
        found = self.plain().bind(node)
        return found if self.groups and found.sql in self.groups else None

    def _sides(self, node: exp.Expr) -> tuple[Value, Value]:
        only(self.context, node, "this", "expression", "typed", "safe", what=type(node).__name__)
        return self.bind(node.this), self.bind(node.expression)

    def _alike(self, node: exp.Expr) -> None:
        """Refuse ``a & b | c``: sqlglot reads it from left to right, MaxCompute does not."""
        for side in (node.this, node.expression):
            if type(side) in operators.BITWISE and type(side) is not type(node):
                raise self.context.unsupported(node, "mixing & | ^ without brackets")

    def _parameter(self, node: exp.Expr) -> Value:
        found = self.parameters.get(node.name.lower())
        if found is None:
            raise self.context.fault(node, f"column {node.name} cannot be resolved")
        return found

    def _lambda(self, node: exp.Expr) -> Lambda:
        """Return a function that is bound when the types of its parameters are known."""
        only(self.context, node, "this", "expressions", what="->")
        names = tuple(name.name.lower() for name in node.expressions)
        if len(set(names)) != len(names):
            raise self.context.fault(node, f"parameters stand twice: {', '.join(names)}")
        if node.find(exp.Query):
            raise self.context.unsupported(node, "a query inside a function such as x -> x + 1")

        def body(values: Mapping[str, Value]) -> Value:
            inner = replace(
                self,
                aggregates=False,
                windows=None,
                parameters={**self.parameters, **values},
                depth=self.depth + 1,
            )
            return inner.bind(node.this)

        return Lambda(names, self.depth, body)

    def _column(self, node: exp.Expr) -> Value:
        first, *rest = [part.name for part in node.parts]  # type: ignore[attr-defined]  # of Column
        if first.lower() in self.parameters:
            value = self.parameters[first.lower()]
            for name in rest:
                value = member(self.context, node, value, name)
            return value
        if node.name.lower() == "grouping__id" and not self.scope.columns("grouping__id"):
            raise self.context.unsupported(node, "grouping__id; use grouping_id(…)")
        found, depth = column(self.context, self.scope, node)
        if self.groups is not None and depth == 0 and found.sql not in self.groups:
            raise self.context.fault(
                node, f"column {node.name} is neither a key of GROUP BY nor inside an aggregate"
            )
        return found

    def _logic(self, node: exp.Expr) -> Value:
        word = "AND" if isinstance(node, exp.And) else "OR"
        sides = f"{self.condition(node.this)} {word} {self.condition(node.expression)}"
        return Value(f"({sides})", BOOLEAN)

    def _not(self, node: exp.Expr) -> Value:
        return Value(f"(NOT {self.condition(node.this)})", BOOLEAN)

    def _joined(self, node: exp.Expr) -> Value:
        value, more = (operators.text_of(self.context, node, v) for v in self._sides(node))
        return Value(f"({value} || {more})", STRING)

    def _adjacent(self, node: exp.Expr) -> Value:
        """Bind texts that follow each other, ``'a' 'b'``, which are one."""
        items = node.expressions
        if not all(isinstance(item, exp.Literal) and item.is_string for item in items):
            raise refuse_rest(self.context, node)
        text = "".join(str(item.this) for item in items)
        return Value(text_literal(text), STRING, text)

    def _case(self, node: exp.Expr) -> Value:
        if isinstance(node, exp.If):
            only(self.context, node, "this", "true", "false", what="IF")
            branches = [(self.condition(node.this), self.bind(node.args["true"]))]
            otherwise = node.args.get("false")
        else:
            only(self.context, node, "this", "ifs", "default", what="CASE")
            subject = self.bind(node.this) if node.this else None
            branches = [self._branch(subject, part) for part in node.args["ifs"]]
            otherwise = node.args.get("default")
        default = self.bind(otherwise) if otherwise else NULL
        type_, values = self._meet(node, [*(value for _, value in branches), default])
        text = " ".join(
            f"WHEN {said} THEN {value.sql}"
            for (said, _), value in zip(branches, values[:-1], strict=True)
        )
        return Value(f"(CASE {text} ELSE {values[-1].sql} END)", type_)

    def _branch(self, subject: Value | None, part: exp.Expr) -> tuple[str, Value]:
        if subject is None:
            return self.condition(part.this), self.bind(part.args["true"])
        same = operators.compare(self.context, part, "=", subject, self.bind(part.this))
        return same.sql, self.bind(part.args["true"])

    def _meet(self, node: exp.Expr, values: Sequence[Value]) -> tuple[DataType | None, list[Value]]:
        try:
            type_ = common(value.type for value in values)
        except TypeError as error:
            raise self.context.fault(node, f"values of different types: {error}") from None
        if type_ is None:
            return None, list(values)
        found = [cast(value, type_) for value in values]
        if any(value is None for value in found):
            raise self.context.fault(node, f"a value does not become {type_} by itself")
        return type_, [value for value in found if value is not None]

    def _scalar(self, node: exp.Expr) -> Value:
        bound = self.query(node, self.scope)
        if len(bound.columns) != 1:
            raise self.context.fault(node, "a query that stands for a value has one column")
        return Value(f"({bound.sql})", bound.columns[0][1])

    def _paren(self, node: exp.Expr) -> Value:
        return self.bind(node.this)

    def _minus(self, node: exp.Expr) -> Value:
        if isinstance(node.this, exp.Literal) and not node.this.is_string:
            return negated(self.context, node)
        value = self.bind(node.this)
        found = value if family(value.type) != "text" else implicit(value, BIGINT)
        if found is None or family(found.type) not in ("integer", "float", "decimal", "null"):
            raise self.context.fault(node, f"{value.type} is no number")
        return Value(f"(-{found.sql})", found.type)

    def _complement(self, node: exp.Expr) -> Value:
        value = self.bind(node.this)
        if family(value.type) != "integer":
            raise self.context.fault(node, f"{value.type} is no whole number")
        return Value(f"(~CAST({value.sql} AS BIGINT))", BIGINT)

    def _bracket(self, node: exp.Expr) -> Value:
        only(self.context, node, "this", "expressions", "offset", what="[ ]")
        (place,) = node.expressions
        return index(self.context, node, self.bind(node.this), self.bind(place))

    def _dot(self, node: exp.Expr) -> Value:
        if not isinstance(node.expression, exp.Identifier):
            raise refuse_rest(self.context, node)
        return member(self.context, node, self.bind(node.this), node.expression.name)

    def _window(self, node: exp.Expr) -> Value:
        return window(self, node)

    def _function(self, node: exp.Expr) -> Value:
        name = name_of(node)
        if name in AGGREGATES:
            return self.aggregate(node)
        if name in GROUPINGS:
            return grouping(self, node)
        function = FUNCTIONS.get(name)
        if function is None:
            if name not in KNOWN_FUNCTIONS:
                raise self.context.fault(node, f"function {name} cannot be resolved")
            if name in RANKINGS:
                raise self.context.unsupported(node, f"function {name} without OVER")
            message = f"function {name} is not supported here, though MaxCompute has it"
            raise self.context.fault(node, message)
        only(self.context, node, "this", "expressions", what=name)
        functions = {
            place: self._lambda(argument)
            for place, argument in enumerate(node.expressions)
            if isinstance(argument, exp.Lambda)
        }
        if functions and name not in LAMBDA_FUNCTIONS:
            raise self.context.fault(node, f"function {name} takes no function as an argument")
        values = [
            NULL if place in functions else self.bind(argument)
            for place, argument in enumerate(node.expressions)
        ]
        return once(
            values,
            lambda given: function(Call(name, given, self.context, node, functions)),
        )

    def aggregate(self, node: exp.Expr, over: str = "") -> Value:
        """Bind a function of a group, or, given its OVER, of a window."""
        return aggregate(self, node, over)

    _BY_TYPE: ClassVar[Mapping[type[exp.Expr], Callable[[Binder, exp.Expr], Value]]] = {
        exp.Literal: lambda self, node: literal(self.context, node),
        exp.Boolean: lambda _, node: Value(str(node.this).upper(), BOOLEAN, bool(node.this)),
        exp.Null: lambda *_: NULL,
        exp.HexString: lambda self, node: literal(self.context, node),
        exp.RawString: lambda self, node: literal(self.context, node),
        exp.Cast: lambda self, node: cast_of(self.context, node, self.bind),
        exp.TryCast: lambda self, node: cast_of(self.context, node, self.bind),
        exp.ParseJSON: lambda self, node: json_parsed(self.bind(node.this).sql),
        exp.Column: _column,
        exp.Identifier: _parameter,
        exp.And: _logic,
        exp.Or: _logic,
        exp.Not: _not,
        exp.Is: predicates.is_what,
        exp.Between: predicates.between,
        exp.In: predicates.is_among,
        exp.Like: predicates.is_like,
        exp.Escape: predicates.is_like,
        exp.RegexpLike: predicates.matches,
        exp.DPipe: _joined,
        exp.Case: _case,
        exp.If: _case,
        exp.Exists: predicates.exists,
        exp.Interval: lambda self, node: interval(self.context, node),
        exp.Concat: _adjacent,
        exp.Subquery: _scalar,
        exp.Paren: _paren,
        exp.Neg: _minus,
        exp.BitwiseNot: _complement,
        exp.Bracket: _bracket,
        exp.Dot: _dot,
        exp.Window: _window,
        exp.Anonymous: _function,
        exp.Filter: aggregate,
        exp.WithinGroup: aggregate,
    }
