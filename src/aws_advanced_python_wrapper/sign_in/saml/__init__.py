"""Signing in at an identity provider, and with its word in AWS."""
