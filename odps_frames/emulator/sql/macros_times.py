"""Words of dates and times, as DuckDB macros."""

from __future__ import annotations

__all__ = ["TIME_MACROS"]

_CLOCK = r"([01]?[0-9]|2[0-3]):[0-9]{1,2}:[0-9]{1,2}"
_FRACTION = r"[.][0-9]{1,9}"
_LATE = rf"\s*[0-9]{{1,4}}-[0-9]{{1,2}}-[0-9]{{1,2}}([ T]{_CLOCK}({_FRACTION})?)?\s*"

# Functions that came with the second type system read years of fewer digits: '17-2-14' is 0017.
TIME_MACROS = rf"""
mc_lax(s) AS CASE WHEN regexp_full_match(s, '{_LATE}')
  THEN TRY_CAST(lpad(regexp_extract(s, '[0-9]+'), 4, '0') || regexp_extract(s, '-[0-9]+-[0-9]+') ||
  ' ' || coalesce(nullif(regexp_extract(s, '{_CLOCK}'), ''), '00:00:00') ||
  regexp_extract(s, '{_FRACTION}') AS TIMESTAMP) END
mc_clock(s) AS CASE WHEN regexp_full_match(s, '\s*{_CLOCK}({_FRACTION})?\s*')
  THEN TRY_CAST('1970-01-01 ' || trim(s) AS TIMESTAMP) ELSE mc_lax(s) END
mc_millis(ns) AS CAST(mc_div(ns, 1000000) AS BIGINT)
mc_last_day(ts) AS CAST(date_trunc('month', ts) + INTERVAL 1 month - INTERVAL 1 day AS TIMESTAMP)
mc_next_day(ts, n) AS strftime(CAST(date_trunc('day', ts) AS TIMESTAMP)
  + (1 + ((n - isodow(ts) + 6) % 7)) * INTERVAL 1 day, '%Y-%m-%d')
mc_day_seconds(ts) AS hour(ts) * 3600 + minute(ts) * 60 + second(ts)
mc_is_last(ts) AS CAST(ts AS DATE) = CAST(mc_last_day(ts) AS DATE)
mc_whole_months(a, b) AS CAST((year(a) - year(b)) * 12 + month(a) - month(b) AS DOUBLE)
mc_months(a, b) AS CASE WHEN day(a) = day(b) OR (mc_is_last(a) AND mc_is_last(b))
  THEN mc_whole_months(a, b)
  ELSE mc_whole_months(a, b) + CAST((day(a) - day(b)) * 86400
  + mc_day_seconds(a) - mc_day_seconds(b) AS DOUBLE) / 2678400 END
"""
