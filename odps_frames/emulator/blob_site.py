"""The two actions on blobs, as requests and answers (protocol.md §11)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from odps_frames.emulator.bodies import OutgoingBody
from odps_frames.wire import names
from odps_frames.wire.blobs import (
    CONTENT_ENCODING,
    decode_read_blobs,
    decode_write_blob,
    encode_receipt,
)
from odps_frames.wire.envelope import Envelope
from odps_frames.wire.http import Headers, Response

if TYPE_CHECKING:
    from odps_frames.emulator.blobs import Blobs
    from odps_frames.emulator.shaping import Shape
    from odps_frames.wire.http import BodyReader, Request

__all__ = ["BlobSite"]


@dataclass(frozen=True, slots=True)
class BlobSite:
    """Answers requests about blobs."""

    blobs: Blobs

    def write(self, request: Request, body: BodyReader, request_id: str) -> Response:
        """Take the blobs of a body."""
        call = decode_write_blob(request)
        receipt = self.blobs.write(call, body)
        return encode_receipt(
            receipt.value, batch=call.batch, request_id=request_id, route_token=receipt.token
        )

    def read(self, request: Request, request_id: str, shape: Shape) -> Response:
        """Give blobs back; where nothing is compressed the answer says its length."""
        call = decode_read_blobs(request)
        found = self.blobs.read(call, Envelope.of(request).api_version)
        fields = {names.REQUEST_ID: request_id, "Content-Type": names.OCTETS}
        if found.compression.content_encoding is not None:
            fields[CONTENT_ENCODING] = found.compression.content_encoding
        body = OutgoingBody(shape.checked(found.pieces))
        return Response(200, Headers(fields), body, found.n_bytes)
