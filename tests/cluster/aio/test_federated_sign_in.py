"""The tests of federated sign-in of the blocking flavour, with asyncio connections."""

from cluster.test_federated_sign_in import *  # noqa: F403
