"""One dialect for each engine and deployment: the SQL the driver sends itself."""
