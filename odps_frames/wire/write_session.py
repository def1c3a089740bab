"""Write sessions and write streams (protocol.md §8)."""
from __future__ import annotations
# encode_create(spec: WriteSpec, envelope) -> Request                     decode_create(request) -> WriteSpec
# encode_get(table, session_id, mode=WriteMode.BATCH, envelope) -> Request          decode_session_call(request) -> SessionCall(table, session_id)   [get, abort, get_schema]
# encode_open(table, stream: StreamId, *, exactly_once=False, mode=WriteMode.BATCH, envelope) -> Request    decode_open(request) -> StreamCall(table, stream, exactly_once)
# encode_get_stream(table, stream, *, exactly_once=False, table_id=None, mode, envelope) -> Request (POST form of ms)   decode_get_stream(request) -> StreamCall   [GET and POST]
# encode_write(table, stream, body: Body, *, n_rows: int, content_length=None, row_offset=None, access_token=None, table_id=None, schema_version=None, mode, envelope) -> Request   decode_write(request) -> WriteCall(table, stream, n_rows, row_offset, access_token, table_id, schema_version)
#      repeat=Repeat.UNSENT unless row_offset is given
# encode_close(table, stream, mode, envelope) -> Request                  decode_close(request) -> StreamCall
# encode_commit(table, session_id, streams: tuple[StreamId, ...] | None = None, mode, envelope) -> Request  repeat=UNSENT    decode_commit(request) -> CommitCall(table, session_id, streams)
# encode_abort(table, session_id, mode, envelope) -> Request
# encode_get_schema(table, session_id, envelope) -> Request
# Answers, both directions (encode_* -> Response for the service; decode_*(response) -> Reply[...]):
# encode_session / decode_session : WriteSessionInfo   (SessionId, SessionStatus, Streams [list of {StreamId,StreamVersion,Status}], MinUncommittedStagingId, Message, WarningMessage; tolerate Streams as a dict)
# encode_stream / decode_stream   : WriteStreamInfo    (both letter cases status/recordCount sent and read)
# encode_receipt / decode_receipt : WriteReceipt
# encode_done / decode_done       : None  ({"WarningMessage": null}); decode_done accepts an empty 2xx body
# encode_schema_reply / decode_schema_reply : WriteSchema
# all encode_* answers take request_id="", route_token=None, warning=None
