"""Schema documents: types as text on reads, coded types on writes (protocol.md §6.2, §13.3)."""
from __future__ import annotations
# encode_data_schema(schema: TableSchema) -> dict   decode_data_schema(doc) -> TableSchema      DataColumns/PartitionColumns of {Name, Type, Comment, Nullable, ColumnId}
# encode_write_schema(schema: WriteSchema) -> dict  decode_write_schema(doc) -> WriteSchema     (§13.3)
# write_schema_of(schema: TableSchema, *, primary_key: tuple[str,...] = ()) -> WriteSchema      (numbers columns depth-first from 1; children named element / key,value / field; __operation tinyint id -1 when primary_key)
