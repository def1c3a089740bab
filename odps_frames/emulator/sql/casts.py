"""Conversions between types: those that CAST makes, and those that happen by themselves."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING

from odps_frames.emulator.sql.values import (
    BIGINT,
    BOOLEAN,
    DATE,
    DATETIME,
    DOUBLE,
    INTEGERS,
    NTZ,
    STRING,
    TIMESTAMP,
    Value,
    engine_type,
    family,
    quoted,
)
from odps_frames.model.types import (
    ArrayType,
    CharType,
    DecimalType,
    Kind,
    MapType,
    PrimitiveType,
    StructType,
    VarcharType,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from odps_frames.model.types import DataType

__all__ = ["cast", "common", "compared", "implicit"]

_NANOS = 1_000_000_000
_FLOAT = PrimitiveType(Kind.FLOAT)
_MAX_DIGITS = 38

_FORMS: Mapping[tuple[str, str], str] = {
    ("integer", "integer"): "CAST({0} AS {1})",
    ("integer", "float"): "CAST({0} AS {1})",
    ("integer", "decimal"): "CAST({0} AS {1})",
    ("integer", "text"): "CAST({0} AS VARCHAR)",
    ("integer", "boolean"): "({0} <> 0)",
    ("float", "integer"): "CAST(trunc({0}) AS {1})",
    ("float", "float"): "CAST({0} AS {1})",
    ("float", "decimal"): "CAST(CAST({0} AS VARCHAR) AS {1})",  # of the digits that it shows
    ("float", "boolean"): "({0} <> 0)",
    ("float", "text"): "mc_float_text({0})",
    ("decimal", "integer"): "CAST(trunc({0}) AS {1})",
    ("decimal", "float"): "CAST({0} AS {1})",
    ("decimal", "decimal"): "CAST({0} AS {1})",
    ("decimal", "text"): "mc_plain(CAST({0} AS VARCHAR))",
    ("boolean", "integer"): "CAST({0} AS {1})",
    ("boolean", "float"): "CAST({0} AS {1})",
    ("boolean", "decimal"): "CAST(CAST({0} AS TINYINT) AS {1})",
    ("decimal", "boolean"): "({0} <> 0)",
    ("boolean", "text"): "CAST({0} AS VARCHAR)",
    ("text", "text"): "{0}",
    ("text", "integer"): "TRY_CAST(mc_whole({0}) AS {1})",
    ("text", "float"): "CAST(mc_real({0}) AS {1})",
    ("text", "decimal"): "TRY_CAST(mc_exact({0}) AS {1})",
    ("text", "date"): "mc_day({0})",
    ("text", "datetime"): "(mc_instant(mc_second({0})) + mc_nanos({0}) // 1000000)",
    ("text", "timestamp"): "(mc_instant(mc_second({0}))::HUGEINT * 1000000 + mc_nanos({0}))",
    ("text", "timestamp_ntz"): "(mc_civil(mc_second({0})) + mc_nanos({0}))",
    ("text", "binary"): "encode({0})",
    ("binary", "text"): "decode({0})",
    ("json", "text"): "mc_scalar({0})",
    ("json", "integer"): "TRY_CAST(mc_whole(mc_number({0})) AS {1})",
    ("json", "float"): "CAST(mc_number({0}) AS {1})",
    ("json", "boolean"): "CAST(mc_truth({0}) AS BOOLEAN)",
    ("text", "json"): "CAST(to_json({0}) AS VARCHAR)",
    ("integer", "json"): "CAST({0} AS VARCHAR)",
    ("float", "json"): "mc_py_json(CAST(to_json(CAST({0} AS DOUBLE)) AS VARCHAR))",
    ("boolean", "json"): "CAST({0} AS VARCHAR)",
    ("text", "boolean"): "({0} <> '')",
    ("date", "text"): "CAST({0} AS VARCHAR)",
    ("date", "datetime"): "mc_instant(CAST({0} AS TIMESTAMP))",
    ("date", "timestamp"): "(mc_instant(CAST({0} AS TIMESTAMP))::HUGEINT * 1000000)",
    ("date", "timestamp_ntz"): "mc_civil(CAST({0} AS TIMESTAMP))",
    ("datetime", "date"): "CAST(mc_local({0}) AS DATE)",
    ("datetime", "text"): "strftime(mc_local({0}), '%Y-%m-%d %H:%M:%S')",
    ("datetime", "timestamp"): "({0}::HUGEINT * 1000000)",
    ("datetime", "timestamp_ntz"): "mc_civil(mc_local({0}))",
    ("timestamp", "datetime"): "CAST(mc_div({0}, 1000000) AS BIGINT)",
    ("timestamp", "date"): "CAST(mc_local(CAST(mc_div({0}, 1000000) AS BIGINT)) AS DATE)",
    ("timestamp", "text"): (
        "(strftime(mc_local(CAST(mc_div({0}, 1000000) AS BIGINT)), '%Y-%m-%d %H:%M:%S')"
        f" || mc_fraction(mc_mod({{0}}, {_NANOS})))"
    ),
    ("timestamp", "timestamp_ntz"): (
        "(mc_civil(mc_local(CAST(mc_div({0}, 1000000) AS BIGINT))) + mc_mod({0}, 1000000))"
    ),
    ("timestamp_ntz", "date"): "CAST(mc_wall({0}) AS DATE)",
    ("timestamp_ntz", "datetime"): "mc_instant(mc_wall({0}))",
    ("timestamp_ntz", "timestamp"): (
        "(mc_instant(mc_wall({0}))::HUGEINT * 1000000 + mc_mod({0}, 1000000))"
    ),
    ("timestamp_ntz", "text"): (
        f"(strftime(mc_wall({{0}}), '%Y-%m-%d %H:%M:%S') || mc_fraction(mc_mod({{0}}, {_NANOS})))"
    ),
}
"""What becomes of an expression {0} on its way to the DuckDB type {1}."""

_BY_ITSELF = frozenset(
    {("integer", other) for other in ("integer", "float", "decimal", "text")}
    | {
        ("float", "float"),
        ("float", "text"),
        ("decimal", "decimal"),
        ("decimal", "float"),
        ("decimal", "text"),
    }
    | {("text", other) for other in ("text", "integer", "float", "decimal")}
    | {("text", other) for other in ("date", "datetime", "timestamp", "timestamp_ntz", "binary")}
    | {("date", other) for other in ("text", "datetime", "timestamp")}
    | {("datetime", other) for other in ("text", "date", "timestamp")}
    | {("timestamp", other) for other in ("text", "date", "datetime")}
    | {("timestamp_ntz", other) for other in ("text", "date")}
)


def cast(value: Value, type_: DataType, depth: int = 0) -> Value | None:
    """Convert as CAST does; None where there is no such conversion."""
    target = engine_type(type_)
    if target is None:
        return None
    if value.type is None:
        return Value(f"CAST(NULL AS {target})", type_)
    if value.type == type_:
        return Value(value.sql, type_, value.constant)
    if isinstance(type_, ArrayType | MapType | StructType):
        sql = _nested(value, type_, f"c{depth}", depth + 1)
        return None if sql is None else Value(f"CAST({sql} AS {target})", type_)
    form = _FORMS.get((family(value.type), family(type_)))
    if form is None:
        return None
    sql = form.format(value.sql, target)
    if isinstance(type_, CharType | VarcharType):
        sql = f"left({sql}, {type_.length})"
    return Value(sql, type_)


def _nested(value: Value, type_: DataType, item: str, depth: int) -> str | None:
    """Convert what is inside; fields of structs are taken in their order."""
    match value.type, type_:
        case ArrayType(element=one), ArrayType(element=other):
            inner = cast(Value(item, one), other, depth)
            if inner is None:
                return None
            return f"list_transform({value.sql}, lambda {item}: {inner.sql})"
        case MapType(key=key, value=one), MapType(key=wanted, value=other):
            name = cast(Value(f"{item}.key", key), wanted, depth)
            inner = cast(Value(f"{item}.value", one), other, depth)
            if name is None or inner is None:
                return None
            entry = f"struct_pack(key := {name.sql}, value := {inner.sql})"
            entries = f"list_transform(map_entries({value.sql}), lambda {item}: {entry})"
            return f"map_from_entries({entries})"
        case StructType(fields=ones), StructType(fields=others) if len(ones) == len(others):
            members = []
            for field, to in zip(ones, others, strict=True):
                part = Value(f"({value.sql}).{quoted(field.name)}", field.type)
                inner = cast(part, to.type, depth)
                if inner is None:
                    return None
                members.append(f"{quoted(to.name)} := {inner.sql}")
            packed = f"struct_pack({', '.join(members)})"
            return f"CASE WHEN {value.sql} IS NOT NULL THEN {packed} END"
        case _:
            return None


def implicit(value: Value, type_: DataType) -> Value | None:
    """Convert as happens without CAST; None where it does not."""
    if value.type is None or value.type == type_ or isinstance(type_, ArrayType):
        return cast(value, type_)
    if (family(value.type), family(type_)) not in _BY_ITSELF:
        return None
    return cast(value, type_)


def common(types: Iterable[DataType | None]) -> DataType | None:
    """Return the type that values of several types meet in.

    Raises
    ------
    TypeError
        When there is none; it names two of the types.
    """
    known = [type_ for type_ in types if type_ is not None]
    return reduce(_meet, known) if known else None


def _meet(a: DataType, b: DataType) -> DataType:
    found = a if a == b else _meet_different(a, b, frozenset({family(a), family(b)}))
    if found is None:
        msg = f"{a} and {b}"
        raise TypeError(msg)
    return found


def _meet_different(a: DataType, b: DataType, families: frozenset[str]) -> DataType | None:
    if families == {"integer"}:
        return max(a, b, key=INTEGERS.index)
    if families == {"text"}:
        return _meet_texts(a, b)
    if families in ({"array"}, {"map"}, {"struct"}):
        return _meet_nested(a, b)
    if families <= {"integer", "decimal"}:
        return _meet_decimals(_exact(a), _exact(b))
    for together, met in _MEETINGS:
        if families <= together:
            return met
    return STRING if "text" in families and families - {"text"} <= _AS_TEXT else None


_MEETINGS: tuple[tuple[frozenset[str], DataType], ...] = (
    (frozenset({"integer", "decimal", "float"}), DOUBLE),
    (frozenset({"date", "datetime"}), DATETIME),
    (frozenset({"date", "datetime", "timestamp"}), TIMESTAMP),
    (frozenset({"date", "timestamp_ntz"}), NTZ),
)
_AS_TEXT = frozenset({"integer", "decimal", "date", "datetime", "timestamp", "timestamp_ntz"})


def _meet_texts(a: DataType, b: DataType) -> DataType:
    if isinstance(a, VarcharType) and isinstance(b, VarcharType):
        return VarcharType(max(a.length, b.length))
    return STRING


def _exact(type_: DataType) -> DecimalType:
    if isinstance(type_, DecimalType):
        return type_
    digits = dict(zip(INTEGERS, (3, 5, 10, 19), strict=True))
    return DecimalType(digits[type_], 0)  # type: ignore[index]  # an integer type


def _meet_decimals(a: DecimalType, b: DecimalType) -> DecimalType:
    scale = max(a.scale, b.scale)
    whole = max(a.precision - a.scale, b.precision - b.scale)
    return DecimalType(min(whole + scale, _MAX_DIGITS), scale)


def _meet_nested(a: DataType, b: DataType) -> DataType | None:
    match a, b:
        case ArrayType(element=one), ArrayType(element=other):
            return ArrayType(_meet(one, other))
        case StructType(fields=ones), StructType(fields=others):
            alike = [(field.name.lower(), field.type) for field in ones] == [
                (field.name.lower(), field.type) for field in others
            ]
            return a if alike else None
        case _:
            return None


def compared(a: Value, b: Value) -> tuple[Value, Value] | None:
    """Bring two values to the type in which they are compared; None where there is none."""
    one, other = family(a.type), family(b.type)
    families = {one, other} - {"null"}
    if not families:
        return Value("CAST(NULL AS BIGINT)", BIGINT), Value("CAST(NULL AS BIGINT)", BIGINT)
    if families & {"json", "map", "vector", "blob"}:
        return None
    meeting: DataType | None
    if families in ({"text", "integer"}, {"text", "float"}):
        meeting = DOUBLE
    elif "text" in families and len(families) == 2:  # noqa: PLR2004  text and something else
        times = {"date": DATE, "datetime": DATETIME, "timestamp": TIMESTAMP, "timestamp_ntz": NTZ}
        (kind,) = families - {"text"}
        if kind not in times:
            return None
        # Text may say a time of day, which a DATE would lose.
        meeting = DATETIME if kind == "date" else times[kind]
    elif families == {"boolean"}:
        meeting = BOOLEAN
    else:
        try:
            meeting = common([a.type, b.type])
        except TypeError:
            return None
    if meeting is None:
        return None
    left, right = cast(a, meeting), cast(b, meeting)
    return None if left is None or right is None else (left, right)
