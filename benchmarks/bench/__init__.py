"""Speed: our fit, proposal and swarm against what a user would otherwise pick."""
