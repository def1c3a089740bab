"""Projects, tables and partitions as the REST API lists and describes them (protocol.md §1, §17.1-17.4, 17.8)."""
from __future__ import annotations
# Values (frozen dataclasses, kw_only):
#   TableInfo(ref: TableRef, schema: TableSchema, table_id="", comment="", owner="", created_at: datetime|None, modified_at, ddl_at, lifecycle: int|None, n_bytes: int|None, n_rows: int|None, is_view=False, properties: Mapping[str,str], primary_key: tuple[str,...] , buckets..., schema_version: str|None)
#   PartitionInfo(partition: Partition, created_at, modified_at, ddl_at, n_bytes, n_rows)
#   ProjectInfo(name, owner, created_at, modified_at, comment, properties, region, state)
#   Page[T](items: tuple[T,...], marker: str|None)
# Requests: encode_list_tables(project, *, prefix=None, schema=None, marker=None), encode_get_table(ref, *, extended=False), encode_list_partitions(ref, *, prefix: Partition|None=None, marker=None), encode_get_partition(ref, partition, *, extended=False), encode_get_project(name), encode_discover(project, *, quota=None), encode_list_schemas(project, *, marker=None), encode_tenants(), encode_logview_host()
#   all Request(site=Site.REST, method="GET", operation=<word such as "ListTables">); the schema goes as curr_schema
# Answers, both directions: encode_tables/decode_tables (Page[tuple name/owner/type → small TableEntry(name, owner, type, schema)]), encode_table/decode_table(response, ref) -> Reply[TableInfo], encode_partitions/decode_partitions(response) -> Reply[Page[PartitionInfo]], encode_partition/decode_partition, encode_project/decode_project, encode_endpoint/decode_endpoint (plain text host:port; decode refuses blanks, userinfo, path, control characters)
# XML parsing in wire/xml.py: parse(bytes) -> Element, refusing DTDs and entities, depth > 64, size > 16 MiB; element(...) helpers to write.
