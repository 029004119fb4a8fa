"""Look-alikes of identity providers, at which a program can rehearse federated sign-in."""
