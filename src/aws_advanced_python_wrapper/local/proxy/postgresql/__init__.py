"""PostgreSQL's dialogue: its opening, and TLS."""
