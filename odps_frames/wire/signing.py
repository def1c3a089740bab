"""Signatures: V1 and V4, STS and bearer tokens (protocol.md §3)."""
from __future__ import annotations
# canonical_string(request: Request, headers: Headers, *, decoded_twice: bool = False) -> str
#     request.path + query (already decoded once); decoded_twice=True replays pyodps' second decoding of the whole "path?query" text
# sign(request, credentials: Credentials, now: datetime, *, region: str | None = None) -> Request    adds Date (unless present) and Authorization / tokens. Credentials live in odps_frames/config.py: AccessKey(access_id, secret_access_key, security_token=None) | BearerToken(token)
# verify(request, secrets: Mapping[str, str], now: datetime, *, prefix="aliyun_v4") -> str  : access id; raises AuthenticationError (unknown id, wrong signature, skew > 15 min: code RequestTimeTooSkewed); accepts V1 & V4, single- or double-decoded form
# signing key cache keyed by (secret, date, region)
# app accounts are only for the vectors: application_signature(authorization, app_id, app_secret) -> str
