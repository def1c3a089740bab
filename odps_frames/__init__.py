"""MaxCompute tables as dataframes."""
