"""What stands between clients and a server: faults, TLS, counters."""
