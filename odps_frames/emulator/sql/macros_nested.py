"""Words of arrays, maps and JSON, as DuckDB macros."""

from __future__ import annotations

__all__ = ["NESTED_MACROS"]

# In MaxCompute NULL is an element as others are: it is found, and counts once.
NESTED_MACROS = r"""
mc_found(a, x) AS coalesce(list_position(a, x), 0) > 0
mc_distinct(a) AS list_filter(a, lambda p, i: list_position(a, p) = i)
mc_except(a, b) AS CASE WHEN b IS NOT NULL
  THEN mc_distinct(list_filter(a, lambda p: NOT mc_found(b, p))) END
mc_intersect(a, b) AS CASE WHEN b IS NOT NULL
  THEN mc_distinct(list_filter(a, lambda p: mc_found(b, p))) END
mc_union(a, b) AS CASE WHEN a IS NOT NULL AND b IS NOT NULL THEN mc_distinct(list_concat(a, b)) END
mc_has_null(a) AS len(list_filter(a, lambda p: p IS NULL)) > 0
mc_overlap(a, b) AS CASE WHEN a IS NULL OR b IS NULL THEN NULL
  WHEN len(list_filter(a, lambda p: p IS NOT NULL AND mc_found(b, p))) > 0 THEN true
  WHEN len(a) > 0 AND len(b) > 0 AND (mc_has_null(a) OR mc_has_null(b)) THEN NULL ELSE false END
mc_position(a, x) AS CASE WHEN a IS NOT NULL AND x IS NOT NULL
  THEN CAST(coalesce(list_position(a, x), 0) AS BIGINT) END
mc_remove(a, x) AS CASE WHEN x IS NOT NULL
  THEN list_filter(a, lambda p: p IS DISTINCT FROM x) END
mc_repeat(x, n) AS list_transform(generate_series(1, n), lambda p: x)
mc_slice(a, s, n) AS CASE WHEN s = 0 THEN error('slice counts from 1; 0 is no place')
  WHEN n < 0 THEN error('slice of a negative length')
  WHEN s > 0 THEN list_slice(a, s, s + n - 1)
  WHEN -s > len(a) THEN list_slice(a, 1, 0)
  ELSE list_slice(a, len(a) + s + 1, len(a) + s + n) END
mc_ngrams(a, n) AS CASE WHEN a IS NULL OR n IS NULL THEN NULL
  WHEN n <= 0 THEN error('ngrams of no elements') WHEN n >= len(a) THEN [a]
  ELSE list_transform(generate_series(1, CAST(len(a) AS BIGINT) - n + 1),
  lambda p: list_slice(a, p, p + n - 1)) END
mc_sequence(a, b, s) AS CASE WHEN s = 0 OR (a > b AND s > 0) OR (a < b AND s < 0)
  THEN error('sequence never gets from its start to its end')
  WHEN (b::HUGEINT - a) // s >= 10000 THEN error('sequence of more than 10000 elements')
  ELSE generate_series(a, b, s) END
mc_last(es) AS list_filter(es, lambda e, i:
  len(list_filter(list_slice(es, i + 1, len(es)), lambda f: f.key = e.key)) = 0)
mc_map(es) AS map_from_entries(mc_last(es))
mc_length(j) AS CASE json_type(j) WHEN 'ARRAY' THEN json_array_length(j)
  WHEN 'OBJECT' THEN len(json_keys(j)) ELSE CASE WHEN j IS NOT NULL THEN 1 END END
mc_kind(j) AS CASE json_type(j) WHEN 'NULL' THEN 'null' WHEN 'VARCHAR' THEN 'string'
  WHEN 'BOOLEAN' THEN 'boolean' WHEN 'OBJECT' THEN 'object' WHEN 'ARRAY' THEN 'array'
  ELSE CASE WHEN j IS NOT NULL THEN 'number' END END
mc_scalar(j) AS CASE mc_kind(j) WHEN 'null' THEN NULL WHEN 'string' THEN j ->> '$'
  WHEN 'object' THEN error('a JSON object is no string') WHEN 'array'
  THEN error('a JSON array is no string') ELSE mc_py_json(j) END
mc_number(j) AS CASE mc_kind(j) WHEN 'number' THEN j ->> '$' WHEN 'null' THEN NULL ELSE
  CASE WHEN j IS NOT NULL THEN error('a JSON value that is no number becomes none') END END
mc_truth(j) AS CASE mc_kind(j) WHEN 'boolean' THEN j ->> '$' WHEN 'null' THEN NULL ELSE
  CASE WHEN j IS NOT NULL THEN error('a JSON value that is no boolean becomes none') END END
"""
