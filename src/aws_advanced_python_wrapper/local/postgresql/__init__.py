"""PostgreSQL servers: finding, making, configuring and running them."""
