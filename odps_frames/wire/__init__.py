"""How it is written: bytes to values and back, both directions side by side, no sockets."""
