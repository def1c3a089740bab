"""The part of MaxCompute SQL that defines tables."""
