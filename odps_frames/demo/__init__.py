"""The tour of this package on real data, run by ``odps-frames demo``."""
