"""Real database servers on this machine that act as an Aurora cluster, to rehearse failover with."""
