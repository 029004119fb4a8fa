"""The names of a cluster, and how they resolve in programs."""
