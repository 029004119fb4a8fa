"""MySQL Connector/Python: its C extension, its pure connections and those of `mysql.connector.aio`."""
