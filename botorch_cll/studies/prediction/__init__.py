"""What the studies of predictions share: problems, scores, runs."""
