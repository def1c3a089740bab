"""The storage site: actions on tables, as JSON and Arrow streams (protocol.md §4-§8)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from odps_frames.emulator.bodies import OutgoingBody
from odps_frames.emulator.refusals import invalid, unsupported
from odps_frames.emulator.row_stream import stream_pieces
from odps_frames.model.write import WriteMode
from odps_frames.wire import block_protocol, names, read_session, write_session
from odps_frames.wire.compression import Compression
from odps_frames.wire.http import Headers, Response
from odps_frames.wire.names import Action

if TYPE_CHECKING:
    from odps_frames.emulator.blob_site import BlobSite
    from odps_frames.emulator.bodies import IncomingBody
    from odps_frames.emulator.read_sessions import ReadSessions
    from odps_frames.emulator.results import Results
    from odps_frames.emulator.routed import Routed
    from odps_frames.emulator.shaping import Shape
    from odps_frames.emulator.write_sessions import WriteSessions
    from odps_frames.model.write import WriteReceipt
    from odps_frames.wire.http import Request

__all__ = ["StorageSite", "action_of"]

_VERSIONS = ("2", "3")
_WITHOUT_BODY = frozenset({Action.GET_WRITE_STREAM, Action.GET_INSTANCE_SESSION})
"""Older clients ask for these with GET (protocol.md §8.4, §10)."""


def action_of(request: Request) -> Action:
    """Read what a request asks for.

    Raises
    ------
    ServiceError
        When it is no action of the Storage API.
    """
    version = request.path.removeprefix(names.STORAGE_PATH)
    if not request.path.startswith(names.STORAGE_PATH):
        raise unsupported(f"{request.method} {request.path} (the tunnel before the Storage API)")
    if version not in _VERSIONS:
        raise unsupported(f"version {version!r} of the Storage API")
    name = request.parameter(names.ACTION) or ""
    try:
        action = Action(name)
    except ValueError:
        raise invalid(f"Action={name!r}; the Storage API has no such action") from None
    if request.method != "POST" and not (request.method == "GET" and action in _WITHOUT_BODY):
        raise invalid(f"{action.value} by {request.method}; expected POST")
    return action


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageSite:
    """Answers the actions of the Storage API."""

    reads: ReadSessions
    results: Results
    writes: WriteSessions
    blobs: BlobSite
    content_length_answers: bool = False
    """Say the length of every stream beforehand, for which all of it is held as references."""

    def answer(
        self,
        action: Action,
        request: Request,
        body: IncomingBody,
        request_id: str,
        shape: Shape,
    ) -> Response:
        """Answer an action; ``body`` is read here where rows come in.

        Raises
        ------
        ServiceError
            When the service refuses.
        """
        match action:
            case Action.CREATE_READ_SESSION | Action.GET_READ_SESSION:
                return self._read_session(action, request, request_id)
            case Action.CREATE_INSTANCE_SESSION | Action.GET_INSTANCE_SESSION:
                return self._result_session(action, request, request_id)
            case Action.READ | Action.PREVIEW | Action.READ_INSTANCE:
                return self._rows(action, request, request_id, shape)
            case Action.WRITE_BLOB:
                return self.blobs.write(request, body, request_id)
            case Action.READ_BLOB:
                return self.blobs.read(request, request_id, shape)
            case Action.WRITE:
                receipt = self._take(request, body)
                return write_session.encode_receipt(
                    receipt.value, request_id=request_id, route_token=receipt.token
                )
            case (
                Action.CREATE_WRITE_SESSION
                | Action.GET_WRITE_SESSION
                | Action.GET_WRITE_SCHEMA
                | Action.COMMIT_WRITE_SESSION
                | Action.ABORT_WRITE_SESSION
            ):
                return self._write_session(action, request, request_id)
            case Action.CREATE_WRITE_STREAM | Action.GET_WRITE_STREAM | Action.CLOSE_WRITE_STREAM:
                return self._write_stream(action, request, request_id)
            case _:
                raise unsupported(action.value)

    def _read_session(self, action: Action, request: Request, request_id: str) -> Response:
        if action is Action.CREATE_READ_SESSION:
            opened = self.reads.create(read_session.decode_create(request))
        else:
            opened = self.reads.get(read_session.decode_get(request))
        return read_session.encode_info(
            opened.value,
            request_id=request_id,
            route_token=opened.token,
            warning=opened.warning,
        )

    def _take(self, request: Request, body: IncomingBody) -> Routed[WriteReceipt]:
        if write_session.mode_of(request) is WriteMode.BATCH_COMPATIBLE:
            return self.writes.blocks.write(block_protocol.decode_block_write(request), body)
        return self.writes.streams.write(write_session.decode_write(request), body)

    def _result_session(self, action: Action, request: Request, request_id: str) -> Response:
        if action is Action.CREATE_INSTANCE_SESSION:
            opened = self.results.create(read_session.decode_create(request))
        else:
            opened = self.results.get(read_session.decode_get(request))
        return read_session.encode_info(
            opened.value, request_id=request_id, route_token=opened.token, instance=True
        )

    def _write_session(self, action: Action, request: Request, request_id: str) -> Response:
        if action is Action.ABORT_WRITE_SESSION:
            done = self.writes.abort(write_session.decode_session_call(request))
            return write_session.encode_done(request_id=request_id, route_token=done.token)
        if action is Action.GET_WRITE_SCHEMA:
            schema = self.writes.schema(write_session.decode_session_call(request))
            return write_session.encode_schema_reply(
                schema.value, request_id=request_id, route_token=schema.token
            )
        if action is Action.CREATE_WRITE_SESSION:
            blocks = block_protocol.asks_for_blocks(request)
            decode = block_protocol.decode_block_create if blocks else write_session.decode_create
            info = self.writes.create(decode(request))
        elif action is Action.COMMIT_WRITE_SESSION:
            blocks = write_session.mode_of(request) is WriteMode.BATCH_COMPATIBLE
            info = self.writes.commit(
                block_protocol.decode_block_commit(request)
                if blocks
                else write_session.decode_commit(request)
            )
        else:
            info = self.writes.get(write_session.decode_session_call(request))
        return write_session.encode_session(
            info.value, request_id=request_id, route_token=info.token, warning=info.warning
        )

    def _write_stream(self, action: Action, request: Request, request_id: str) -> Response:
        if action is Action.CLOSE_WRITE_STREAM:
            done = self.writes.streams.close(write_session.decode_close(request))
            return write_session.encode_done(request_id=request_id, route_token=done.token)
        if action is Action.CREATE_WRITE_STREAM:
            stream = self.writes.open(write_session.decode_open(request))
        else:
            stream = self.writes.streams.get(write_session.decode_get_stream(request))
        return write_session.encode_stream(
            stream.value, request_id=request_id, route_token=stream.token
        )

    def _rows(self, action: Action, request: Request, request_id: str, shape: Shape) -> Response:
        compression = Compression.NONE
        if action is not Action.PREVIEW:
            call = read_session.decode_read(request)
            compression = Compression.of_encoding(call.options.accept_encoding)
            source = self.results if action is Action.READ_INSTANCE else self.reads
            rows = source.read(call)
        else:
            rows = self.reads.preview(read_session.decode_preview(request))
        fields = {names.REQUEST_ID: request_id, "Content-Type": names.OCTETS}
        if rows.token is not None:
            fields[names.ROUTE_TOKEN] = rows.token
        if compression.content_encoding is not None:
            fields["Content-Encoding"] = compression.content_encoding
        pieces = stream_pieces(rows.schema, rows.batches, compression, shape)
        length = None
        if self.content_length_answers:
            pieces = iter(held := list(pieces))
            length = sum(memoryview(piece).nbytes for piece in held)
        return Response(200, Headers(fields), OutgoingBody(pieces), length)
