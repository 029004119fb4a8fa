"""A record of a rehearsal, and pictures of it."""
