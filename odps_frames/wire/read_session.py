"""Read sessions and read streams: create, get, read a split, preview (protocol.md §6, §7)."""
from __future__ import annotations
# Signatures (E = Envelope). Requests:
# encode_create(spec: ReadSpec, envelope: Envelope = Envelope()) -> Request            decode_create(request) -> ReadSpec
#     for InstanceRef targets uses action InstanceCreateReadSession with the full table body (v2 form)
# encode_get(table: TableRef|InstanceRef, session_id: str, *, refresh: bool = False, envelope=Envelope()) -> Request   decode_get(request) -> GetReadSession(table, session_id, refresh)  (frozen dataclass here)
# encode_read(table, split: Split, options: BatchOptions = BatchOptions(), envelope=Envelope()) -> Request   decode_read(request) -> ReadCall(table, split, options)
# encode_preview(table, *, limit: int|None = None, partition: str|None = None, columns: tuple[str,...]|None = None, envelope=Envelope()) -> Request   decode_preview(request) -> PreviewCall(table, limit, partition, columns)
# Answers:
# encode_info(info: ReadSessionInfo, *, request_id: str = "", route_token: str|None = None) -> Response     decode_info(response) -> Reply[ReadSessionInfo]
