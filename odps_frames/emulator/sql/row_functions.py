"""Functions that DuckDB has nothing for: values in, a value out, carried out in Python."""

from __future__ import annotations

import codecs
import hashlib
import re
import struct
import zlib
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, localcontext
from functools import cache
from inspect import Parameter, Signature
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus, unquote_plus

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["ROW_FUNCTIONS", "RowFunction"]

_TYPES: Mapping[str, pa.DataType] = {
    "VARCHAR": pa.string(),
    "BLOB": pa.binary(),
    "BIGINT": pa.int64(),
    "BOOLEAN": pa.bool_(),
}
_CHARSETS = ("UTF-8", "UTF-16LE", "UTF-16BE", "ISO-8859-1", "US-ASCII")
_WIDE_CHARSETS = (*_CHARSETS, "GB2312", "GBK", "GB18030")
_MOST_BYTES = 8 * 1024 * 1024
_MOST_DIGITS = 340
_SOUNDS = dict(zip("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "01230120022455012623010202", strict=True))
_GROUPED = re.compile(r"(?P<whole>[#,]*[#0])(\.(?P<fraction>0*#*))?")


@dataclass(frozen=True, slots=True)
class RowFunction:
    """A function of the values of a row; NULL where one of them is NULL."""

    takes: tuple[str, ...]
    """The DuckDB types of its arguments."""
    gives: str
    carry_out: Callable[..., object]

    def of_columns(self) -> Callable[..., pa.Array[Any]]:
        """Return the function of columns, which carries it out once for rows that are equal."""

        def carry_out(*columns: pa.ChunkedArray[Any]) -> pa.Array[Any]:
            once = cache(self.carry_out)
            rows = zip(*(column.to_pylist() for column in columns), strict=True)
            found = [None if None in row else once(*row) for row in rows]
            return pa.array(found, _TYPES[self.gives])

        # DuckDB asks the signature how many columns it takes.
        kind = Parameter.POSITIONAL_ONLY
        parameters = [Parameter(f"a{place}", kind) for place in range(len(self.takes))]
        carry_out.__signature__ = Signature(parameters)  # type: ignore[attr-defined]  # of inspect
        return carry_out


def _charset(name: str, known: tuple[str, ...]) -> str:
    upper = name.upper()
    if upper not in known:
        msg = f"the encoding {name!r} is not supported here; expected {', '.join(known)}"
        raise ValueError(msg)
    return codecs.lookup(upper).name


def _encode(text: str, charset: str) -> bytes:
    return text.encode(_charset(charset, _CHARSETS))


def _decode(data: bytes, charset: str) -> str:
    return data.decode(_charset(charset, _CHARSETS))


def _from_charset(data: bytes, charset: str, mode: str) -> str:
    errors = {"NONE": "strict", "TRANSLIT": "strict", "IGNORE": "ignore"}.get(mode.upper())
    if errors is None:
        msg = f"from_charset has no mode {mode!r}; expected NONE, TRANSLIT or IGNORE"
        raise ValueError(msg)
    if not data:
        msg = "from_charset takes bytes, not an empty value"
        raise ValueError(msg)
    return data.decode(_charset(charset, _WIDE_CHARSETS), errors)


def _is_encoding(text: str, source: str, target: str) -> bool:
    source, target = _charset(source, _WIDE_CHARSETS), _charset(target, _WIDE_CHARSETS)
    try:
        text.encode().decode(source).encode(target)
    except UnicodeError:
        return False
    return True


def _url_charset(name: str) -> str:
    return _charset(name, ("UTF-8", "GBK"))


def _url_encode(text: str, charset: str) -> str:
    quoted = quote_plus(text, safe="*-._", encoding=_url_charset(charset), errors="strict")
    return quoted.replace("~", "%7E")


def _url_decode(text: str, charset: str) -> str:
    if re.search(r"%(?![0-9A-Fa-f]{2})", text):
        msg = f"url_decode takes two digits behind every %, not {text!r}"
        raise ValueError(msg)
    return unquote_plus(text, encoding=_url_charset(charset), errors="strict")


def _sha2(data: bytes, bits: int) -> str | None:
    names = {0: "sha256", 224: "sha224", 256: "sha256", 384: "sha384", 512: "sha512"}
    return hashlib.new(names[bits], data).hexdigest() if bits in names else None


def _compress(data: bytes) -> bytes:
    """Compress as GZIP, with the header that MaxCompute shows: no time, no name, Unix."""
    body = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    head = b"\x1f\x8b\x08\0\0\0\0\0\0\x03"
    tail = struct.pack("<II", zlib.crc32(data), len(data) & 0xFFFFFFFF)
    return head + body.compress(data) + body.flush() + tail


def _decompress(data: bytes) -> bytes:
    body = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    try:
        found = body.decompress(data, _MOST_BYTES)
    except zlib.error:
        found = b""
    if not body.eof or body.unused_data:
        msg = f"decompress takes a whole value that compress made, of {_MOST_BYTES} bytes at most"
        raise ValueError(msg)
    return found


def _soundex(text: str) -> str:
    letters = [letter for letter in text.upper() if letter.isalpha()]
    if strange := [letter for letter in letters if letter not in _SOUNDS]:
        msg = f"soundex takes English letters, not {strange[0]!r}"
        raise ValueError(msg)
    if not letters:
        return ""
    code, last = letters[0], _SOUNDS[letters[0]]
    for letter in letters[1:]:
        if letter in "HW":  # they do not part letters that sound alike
            continue
        sound = _SOUNDS[letter]
        if sound not in ("0", last):
            code += sound
        last = sound
    return code[:4].ljust(4, "0")


def _format_number(number: str, form: str) -> str:
    value = Decimal(number)
    if not value.is_finite():
        msg = f"format_number of {number} is not supported here"
        raise ValueError(msg)
    if re.fullmatch(r"-?\d+", form):
        least = most = int(form)
        if not 0 <= most <= _MOST_DIGITS:
            msg = f"format_number takes 0 to {_MOST_DIGITS} digits, not {form}"
            raise ValueError(msg)
        return _fixed(value, most, ",")
    found = _GROUPED.fullmatch(form)
    if found is None or not re.fullmatch(r"#*(,###)*|#*(,###)*,##0|#*0", found["whole"]):
        msg = f"the format {form!r} is not supported here; expected one such as '#,###.##'"
        raise ValueError(msg)
    fraction = found["fraction"] or ""
    if "0" in fraction and not found["whole"].endswith("0"):
        msg = f"the format {form!r} is not supported here; write 0 before the point, too"
        raise ValueError(msg)
    least, most = fraction.count("0"), len(fraction)
    text = _fixed(value, most, "," if "," in found["whole"] else "")
    for _ in range(most - least):
        text = text.removesuffix("0")
    return text.removesuffix(".")


def _fixed(value: Decimal, digits: int, grouping: str) -> str:
    with localcontext(prec=800):
        rounded = value.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)
        return format(rounded, f"{grouping}.{digits}f")


def _conv(text: str, source: int, target: int) -> str | None:
    """Write a number in another base; NULL for what is none, or takes more than 64 bits."""
    digits = "0123456789abcdef"[:source]
    if not re.fullmatch(f"0*[{digits}]{{1,64}}", text, re.IGNORECASE):
        return None
    number = int(text, source)
    if number >= 1 << 64:
        return None
    if number >= 1 << 63:
        msg = f"conv of {text!r}, which takes the 64th bit, is not supported here"
        raise ValueError(msg)
    return format(number, {2: "b", 8: "o", 10: "d", 16: "X"}[target])


ROW_FUNCTIONS: Mapping[str, RowFunction] = {
    "mc_py_conv": RowFunction(("VARCHAR", "BIGINT", "BIGINT"), "VARCHAR", _conv),
    "mc_py_format_number": RowFunction(("VARCHAR", "VARCHAR"), "VARCHAR", _format_number),
    "mc_py_soundex": RowFunction(("VARCHAR",), "VARCHAR", _soundex),
    "mc_py_url_encode": RowFunction(("VARCHAR", "VARCHAR"), "VARCHAR", _url_encode),
    "mc_py_url_decode": RowFunction(("VARCHAR", "VARCHAR"), "VARCHAR", _url_decode),
    "mc_py_encode": RowFunction(("VARCHAR", "VARCHAR"), "BLOB", _encode),
    "mc_py_decode": RowFunction(("BLOB", "VARCHAR"), "VARCHAR", _decode),
    "mc_py_from_charset": RowFunction(("BLOB", "VARCHAR", "VARCHAR"), "VARCHAR", _from_charset),
    "mc_py_is_encoding": RowFunction(("VARCHAR", "VARCHAR", "VARCHAR"), "BOOLEAN", _is_encoding),
    "mc_py_sha2": RowFunction(("BLOB", "BIGINT"), "VARCHAR", _sha2),
    "mc_py_crc32": RowFunction(("BLOB",), "BIGINT", zlib.crc32),
    "mc_py_compress": RowFunction(("BLOB",), "BLOB", _compress),
    "mc_py_decompress": RowFunction(("BLOB",), "BLOB", _decompress),
}
"""By the names under which DuckDB knows them."""
