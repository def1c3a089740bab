"""Conditions as SQL text: the part of the grammar that asks about single rows.

::

    condition = term { OR term }          term = factor { AND factor }
    factor    = NOT factor | "(" condition ")" | TRUE | FALSE | NULL
              | value comparator column | column [ predicate ]
    predicate = comparator value | IS [NOT] NULL | [NOT] IN "(" value { "," value } ")"
              | [NOT] BETWEEN value AND value | [NOT] LIKE text
    value     = text | number | X'hex' | TRUE | FALSE | NULL
              | DATE text | DATETIME text | TIMESTAMP text | TIMESTAMP_NTZ text
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from odps_frames.filters.condition import (
    Comparator,
    Comparison,
    Condition,
    Constant,
    In,
    IsNull,
    Like,
    Not,
    all_of,
    any_of,
)
from odps_frames.filters.literals import is_text, literal_of, number_of
from odps_frames.filters.times import TimeLiteral, parse_time
from odps_frames.filters.tokens import Sort, Token, Unreadable, complaint, tokens
from odps_frames.model.types import Kind, PrimitiveType

if TYPE_CHECKING:
    from datetime import tzinfo
    from decimal import Decimal

    from odps_frames.filters.condition import Value
    from odps_frames.model.schema import Column, TableSchema

    Raw = str | int | Decimal | bytes | bool | TimeLiteral | None

__all__ = ["parse_sql"]

MAX_DEPTH = 100
_COMPARATORS = {
    **{c.value: c for c in Comparator},
    "==": Comparator.EQUAL,
    "<>": Comparator.NOT_EQUAL,
}
_CONSTANTS = {"true": True, "false": False, "null": None}
_RESERVED = frozenset({"and", "or", "not", "in", "is", "like", "between", *_CONSTANTS})
_TIMES = frozenset({"date", "datetime", "timestamp", "timestamp_ntz"})
_BOOLEAN = PrimitiveType(Kind.BOOLEAN)


def parse_sql(text: str, schema: TableSchema, zone: tzinfo) -> Condition:
    """Read a condition.

    Raises
    ------
    ValueError
        With the place where the text is not what is expected.
    KeyError
        For an unknown column.
    """
    parser = _Parser(text, schema, zone)
    found = parser.condition()
    parser.end()
    return found


class _Parser:
    """Recursive descent; texts of which the nesting is too deep are refused."""

    def __init__(self, text: str, schema: TableSchema, zone: tzinfo) -> None:
        self._text = text
        self._schema = schema
        self._zone = zone
        self._tokens = list(tokens(text))
        self._next = 0
        self._depth = 0

    def condition(self) -> Condition:
        terms = [self._term()]
        while self._take_word("or"):
            terms.append(self._term())
        return any_of(terms)

    def end(self) -> None:
        if self._peek().sort is not Sort.END:
            raise self._expected("AND, OR or the end")

    def _term(self) -> Condition:
        terms = [self._factor()]
        while self._take_word("and"):
            terms.append(self._factor())
        return all_of(terms)

    def _factor(self) -> Condition:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self._expected(f"at most {MAX_DEPTH} conditions within each other")
        if self._take_word("not"):
            found: Condition = Not(self._factor())
        elif self._take_sign("("):
            found = self.condition()
            self._need_sign(")")
        else:
            found = self._question()
        self._depth -= 1
        return found

    def _question(self) -> Condition:
        start = self._peek()
        if self._at_column():
            return self._about(self._column())
        value = self._value()
        if start.sort is Sort.WORD and self._peek().value not in _COMPARATORS:
            if value is None or isinstance(value, bool):
                return Constant(value)
            raise self._expected("a comparison")
        comparator = self._comparator()
        if not self._at_column():
            raise self._expected("a column, because the other side is a value")
        return self._compared(self._column(), comparator.flipped, value, start)

    def _about(self, column: Column) -> Condition:
        if self._take_word("is"):
            negated = self._take_word("not")
            self._need_word("null")
            return _negated(IsNull(column), negated=negated)
        negated = self._take_word("not")
        if self._take_word("in"):
            return _negated(self._in(column), negated=negated)
        if self._take_word("between"):
            return _negated(self._between(column), negated=negated)
        if self._take_word("like"):
            return _negated(self._like(column), negated=negated)
        if negated:
            raise self._expected("IN, BETWEEN or LIKE behind NOT")
        if self._peek().value in _COMPARATORS and self._peek().sort is Sort.SIGN:
            comparator = self._comparator()
            start = self._peek()
            return self._compared(column, comparator, self._value(), start)
        if column.type == _BOOLEAN:
            return Comparison(column, Comparator.EQUAL, value=True)
        raise self._expected(f"a comparison, because {column.name!r} is {column.type}")

    def _in(self, column: Column) -> Condition:
        self._need_sign("(")
        values: list[Value] = []
        unknown = False
        while True:
            start = self._peek()
            value = self._value()
            if value is None:
                unknown = True
            else:
                values.append(self._literal(column, value, start))
            if not self._take_sign(","):
                break
        self._need_sign(")")
        found: Condition = In(column, tuple(values))
        if unknown:
            # NULL in the list: nothing is certainly absent from it.
            return any_of([found, Constant(None)]) if values else Constant(None)
        return found

    def _between(self, column: Column) -> Condition:
        low_at = self._peek()
        low = self._value()
        self._need_word("and")
        high_at = self._peek()
        high = self._value()
        return all_of(
            [
                self._compared(column, Comparator.AT_LEAST, low, low_at),
                self._compared(column, Comparator.AT_MOST, high, high_at),
            ]
        )

    def _like(self, column: Column) -> Condition:
        token = self._peek()
        if not is_text(column.type):
            said = self._expected(f"no LIKE, because {column.name!r} is {column.type}")
            raise ValueError(str(said))
        if token.sort is not Sort.TEXT:
            raise self._expected("a pattern in quotes")
        self._advance()
        pattern = literal_of(column, token.value)
        return Like(column, str(pattern))

    def _compared(
        self, column: Column, comparator: Comparator, value: Raw, start: Token
    ) -> Condition:
        if value is None:
            return Constant(None)
        if comparator.orders and column.type == _BOOLEAN:
            said = complaint(self._text, start.position, "= or != for a boolean column", start)
            raise ValueError(str(said))
        return Comparison(column, comparator, self._literal(column, value, start))

    def _literal(self, column: Column, value: Raw, start: Token) -> Value:
        try:
            return literal_of(column, value, self._zone)
        except ValueError as error:
            raise ValueError(f"{error} (character {start.position + 1} of the filter)") from None

    def _value(self) -> Raw:
        token = self._peek()
        if token.sort is Sort.SIGN and token.value in {"+", "-"}:
            self._advance()
            number = self._number()
            return -number if token.value == "-" else number
        match token.sort:
            case Sort.NUMBER:
                return self._number()
            case Sort.TEXT:
                return self._advance().value
            case Sort.BYTES:
                return self._bytes()
            case Sort.WORD if token.value.lower() in _CONSTANTS:
                return _CONSTANTS[self._advance().value.lower()]
            case Sort.WORD if self._at_time():
                self._advance()
                return self._time()
            case _:
                raise self._expected("a value")

    def _number(self) -> int | Decimal:
        token = self._peek()
        if token.sort is not Sort.NUMBER:
            raise self._expected("a number")
        return number_of(self._advance().value)

    def _bytes(self) -> bytes:
        token = self._advance()
        try:
            return bytes.fromhex(token.value)
        except ValueError:
            raise complaint(
                self._text, token.position, "pairs of hexadecimal digits in X'…'", token
            ) from None

    def _time(self) -> TimeLiteral:
        token = self._advance()
        try:
            return parse_time(token.value)
        except ValueError as error:
            raise ValueError(f"{error} (character {token.position + 1} of the filter)") from None

    def _comparator(self) -> Comparator:
        token = self._peek()
        if token.sort is not Sort.SIGN or token.value not in _COMPARATORS:
            raise self._expected("a comparison")
        return _COMPARATORS[self._advance().value]

    def _at_column(self) -> bool:
        token = self._peek()
        if token.sort is Sort.WORD:
            return token.value.lower() not in _RESERVED and not self._at_time()
        return token.sort is Sort.NAME

    def _at_time(self) -> bool:
        # A column may be called date; only the text behind makes it a constant.
        behind = self._tokens[min(self._next + 1, len(self._tokens) - 1)]
        return self._peek().value.lower() in _TIMES and behind.sort is Sort.TEXT

    def _column(self) -> Column:
        behind = self._tokens[min(self._next + 1, len(self._tokens) - 1)]
        if self._peek().sort is Sort.WORD and behind.sort is Sort.SIGN and behind.value == "(":
            raise self._expected("a column or a value; there are no functions here")
        return self._schema.column(self._advance().value)

    def _peek(self) -> Token:
        return self._tokens[self._next]

    def _advance(self) -> Token:
        token = self._tokens[self._next]
        self._next += 1
        return token

    def _take_word(self, word: str) -> bool:
        token = self._peek()
        taken = token.sort is Sort.WORD and token.value.lower() == word
        self._next += taken
        return taken

    def _need_word(self, word: str) -> None:
        if not self._take_word(word):
            raise self._expected(word.upper())

    def _take_sign(self, sign: str) -> bool:
        token = self._peek()
        taken = token.sort is Sort.SIGN and token.value == sign
        self._next += taken
        return taken

    def _need_sign(self, sign: str) -> None:
        if not self._take_sign(sign):
            raise self._expected(repr(sign))

    def _expected(self, what: str) -> Unreadable:
        token = self._peek()
        return complaint(self._text, token.position, what, token)


def _negated(condition: Condition, *, negated: bool) -> Condition:
    return Not(condition) if negated else condition
