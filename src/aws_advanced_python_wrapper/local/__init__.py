"""Real database servers on this machine that act as an Aurora cluster, to rehearse failover with."""

from aws_advanced_python_wrapper.local.cluster import LocalCluster
from aws_advanced_python_wrapper.local.errors import LocalClusterError
from aws_advanced_python_wrapper.local.instance import Instance
from aws_advanced_python_wrapper.local.values import Event, Failover

__all__ = ["Event", "Failover", "Instance", "LocalCluster", "LocalClusterError"]
