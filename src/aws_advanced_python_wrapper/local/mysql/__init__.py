"""MySQL servers: obtaining, starting and replicating them."""
