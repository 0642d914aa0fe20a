"""Studies as grids of runs: doing them, keeping them, reading them again."""
