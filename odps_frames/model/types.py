"""The data types of MaxCompute: values, and the text that names them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

__all__ = [
    "ArrayType",
    "CharType",
    "DataType",
    "DecimalType",
    "Field",
    "Kind",
    "MapType",
    "PrimitiveType",
    "StructType",
    "VarcharType",
    "VectorType",
    "parse_type",
]


class Kind(StrEnum):
    """A type without parameters."""

    TINYINT = "tinyint"
    SMALLINT = "smallint"
    INT = "int"
    BIGINT = "bigint"
    FLOAT = "float"
    DOUBLE = "double"
    BOOLEAN = "boolean"
    STRING = "string"
    BINARY = "binary"
    DATE = "date"
    DATETIME = "datetime"
    TIMESTAMP = "timestamp"
    TIMESTAMP_NTZ = "timestamp_ntz"
    INTERVAL_DAY_TIME = "interval_day_time"
    INTERVAL_YEAR_MONTH = "interval_year_month"
    JSON = "json"
    BLOB = "blob"
    GEOGRAPHY = "geography"
    VARIANT = "variant"


MAX_CHAR_LENGTH = 65535
MAX_DECIMAL_PRECISION = 76
"""What decimal256 holds; MaxCompute itself stops at 38 (54 in its first type system)."""


@dataclass(frozen=True, slots=True)
class PrimitiveType:
    """A type that is named by one word."""

    kind: Kind

    def __str__(self) -> str:
        return self.kind.value


@dataclass(frozen=True, slots=True)
class CharType:
    """Text padded to ``length`` characters."""

    length: int

    def __post_init__(self) -> None:
        _check_length("char", self.length)

    def __str__(self) -> str:
        return f"char({self.length})"


@dataclass(frozen=True, slots=True)
class VarcharType:
    """Text of at most ``length`` characters."""

    length: int

    def __post_init__(self) -> None:
        _check_length("varchar", self.length)

    def __str__(self) -> str:
        return f"varchar({self.length})"


@dataclass(frozen=True, slots=True)
class DecimalType:
    """An exact number of ``precision`` digits, ``scale`` of them behind the point."""

    precision: int = 38
    scale: int = 18

    def __post_init__(self) -> None:
        if not (1 <= self.precision <= MAX_DECIMAL_PRECISION and 0 <= self.scale <= self.precision):
            msg = (
                f"not a decimal type: decimal({self.precision},{self.scale}); "
                f"expected 1 <= precision <= {MAX_DECIMAL_PRECISION} and 0 <= scale <= precision"
            )
            raise ValueError(msg)

    def __str__(self) -> str:
        return f"decimal({self.precision},{self.scale})"


@dataclass(frozen=True, slots=True)
class ArrayType:
    """A list of values of one type."""

    element: DataType

    def __str__(self) -> str:
        return f"array<{self.element}>"


@dataclass(frozen=True, slots=True)
class MapType:
    """Values found by keys."""

    key: DataType
    value: DataType

    def __str__(self) -> str:
        return f"map<{self.key},{self.value}>"


@dataclass(frozen=True, slots=True)
class Field:
    """A named member of a struct."""

    name: str
    type: DataType

    def __str__(self) -> str:
        plain = re.fullmatch(r"\w+", self.name)
        name = self.name if plain else "`" + self.name.replace("`", "``") + "`"
        return f"{name}:{self.type}"


@dataclass(frozen=True, slots=True)
class StructType:
    """Named members, in order."""

    fields: tuple[Field, ...]

    def __str__(self) -> str:
        return f"struct<{','.join(map(str, self.fields))}>"


@dataclass(frozen=True, slots=True)
class VectorType:
    """A list of ``size`` numbers."""

    element: DataType
    size: int

    def __str__(self) -> str:
        return f"vector({self.element},{self.size})"


DataType = (
    PrimitiveType
    | CharType
    | VarcharType
    | DecimalType
    | ArrayType
    | MapType
    | StructType
    | VectorType
)


def parse_type(text: str) -> DataType:
    """Parse the name of a type; letter case and blanks do not count, names of fields keep theirs.

    Raises
    ------
    ValueError
        When ``text`` names no type of MaxCompute.

    Examples
    --------
    >>> str(parse_type("MAP<STRING, DECIMAL(10,2)>"))
    'map<string,decimal(10,2)>'
    """
    parser = _Parser(text)
    found = parser.type()
    if not parser.at_end():
        raise parser.error()
    return found


def _check_length(name: str, length: int) -> None:
    if not 1 <= length <= MAX_CHAR_LENGTH:
        msg = f"not a type: {name}({length}); expected a length from 1 to {MAX_CHAR_LENGTH}"
        raise ValueError(msg)


_TOKEN = re.compile(r"\s*(?:(`(?:[^`]|``)+`)|(\w+)|([<>(),:]))")
_MAX_DEPTH = 64


class _Parser:
    """Recursive descent over the tokens of one type name."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._position = 0
        self._depth = 0

    def error(self) -> ValueError:
        return ValueError(
            f"not a MaxCompute type: {self._text!r}; expected one such as 'bigint', "
            "'decimal(18,2)', 'array<string>' or 'struct<a:int,b:string>'"
        )

    def at_end(self) -> bool:
        return not self._text[self._position :].strip()

    def type(self) -> DataType:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise self.error()
        found = self._parametrised(self._token().lower())
        self._depth -= 1
        return found

    def _parametrised(self, name: str) -> DataType:
        match name:
            case "array":
                self._expect("<")
                found: DataType = ArrayType(self.type())
                self._expect(">")
                return found
            case "map":
                self._expect("<")
                key = self.type()
                self._expect(",")
                found = MapType(key, self.type())
                self._expect(">")
                return found
            case "struct":
                return self._struct()
            case "vector":
                self._expect("(")
                element = self.type()
                self._expect(",")
                found = VectorType(element, self._number())
                self._expect(")")
                return found
            case "char" | "varchar":
                (length,) = self._numbers(1, 1)
                return CharType(length) if name == "char" else VarcharType(length)
            case "decimal":
                return self._decimal()
            case _:
                try:
                    return PrimitiveType(Kind(name))
                except ValueError:
                    raise self.error() from None

    def _decimal(self) -> DecimalType:
        if self._peek() != "(":
            return DecimalType()
        numbers = self._numbers(1, 2)
        return DecimalType(numbers[0], numbers[1] if len(numbers) > 1 else 0)

    def _struct(self) -> StructType:
        self._expect("<")
        fields: list[Field] = []
        while True:
            name = self._token()
            if name.startswith("`"):
                name = name[1:-1].replace("``", "`")
            elif not re.fullmatch(r"\w+", name):
                raise self.error()
            self._expect(":")
            fields.append(Field(name, self.type()))
            closing = self._token()
            if closing == ">":
                return StructType(tuple(fields))
            if closing != ",":
                raise self.error()

    def _numbers(self, least: int, most: int) -> list[int]:
        self._expect("(")
        numbers = [self._number()]
        while (closing := self._token()) == ",":
            numbers.append(self._number())
        if closing != ")" or not least <= len(numbers) <= most:
            raise self.error()
        return numbers

    def _number(self) -> int:
        token = self._token()
        if not (token.isascii() and token.isdigit()):
            raise self.error()
        return int(token)

    def _expect(self, token: str) -> None:
        if self._token() != token:
            raise self.error()

    def _peek(self) -> str | None:
        match = _TOKEN.match(self._text, self._position)
        return match.group(match.lastindex or 0) if match else None

    def _token(self) -> str:
        match = _TOKEN.match(self._text, self._position)
        if match is None:
            raise self.error()
        self._position = match.end()
        return match.group(match.lastindex or 0)
