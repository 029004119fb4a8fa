"""What the driver knows about a cluster: endpoints, hosts, topology, and the monitors that keep it true."""
