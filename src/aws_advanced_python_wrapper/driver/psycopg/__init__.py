"""psycopg 3: its adapter, and what is said of PostgreSQL below it."""
