"""Words that the queries for DuckDB are written in: MaxCompute's meaning, as DuckDB macros."""

from __future__ import annotations

import re
from functools import lru_cache

from odps_frames.emulator.sql.macros_nested import NESTED_MACROS
from odps_frames.emulator.sql.macros_text import NUMBER_MACROS, PATTERN_MACROS, TEXT_MACROS
from odps_frames.emulator.sql.macros_times import TIME_MACROS
from odps_frames.emulator.sql.values import text_literal

__all__ = ["macros"]

_WORD = re.compile(r"\bmc_\w+")
_NUMBER = r"[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?"
_WHOLE = r"[+-]?[0-9]+"
_DAY = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_CLOCK = r"([01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2}"
_ANY_DAY = r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}"
_ANY_CLOCK = r"([01]?[0-9]|2[0-3]):[0-9]{1,2}:[0-9]{1,2}"
_FRACTION = r"([.][0-9]{1,9})?"

_HALF = f"{10**19}::HUGEINT"

_PLAIN = rf"""
mc_mod(x, n) AS ((x % n) + n) % n
mc_div(x, n) AS (x - mc_mod(x, n)) // n
mc_whole(s) AS CASE WHEN regexp_full_match(trim(s), '{_WHOLE}') THEN TRY_CAST(trim(s) AS BIGINT)
  WHEN regexp_full_match(trim(s), '{_NUMBER}')
  THEN TRY_CAST(trunc(TRY_CAST(trim(s) AS DOUBLE)) AS BIGINT) END
mc_real(s) AS CASE WHEN regexp_full_match(trim(s), '{_NUMBER}') THEN TRY_CAST(trim(s) AS DOUBLE) END
mc_exact(s) AS CASE WHEN regexp_full_match(trim(s), '{_NUMBER}') THEN trim(s) END
mc_day(s) AS CASE WHEN regexp_full_match(s, '\s*{_ANY_DAY}([ T]{_ANY_CLOCK}{_FRACTION})?\s*')
  THEN TRY_CAST(regexp_extract(s, '{_ANY_DAY}') AS DATE) END
mc_second(s) AS CASE WHEN regexp_full_match(s, '\s*{_DAY}([ T]{_CLOCK}{_FRACTION})?\s*')
  THEN TRY_CAST(regexp_extract(s, '{_DAY}') || ' ' ||
  coalesce(nullif(regexp_extract(s, '{_CLOCK}'), ''), '00:00:00') AS TIMESTAMP) END
mc_nanos(s) AS CAST(rpad(regexp_extract(s, '[.]([0-9]{{1,9}})', 1), 9, '0') AS INTEGER)
mc_fraction(n) AS CASE WHEN n = 0 THEN '' ELSE
  '.' || rtrim(lpad(CAST(n AS VARCHAR), 9, '0'), '0') END
mc_float_text(x) AS CASE WHEN x = 0 OR (abs(x) >= 0.001 AND abs(x) < 10000000)
  THEN CAST(x AS VARCHAR) ELSE CASE WHEN x IS NOT NULL
  THEN error('the text of so large or small a floating number is not supported here') END END
mc_plain(s) AS CASE WHEN contains(s, '.') THEN rtrim(rtrim(s, '0'), '.') ELSE s END
mc_substr(s, i) AS CASE WHEN i < -length(s) OR i = 0 THEN left(s, 0) ELSE substr(s, i) END
mc_substr3(s, i, n) AS CASE WHEN n <= 0 OR i < -length(s) OR i = 0
  THEN left(substr(s, i, n), 0) ELSE substr(s, i, n) END
mc_half_up(x, d) AS CASE WHEN NOT abs(x) < 1e16 THEN x ELSE
  CAST(round(CAST(CAST(x AS VARCHAR) AS DECIMAL(38, 22)), d) AS DOUBLE) END
mc_cut(x, d) AS CASE WHEN NOT abs(x) < 1e16 THEN x ELSE
  CAST(trunc(CAST(CAST(x AS VARCHAR) AS DECIMAL(38, 22)), d) AS DOUBLE) END
mc_trimmed(a) AS CASE WHEN len(a) = 1 THEN a ELSE list_slice(a, 1, coalesce(list_max(
  list_filter(generate_series(1, CAST(len(a) AS BIGINT)), lambda p: a[p] <> '')), 0)) END
mc_civil(ts) AS epoch_us(ts)::HUGEINT * 1000
mc_unscaled(x) AS CAST(replace(CAST(x AS VARCHAR), '.', '') AS HUGEINT)
mc_product(a, b, high, middle, low) AS list_transform([struct_pack(s := sign(a) * sign(b),
  ah := abs(a) // {_HALF}, al := abs(a) % {_HALF},
  bh := abs(b) // {_HALF}, bl := abs(b) % {_HALF})],
  lambda v: v.s * (v.ah * v.bh * high + (v.ah * v.bl + v.al * v.bh) * middle
  + (v.al * v.bl) // low))[1]
mc_long(a, b, steps) AS list_reduce(list_transform(steps, lambda e: struct_pack(q := e,
  r := 0::HUGEINT)), lambda s, e: struct_pack(q := s.q * e.q + (s.r * e.q) // b,
  r := (s.r * e.q) % b), struct_pack(q := a // b, r := a % b))
mc_quotient(a, b, steps, up) AS list_transform([struct_pack(a := abs(a), b := abs(b),
  g := gcd(a, b), s := sign(a) * sign(b))], lambda v: CASE WHEN v.b <> 0 THEN v.s * list_transform(
  [mc_long(v.a // v.g, v.b // v.g, steps)], lambda w: w.q + CASE WHEN up
  AND w.r >= v.b // v.g - w.r THEN 1 ELSE 0 END)[1] END)[1]
mc_entries(m) AS list_transform(map_entries(m), lambda e: struct_pack(k := e.key, v := e.value))
mc_some(l) AS CASE WHEN len(l) > 0 THEN l ELSE [NULL] END
mc_firsts(l) AS list_transform([struct_pack(l := l, ks := list_transform(l, lambda x: x.k))],
  lambda v: list_filter(v.l, lambda e, i: list_position(v.ks, e.k) = i))[1]
mc_first_entries(l) AS map_from_entries(mc_firsts(l))
mc_all_entries(l) AS map_from_entries(list_transform(mc_firsts(l), lambda x: struct_pack(k := x.k,
  v := list_transform(list_filter(l, lambda e: e.k = x.k), lambda e: e.v))))
mc_wall(n) AS make_timestamp(CAST(mc_div(n, 1000) AS BIGINT))
"""
_FIXED = (_PLAIN, TIME_MACROS, NESTED_MACROS, TEXT_MACROS, PATTERN_MACROS, NUMBER_MACROS)
_UTC = """
mc_local(ms) AS make_timestamp(ms * 1000)
mc_instant(ts) AS epoch_ms(ts)
"""
_ZONED = """
mc_local(ms) AS timezone({zone}, make_timestamptz(ms * 1000))
mc_instant(ts) AS epoch_ms(timezone({zone}, ts))
"""


def macros(zone: str, sql: str) -> list[str]:
    """Return the statements that define the words of a query, in a time zone.

    Each word costs DuckDB a fraction of a millisecond, so those that are not said are left out.
    """
    defined = _defined(zone)
    needed: set[str] = set()
    texts = [sql]
    while texts:
        said = set(_WORD.findall(texts.pop())) & defined.keys() - needed
        needed |= said
        texts += (defined[word] for word in said)
    return [f"CREATE MACRO {text}" for word, text in defined.items() if word in needed]


@lru_cache(maxsize=32)
def _defined(zone: str) -> dict[str, str]:
    zoned = _UTC if zone == "UTC" else _ZONED.format(zone=text_literal(zone))
    lines: list[str] = []
    for line in "".join((*_FIXED, zoned)).splitlines():
        if line.startswith(" "):
            lines[-1] += line
        elif line:
            lines.append(line)
    return {line.partition("(")[0]: line for line in lines}
