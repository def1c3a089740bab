"""A call of a function, and the words in which functions are written down."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from odps_frames.emulator.sql.casts import cast, common, implicit
from odps_frames.emulator.sql.values import (
    BIGINT,
    BINARY,
    BOOLEAN,
    DATE,
    DATETIME,
    DOUBLE,
    STRING,
    TIMESTAMP,
    Value,
)
from odps_frames.model.types import ArrayType, MapType

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sqlglot import exp

    from odps_frames.emulator.sql.lambdas import Lambda
    from odps_frames.emulator.sql.scopes import Context
    from odps_frames.emulator.sql.tokens import SqlFault
    from odps_frames.model.types import DataType

__all__ = ["Call", "Function", "Signature", "simple"]

_WORDS: Mapping[str, DataType] = {
    "bigint": BIGINT,
    "double": DOUBLE,
    "string": STRING,
    "boolean": BOOLEAN,
    "binary": BINARY,
    "date": DATE,
    "datetime": DATETIME,
    "timestamp": TIMESTAMP,
}

_TEXTS = MapType(STRING, STRING)


@dataclass(frozen=True, slots=True)
class Call:
    """A function with the values that it is given."""

    name: str
    args: tuple[Value, ...]
    context: Context
    node: exp.Expr
    functions: Mapping[int, Lambda] = field(default_factory=dict)
    """Arguments that are functions, by their places; among the values, a NULL stands for each."""

    def fault(self, message: str) -> SqlFault:
        """Make the error of this call."""
        return self.context.fault(self.node, message)

    def count(self, least: int, most: int | None = None) -> None:
        """Make sure of the number of arguments.

        Raises
        ------
        SqlFault
            When there are fewer or more.
        """
        most = least if most is None else most
        if not least <= len(self.args) <= most:
            wanted = str(least) if least == most else f"{least} to {most}"
            raise self.fault(f"function {self.name} takes {wanted} arguments, not {len(self.args)}")

    def to(self, place: int, type_: DataType) -> Value:
        """Return an argument in a type that it has or takes by itself.

        Raises
        ------
        SqlFault
            When it is of another type.
        """
        found = implicit(self.args[place], type_)
        if found is None:
            given = self.args[place].type
            raise self.fault(
                f"argument {place + 1} of function {self.name} is {given}; expected {type_}"
            )
        return found

    def sql(self, place: int, word: str) -> str:
        """Return the text of an argument in the type that a word names."""
        return self.to(place, _WORDS[word]).sql

    def constant(self, place: int, kind: type, what: str) -> object:
        """Return what a literal argument says.

        Raises
        ------
        SqlFault
            When it is no literal of that kind.
        """
        found = self.args[place].constant
        if not isinstance(found, kind) or isinstance(found, bool):
            raise self.fault(
                f"argument {place + 1} of function {self.name} must be {what} written out; "
                "anything else is not supported here"
            )
        return found

    def array(self, place: int) -> tuple[Value, DataType]:
        """Return an argument that is an array, with the type of its elements.

        A bare NULL is one of texts.

        Raises
        ------
        SqlFault
            When it is no array.
        """
        value = self.args[place]
        if value.type is None and place not in self.functions:
            return Value("CAST(NULL AS VARCHAR[])", ArrayType(STRING)), STRING
        if isinstance(value.type, ArrayType):
            return value, value.type.element
        raise self._no(place, "an array")

    def map(self, place: int) -> tuple[Value, MapType]:
        """Return an argument that is a map; a bare NULL is one of texts.

        Raises
        ------
        SqlFault
            When it is none.
        """
        value = self.args[place]
        if value.type is None and place not in self.functions:
            return Value("CAST(NULL AS MAP(VARCHAR, VARCHAR))", _TEXTS), _TEXTS
        if isinstance(value.type, MapType):
            return value, value.type
        raise self._no(place, "a map")

    def function(self, place: int, parameters: int) -> Lambda:
        """Return an argument that is a function of so many parameters.

        Raises
        ------
        SqlFault
            When it is none, or one of more or fewer.
        """
        found = self.functions.get(place)
        if found is None:
            raise self._no(place, "a function such as x -> x + 1")
        if len(found.names) != parameters:
            raise self.fault(
                f"argument {place + 1} of function {self.name} has {len(found.names)} parameters; "
                f"expected {parameters}"
            )
        return found

    def _no(self, place: int, what: str) -> SqlFault:
        given = "a function" if place in self.functions else self.args[place].type or "null"
        return self.fault(
            f"argument {place + 1} of function {self.name} is {given}; expected {what}"
        )

    def meeting(self, *places: int) -> tuple[DataType | None, list[Value]]:
        """Return arguments in their common type.

        Raises
        ------
        SqlFault
            When they have none.
        """
        values = [self.args[place] for place in places]
        try:
            type_ = common(value.type for value in values)
        except TypeError as error:
            raise self.fault(f"arguments of function {self.name} differ: {error}") from None
        if type_ is None:
            return None, values
        converted = [cast(value, type_) for value in values]
        if any(value is None for value in converted):
            raise self.fault(f"arguments of function {self.name} do not become {type_}")
        return type_, [value for value in converted if value is not None]


Function: TypeAlias = "Callable[[Call], Value]"
Signature: TypeAlias = tuple[str, str, str]
"""Words of the arguments, word of the result, text with the arguments in braces."""


def simple(*signatures: Signature) -> Function:
    """Make a function of signatures that differ in the number of their arguments."""
    by_count = {
        len(words.split()): (words.split(), result, text) for words, result, text in signatures
    }

    def carry_out(call: Call) -> Value:
        if len(call.args) not in by_count:
            counts = " or ".join(map(str, sorted(by_count)))
            raise call.fault(f"function {call.name} takes {counts} arguments, not {len(call.args)}")
        words, result, text = by_count[len(call.args)]
        return Value(
            "(" + text.format(*(call.sql(i, word) for i, word in enumerate(words))) + ")",
            _WORDS[result],
        )

    return carry_out
