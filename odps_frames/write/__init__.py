"""Writing: one session, many blocks, one commit."""
