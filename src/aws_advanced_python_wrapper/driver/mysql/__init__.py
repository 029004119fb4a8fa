"""What all drivers for MySQL have in common: sessions, errors, probes and own queries."""
