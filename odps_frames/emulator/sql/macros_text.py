"""Words of functions of texts, patterns and numbers, as DuckDB macros."""

from __future__ import annotations

__all__ = ["NUMBER_MACROS", "PATTERN_MACROS", "TEXT_MACROS"]

_CAPITALS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_SMALL = _CAPITALS.lower()
_MOST_BYTES = 2 * 1024 * 1024
"""So long a repeated text may be."""
_URL = r"^(?:([^:/?#]+):)?(?://([^/?#]*))?([^?#]*)(?:\?([^#]*))?(?:#((?s:.*)))?$"

# Letters other than English ones are left as they are.
TEXT_MACROS = rf"""
mc_lower(s) AS CASE WHEN length(s) = strlen(s) THEN lower(s)
  ELSE translate(s, '{_CAPITALS}', '{_SMALL}') END
mc_upper(s) AS CASE WHEN length(s) = strlen(s) THEN upper(s)
  ELSE translate(s, '{_SMALL}', '{_CAPITALS}') END
mc_titled(s) AS array_to_string(list_transform(string_split(s, ' '),
  lambda w: mc_upper(left(w, 1)) || mc_lower(substr(w, 2))), ' ')
mc_joined(a, d) AS list_reduce(a, lambda x, y: x || d || y)
mc_ascii(s) AS CASE WHEN ascii(s) > 127
  THEN error('ascii of a text that begins with no ASCII sign is not supported here')
  ELSE CAST(ascii(s) AS BIGINT) END
mc_chr(n) AS CASE WHEN n NOT BETWEEN 0 AND 127
  THEN error('chr takes 0 to 127, not ' || CAST(n AS VARCHAR)) ELSE chr(CAST(n AS INTEGER)) END
mc_places(s, x, i) AS list_filter(generate_series(1, CAST(length(s) AS BIGINT)),
  lambda p: p >= i AND substr(s, p, length(x)) = x)
mc_instr(s, x, i, n) AS CASE WHEN s IS NULL OR x IS NULL OR i IS NULL OR n IS NULL THEN NULL
  WHEN i = 0 THEN error('instr counts places from 1; 0 is no place')
  WHEN i < 0 THEN error('instr from a place counted from the end is not supported here')
  WHEN n <= 0 THEN error('instr counts occurrences by a positive number')
  ELSE coalesce(mc_places(s, x, i)[n], CAST(0 AS BIGINT)) END
mc_locate(x, s, i) AS CASE WHEN s IS NULL OR x IS NULL THEN NULL WHEN i IS NULL THEN 0
  WHEN i <= 0 THEN error('locate counts places from 1')
  ELSE coalesce(mc_places(s, x, i)[1], CAST(0 AS BIGINT)) END
mc_padded(side, s, n, p) AS CASE WHEN n < 0 THEN error('a text is padded to a length from 0 on')
  WHEN n > {_MOST_BYTES} THEN error('a text is padded to {_MOST_BYTES} signs at most')
  WHEN length(s) < n AND p = '' THEN error('a text cannot be padded with an empty one')
  WHEN side = 'left' THEN lpad(s, CAST(n AS INTEGER), p) ELSE rpad(s, CAST(n AS INTEGER), p) END
mc_repeated(s, n) AS CASE WHEN CAST(strlen(s) AS HUGEINT) * n > {_MOST_BYTES}
  THEN error('a repeated text has {_MOST_BYTES} bytes at most') ELSE repeat(s, n) END
mc_before(s, d, n) AS CASE WHEN d = '' OR n <= 0 THEN left(s, 0)
  ELSE mc_joined(list_slice(string_split(s, d), 1, n), d) END
mc_substring_index(s, d, n) AS CASE WHEN s IS NULL OR d IS NULL OR n IS NULL THEN NULL
  WHEN n < 0 THEN reverse(mc_before(reverse(s), reverse(d), -n)) ELSE mc_before(s, d, n) END
mc_find_in_set(x, s, d) AS CASE WHEN x IS NULL OR s IS NULL OR d IS NULL THEN NULL
  WHEN contains(x, d) THEN 0
  ELSE coalesce(CAST(list_position(string_split(s, d), x) AS BIGINT), 0) END
mc_keyvalue(s, a, b, k) AS CASE WHEN a IS NOT NULL THEN
  substr(list_filter(string_split(s, a), lambda p: starts_with(p, k || b))[1], length(k || b) + 1)
  END
mc_matchcount(x, s) AS CASE WHEN x IS NULL OR s IS NULL THEN NULL WHEN x = '' THEN 0
  ELSE CAST(len(list_filter(string_split(x, ''), lambda c: contains(s, c))) AS BIGINT) END
mc_url(s, part) AS CASE WHEN regexp_extract(s, '{_URL}', 1) = ''
  THEN error('parse_url takes a URL with a protocol') ELSE
  nullif(regexp_extract(s, '{_URL}', part), '') END
mc_url_path(s) AS CASE WHEN mc_url(s, 1) IS NOT NULL THEN regexp_extract(s, '{_URL}', 3) END
mc_url_host(s) AS nullif(regexp_extract(mc_url(s, 2), '^(?:.*@)?(\[.*\]|[^:]*)', 1), '')
mc_url_user(s) AS nullif(regexp_extract(mc_url(s, 2), '^(.*)@', 1), '')
mc_url_key(q, k) AS substr(
  list_filter(string_split(q, '&'), lambda p: starts_with(p, k || '='))[1], length(k) + 2)
"""

# Matches are told by their place among the texts between them; a pattern that matches the empty
# text somewhere does not part the text, and has no such places.
PATTERN_MACROS = r"""
mc_matches(s, p) AS CASE WHEN list_contains(regexp_extract_all(s, p), '')
  THEN error('a pattern that matches the empty text is not supported where matches are counted')
  ELSE regexp_extract_all(s, p) END
mc_between(s, p) AS CASE WHEN list_contains(regexp_extract_all(s, p), '')
  THEN error('a pattern that matches the empty text is not supported where a text is split')
  ELSE string_split_regex(s, p) END
mc_head(s, p, n) AS array_to_string(list_transform(
  list_zip(mc_between(s, p)[1:n - 1], mc_matches(s, p)[1:n - 1]), lambda z: z[1] || z[2]), '')
  || mc_between(s, p)[n]
mc_regexp_instr(s, p, i, n, e) AS CASE WHEN s IS NULL OR p IS NULL OR i IS NULL OR n IS NULL
  OR e IS NULL THEN NULL WHEN coalesce(len(mc_matches(substr(s, i), p)), 0) < n THEN 0
  ELSE i + length(mc_head(substr(s, i), p, n))
  + CASE WHEN e = 1 THEN length(mc_matches(substr(s, i), p)[n]) ELSE 0 END END
mc_regexp_tail(s, p, n) AS substr(s, length(mc_head(s, p, n)) + length(mc_matches(s, p)[n]) + 1)
"""

NUMBER_MACROS = r"""
mc_wrapped(n, bits) AS mc_mod(n + (CAST(1 AS HUGEINT) << (bits - 1)), CAST(1 AS HUGEINT) << bits)
  - (CAST(1 AS HUGEINT) << (bits - 1))
mc_shift(n, bits) AS CASE WHEN n NOT BETWEEN 0 AND bits - 1
  THEN error('a shift by ' || CAST(n AS VARCHAR) || ' bits is not supported here; it is by 0 to '
  || CAST(bits - 1 AS VARCHAR)) ELSE CAST(1 AS HUGEINT) << CAST(n AS HUGEINT) END
mc_shiftleft(x, n, bits) AS mc_wrapped(CAST(x AS HUGEINT) * mc_shift(n, bits), bits)
mc_shiftright(x, n, bits) AS mc_div(CAST(x AS HUGEINT), mc_shift(n, bits))
mc_shiftunsigned(x, n, bits) AS mc_wrapped(
  mc_mod(CAST(x AS HUGEINT), CAST(1 AS HUGEINT) << bits) // mc_shift(n, bits), bits)
mc_factorial(n) AS CASE WHEN n BETWEEN 0 AND 20
  THEN CAST(factorial(TRY_CAST(n AS INTEGER)) AS BIGINT) END
mc_unhex(s) AS CASE WHEN strlen(s) % 2 = 1
  THEN error('unhex takes pairs of digits, not ' || s) ELSE unhex(s) END
mc_bucket(x, a, b, n) AS CASE WHEN x IS NULL OR a IS NULL OR b IS NULL OR n IS NULL THEN NULL
  WHEN n <= 0 THEN error('width_bucket takes one bucket or more')
  WHEN b <= a THEN error('width_bucket takes a greatest value above the least')
  WHEN x < a THEN 0 WHEN x > b THEN n + 1
  ELSE CAST(floor(n * (x - a) / (b - a) + 1) AS BIGINT) END
mc_whole_round(x, d) AS CASE WHEN isnan(x) OR isinf(x) THEN x
  WHEN NOT abs(x) < 1e37 THEN error('round of such a number is not supported here')
  ELSE CAST(round(CAST(CAST(trunc(x) AS VARCHAR) AS DECIMAL(38, 0)), d) AS DOUBLE) END
mc_whole_trunc(x, d) AS CASE WHEN isnan(x) OR isinf(x) THEN x
  WHEN NOT abs(x) < 1e37 THEN error('trunc of such a number is not supported here')
  ELSE CAST(trunc(CAST(CAST(trunc(x) AS VARCHAR) AS DECIMAL(38, 0)), d) AS DOUBLE) END
"""
