"""Names of functions that MaxCompute documents, so that a name that nobody knows is told apart."""

from __future__ import annotations

__all__ = ["KNOWN_FUNCTIONS"]

_TEXTS = """
ascii char_matchcount chr concat concat_ws decode encode find_in_set format_number from_charset
from_json get_json_object initcap instr is_encoding json_tuple keyvalue keyvalue_tuple length
lengthb locate lower lpad ltrim mask_hash md5 parse_url parse_url_tuple regexp_count regexp_extract
regexp_extract_all regexp_instr regexp_replace regexp_substr repeat replace reverse rpad rtrim
soundex space split split_part substr substring substring_index to_char to_json tolower toupper
translate trim upper url_decode url_encode
"""
_NUMBERS = """
abs acos asin atan atan2 bin bit_count bitand bitor bitxor cbrt ceil conv cos cosh cot degrees e exp
factorial floor hex isnan ln log log10 log2 negative pi positive pow radians rand round shiftleft
shiftright shiftrightunsigned sign sin sinh sqrt tan tanh trunc unhex width_bucket
"""
_TIMES = """
add_months current_date current_timestamp current_timezone date_add date_format date_sub dateadd
datediff datepart datetrunc day dayofmonth dayofweek dayofyear extract from_unixtime
from_utc_timestamp getdate hour isdate last_day lastday minute month months_between next_day now
quarter second to_date to_millis to_timestamp to_utc_timestamp trunc_time unix_timestamp weekday
weekofyear year
"""
_NESTED = """
all_match any_match array array_contains array_distinct array_except array_intersect array_join
array_max array_min array_normalize array_position array_reduce array_remove array_repeat array_sort
array_union arrays_overlap arrays_zip combinations cosine_similarity element_at explode field filter
flatten index inline json_array json_array_length json_contains json_exists json_explode
json_extract json_format json_get json_insert json_keys json_length
json_object json_parse json_pretty json_serialize json_set json_strip_nulls json_type
json_unquote json_valid map
map_concat map_entries map_filter map_from_arrays map_from_entries map_keys map_values map_zip_with
mapexplode multimap_from_entries named_struct ngrams posexplode reverse sequence shuffle size slice
sort_array struct to_json transform transform_keys transform_values zip_with
"""
_GROUPS = """
any_value approx_distinct arg_max arg_min avg bitwise_and_agg bitwise_or_agg bitwise_xor_agg
bool_and bool_or cluster_sample collect_list collect_set corr count count_if covar_pop covar_samp
cume_dist dense_rank first_value histogram hll_count_extract hll_count_init hll_count_merge
hll_count_merge_partial lag last_value lead map_agg map_union map_union_sum max max_by median min
min_by multimap_agg nth_value ntile numeric_histogram percent_rank percentile percentile_approx rank
row_number stddev stddev_samp sum var_pop var_samp variance wm_concat
"""
_OTHERS = """
base64 coalesce compress crc32 decompress failif get_idcard_age get_idcard_birthday get_idcard_sex
get_user_id greatest hash isnotnull isnull least max_pt net_host net_ip_from_string net_ip_net_mask
net_ip_to_string net_ipv4_to_int64 net_public_suffix net_reg_domain net_safe_ip_from_string nullif
nvl ordinal partition_exists sample sha sha1 sha2 stack str_to_map sym_decrypt sym_encrypt
table_exists tcping trans_array trans_cols unbase64 unique_id uuid
"""

KNOWN_FUNCTIONS = frozenset((_TEXTS + _NUMBERS + _TIMES + _NESTED + _GROUPS + _OTHERS).split())
