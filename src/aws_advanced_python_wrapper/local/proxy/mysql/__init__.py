"""MySQL's dialogue: login, TLS, and the queries that only Amazon's servers answer."""
