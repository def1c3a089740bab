"""The protocol before the Storage API, "the tunnel": sessions, records, Arrow in frames."""
