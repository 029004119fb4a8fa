"""The process that owns a cluster, and what it can do with it."""
