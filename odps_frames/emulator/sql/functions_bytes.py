"""Functions of digests, encodings and compression."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odps_frames.emulator.sql.calls import simple
from odps_frames.emulator.sql.casts import implicit
from odps_frames.emulator.sql.values import BIGINT, BINARY, STRING, Value, family

if TYPE_CHECKING:
    from collections.abc import Mapping

    from odps_frames.emulator.sql.calls import Call, Function
    from odps_frames.model.types import DataType

__all__ = ["BYTES_FUNCTIONS", "decode_bytes"]


def _of_bytes(form: str, result: DataType) -> Function:
    """Make a function of one text or of bytes."""

    def carry_out(call: Call) -> Value:
        call.count(1)
        return Value(form.format(_bytes(call)), result)

    return carry_out


def _bytes(call: Call) -> str:
    """Return the bytes of a text, or those that are given."""
    value = call.args[0]
    text = implicit(value, STRING) if family(value.type) != "binary" else None
    return call.to(0, BINARY).sql if text is None else f"encode({text.sql})"


def _sha2(call: Call) -> Value:
    call.count(2)
    if call.args[1].constant in (0, 256):
        return Value(f"sha256({_bytes(call)})", STRING)
    return Value(f"mc_py_sha2({_bytes(call)}, {call.sql(1, 'bigint')})", STRING)


def _mask_hash(call: Call) -> Value:
    call.count(1)
    if family(call.args[0].type) not in ("text", "binary", "null"):
        return Value("CAST(NULL AS VARCHAR)", STRING)
    return Value(f"sha256({_bytes(call)})", STRING)


def _hex(call: Call) -> Value:
    call.count(1)
    value = call.args[0]
    match family(value.type):
        case "integer":
            return Value(f"hex(CAST({value.sql} AS BIGINT))", STRING)
        case "binary":
            return Value(f"hex({value.sql})", STRING)
        case _:
            return Value(f"hex({call.sql(0, 'string')})", STRING)


def decode_bytes(call: Call) -> Value:
    """Make text of bytes: the one of the two functions of that name that takes two arguments."""
    return Value(f"mc_py_decode({call.sql(0, 'binary')}, {call.sql(1, 'string')})", STRING)


def _from_charset(call: Call) -> Value:
    call.count(2, 3)
    items = [call.sql(0, "binary"), call.sql(1, "string")]
    items.append(call.sql(2, "string") if len(call.args) > 2 else "'NONE'")  # noqa: PLR2004
    return Value(f"mc_py_from_charset({', '.join(items)})", STRING)


BYTES_FUNCTIONS: Mapping[str, Function] = {
    "md5": simple(("string", "string", "md5({0})")),
    "sha": _of_bytes("sha1({0})", STRING),
    "sha1": _of_bytes("sha1({0})", STRING),
    "sha2": _sha2,
    "mask_hash": _mask_hash,
    "crc32": _of_bytes("mc_py_crc32({0})", BIGINT),
    "base64": simple(("binary", "string", "to_base64({0})")),
    "unbase64": simple(("string", "binary", "from_base64({0})")),
    "hex": _hex,
    "unhex": simple(("string", "binary", "mc_unhex({0})")),
    "encode": simple(("string string", "binary", "mc_py_encode({0}, {1})")),
    "from_charset": _from_charset,
    "is_encoding": simple(("string string string", "boolean", "mc_py_is_encoding({0}, {1}, {2})")),
    "compress": _of_bytes("mc_py_compress({0})", BINARY),
    "decompress": simple(("binary", "binary", "mc_py_decompress({0})")),
}
