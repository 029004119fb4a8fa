"""Credentials that come from AWS or an identity provider: obtained, kept and renewed."""
