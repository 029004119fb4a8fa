"""What of Amazon's APIs and access control a local cluster has."""
