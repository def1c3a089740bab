"""Literals, and CAST, whose types are texts of MaxCompute."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING

from sqlglot import exp

from odps_frames.emulator.sql.casts import cast
from odps_frames.emulator.sql.dialect import TYPE_TEXT
from odps_frames.emulator.sql.once import once
from odps_frames.emulator.sql.scopes import PARSE, only
from odps_frames.emulator.sql.values import (
    BIGINT,
    BINARY,
    DATE,
    DOUBLE,
    NULL,
    STRING,
    Value,
    text_literal,
)
from odps_frames.model.types import DecimalType, parse_type

if TYPE_CHECKING:
    from collections.abc import Callable

    from odps_frames.emulator.sql.scopes import Context
    from odps_frames.model.types import DataType

__all__ = ["cast_of", "literal", "negated"]

_LIMIT = 1 << 63
_PREFIXED = {
    exp.DataType.Type.TINYINT: "tinyint",
    exp.DataType.Type.SMALLINT: "smallint",
    exp.DataType.Type.BIGINT: "bigint",
    exp.DataType.Type.FLOAT: "float",
    exp.DataType.Type.DOUBLE: "double",
    exp.DataType.Type.DECIMAL: "decimal",
    exp.DataType.Type.DATE: "date",
    exp.DataType.Type.DATETIME: "datetime",
    exp.DataType.Type.TIMESTAMP: "timestamp",
    exp.DataType.Type.TIMESTAMPNTZ: "timestamp_ntz",
}
"""Types that stand before a literal, or that a letter behind a number means."""


def literal(context: Context, node: exp.Expr) -> Value:
    """Bind a literal: whole numbers that fit are BIGINT, others DOUBLE."""
    if isinstance(node, exp.HexString):
        return _binary(context, node)
    text = str(node.this)
    if node.is_string or isinstance(node, exp.RawString):
        return Value(text_literal(text), STRING, text)
    return _number(context, node, text)


def negated(context: Context, node: exp.Expr) -> Value:
    """Bind a number with its sign."""
    return _number(context, node, f"-{node.this.this}")


def _number(context: Context, node: exp.Expr, text: str) -> Value:
    if re.fullmatch(r"-?\d+", text):
        number = int(text)
        if -_LIMIT <= number < _LIMIT:
            return Value(f"CAST({number} AS BIGINT)", BIGINT, number)
    if not re.fullmatch(r"-?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", text):
        raise context.fault(node, f"Parse exception - {text!r} is no number", PARSE)
    return Value(f"CAST({text_literal(text)} AS DOUBLE)", DOUBLE, float(text))


def _binary(context: Context, node: exp.Expr) -> Value:
    digits = str(node.this)
    if context.sql[node.meta["start"]] == "0":
        raise context.unsupported(node, f"the number 0x{digits}")
    if not re.fullmatch(r"([0-9a-fA-F]{2})*", digits):
        raise context.fault(node, f"x'{digits}' is no text of bytes; expected pairs of digits")
    return Value(f"from_hex('{digits}')", BINARY, bytes.fromhex(digits))


def cast_of(context: Context, node: exp.Expr, bind: Callable[[exp.Expr], Value]) -> Value:
    """Bind CAST, a literal such as ``DATE '2026-01-01'``, or a number with a letter."""
    only(context, node, "this", "to", "safe", what="CAST")
    type_ = _type(context, node)
    if TYPE_TEXT not in node.meta and isinstance(type_, DecimalType):
        digits = str(node.this.this).replace(".", "")  # 3.14BD is as wide as it is written
        type_ = DecimalType(max(len(digits), type_.scale, 1), type_.scale)
    value = bind(node.this)
    if cast(value, type_) is None:
        raise context.unsupported(node, f"CAST from {value.type} to {type_}")
    found = once([value], lambda values: cast(values[0], type_) or NULL)
    if TYPE_TEXT not in node.meta and node.this.is_string and not _is_decimal(type_):
        return Value(_checked(context, node, found), type_)
    return found


def _is_decimal(type_: DataType) -> bool:
    return isinstance(type_, DecimalType)


def _checked(context: Context, node: exp.Expr, found: Value) -> str:
    text = str(node.this.this)
    if not _is_time(text, "1," if found.type == DATE else ""):
        raise context.fault(node, f"{text!r} is no literal of type {found.type}")
    return found.sql


def _is_time(text: str, least: str) -> bool:
    two = rf"\d{{{least}2}}"
    clock = rf"[ T]{two}:{two}:{two}(\.\d{{1,9}})?"
    if not re.fullmatch(rf"\d{{4}}-{two}-{two}({clock})?", text):
        return False
    try:
        datetime(*map(int, re.findall(r"\d+", text)[:6]))  # type: ignore[arg-type]  # no zone  # noqa: DTZ001
    except ValueError:
        return False
    return True


def _type(context: Context, node: exp.Expr) -> DataType:
    text = node.meta.get(TYPE_TEXT)
    if text is None:
        target = node.args["to"]
        kind = target.this if isinstance(target, exp.DataType) else None
        if kind not in _PREFIXED:
            raise context.unsupported(node, "CAST to such a type")
        digits = ",".join(str(part.this.this) for part in target.expressions)
        text = _PREFIXED[kind] + (f"({digits})" if digits else "")
    try:
        return parse_type(text)
    except ValueError as error:
        raise context.fault(node, f"Parse exception - {error}", PARSE) from None
