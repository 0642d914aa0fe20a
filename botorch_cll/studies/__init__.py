"""Our experiments and reports; they need the extra `studies`."""
