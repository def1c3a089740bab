"""Arrow from and to everything else."""
