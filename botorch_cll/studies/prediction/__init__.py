"""What the studies of predictions share: problems, fits and scores."""
