"""What one run of each study does."""
