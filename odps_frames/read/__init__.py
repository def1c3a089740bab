"""Reading: sessions, one split at a time, many splits at once."""
