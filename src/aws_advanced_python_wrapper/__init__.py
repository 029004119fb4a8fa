"""AWS Advanced Python Driver: psycopg and MySQL Connector/Python for Amazon Aurora and RDS clusters."""

__version__ = "0.1.0"
