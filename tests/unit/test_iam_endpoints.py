from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from aws_advanced_python_wrapper.cluster.host import HostInfo
from aws_advanced_python_wrapper.core.sign_in import CredentialsRequest
from aws_advanced_python_wrapper.deadline import Deadline
from aws_advanced_python_wrapper.sign_in import attempts
from aws_advanced_python_wrapper.sign_in.endpoints import TokenEndpoint, token_endpoint
from aws_advanced_python_wrapper.testing import FakeCluster, LoginError
from support.tokens import TokensOf, mistake, opened, query_of, token_of

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.core.sign_in import DatabaseCredentials
    from aws_advanced_python_wrapper.testing import FakeNetwork
    from support.aws_api import Aws
    from support.flavours import Flavour


@pytest.fixture
def cluster(network: FakeNetwork) -> FakeCluster:
    return FakeCluster(network)


CHINA = "db.c1x2y3z4abcd.rds.cn-north-1.amazonaws.com.cn"
GLOBAL = "shop.global-c1x2y3z4abcd.global.rds.amazonaws.com"


@pytest.mark.parametrize(
    ("host", "given", "beginning", "region"),
    [
        (CHINA, {}, f"{CHINA}:5432/", "cn-north-1"),
        (CHINA, {"port": 6000}, f"{CHINA}:6000/", "cn-north-1"),
        (CHINA, {"port": 6000, "iam_default_port": 5432}, f"{CHINA}:5432/", "cn-north-1"),
        (CHINA, {"iam_region": "cn-north-1"}, f"{CHINA}:5432/", "cn-north-1"),
        (CHINA.upper(), {}, f"{CHINA}:5432/", "cn-north-1"),
        ("10.1.2.3", {"iam_host": CHINA}, f"{CHINA}:5432/", "cn-north-1"),
        ("tunnel", {"iam_host": CHINA, "port": 15432, "iam_default_port": 5432}, f"{CHINA}:5432/", "cn-north-1"),
        ("db.shop.example", {}, f"{CHINA}:5432/", "cn-north-1"),
        (CHINA, {"iam_host": "", "iam_region": ""}, f"{CHINA}:5432/", "cn-north-1"),
        (GLOBAL, {"iam_region": "eu-west-1"}, f"{GLOBAL}:5432/", "eu-west-1"),
        (GLOBAL, {}, f"{GLOBAL}:5432/", "ap-south-1"),
    ],
)
def test_a_token_names_the_endpoint_as_rds_calls_it_and_its_region(
    flavour: Flavour,
    network: FakeNetwork,
    cluster: FakeCluster,
    aws: Aws,
    host: str,
    given: dict[str, Any],
    beginning: str,
    region: str,
) -> None:
    del aws
    network.names[host] = network.names[host.lower()] = cluster[1]
    network.aliases = {"db.shop.example": CHINA, GLOBAL: "shop-2.cluster-c1x2y3z4abcd.ap-south-1.rds.amazonaws.com"}

    flavour.run(opened(flavour, network, host, **given))

    token = token_of(network)
    assert token.startswith(beginning)
    assert query_of(token)["X-Amz-Credential"].split("/")[2] == region


def test_the_writers_region_of_a_global_database_is_asked_for_where_dns_does_not_tell_it(
    flavour: Flavour, network: FakeNetwork, cluster: FakeCluster, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "shop" + aws.key.access_key_id[-6:].lower()
    engine = "aurora-postgresql"
    aws.ask("rds", "create_global_cluster", GlobalClusterIdentifier=name, Engine=engine)
    cluster_of = {"GlobalClusterIdentifier": name, "Engine": engine}
    aws.ask("rds", "create_db_cluster", DBClusterIdentifier=f"{name}-1", MasterUsername="admin", **cluster_of)
    host = GLOBAL.replace("shop", name)
    network.names[host] = cluster[1]
    network.passwords = TokensOf(aws, host)

    flavour.run(opened(flavour, network, host))
    flavour.run(opened(flavour, network, host))
    assert aws.gate.calls() == {"rds:DescribeGlobalClusters": 1}

    network.passwords = set()
    for _ in range(2):
        with pytest.raises(LoginError):
            flavour.run(opened(flavour, network, host))
    assert aws.gate.calls() == {"rds:DescribeGlobalClusters": 1}, "a wrong user does not have it asked again and again"
    monkeypatch.setattr(attempts, "_PATIENCE", 0.0)
    with pytest.raises(LoginError):
        flavour.run(opened(flavour, network, host))
    assert aws.gate.calls() == {"rds:DescribeGlobalClusters": 2}


@pytest.mark.parametrize(("host", "name"), [("db.shop.example", CHINA), (GLOBAL, GLOBAL)])
def test_what_dns_has_told_is_at_hand_from_then_on(
    flavour: Flavour, network: FakeNetwork, cluster: FakeCluster, aws: Aws, host: str, name: str
) -> None:
    """For probes, and connections of MySQL's that are opened again, nothing can be looked up."""
    del cluster, aws
    network.aliases = {"db.shop.example": CHINA, GLOBAL: "shop-2.cluster-c1x2y3z4abcd.ap-south-1.rds.amazonaws.com"}
    session = flavour.session(network, host, ("iam",))
    sign_in, there = session.sign_in, HostInfo(host, 5432)
    assert sign_in is not None
    assert sign_in.at_hand(session.settings, there) is None

    async def scenario() -> DatabaseCredentials | None:
        return await sign_in.credentials(CredentialsRequest(session.io, session.settings, there, Deadline.after(20)))

    given, at_hand = flavour.run(scenario()), sign_in.at_hand(session.settings, there)
    assert given is not None
    assert at_hand is not None
    assert at_hand.password == given.password
    assert at_hand.password.startswith(f"{name}:5432/")


def test_a_host_in_another_region_gets_a_token_for_that_region(
    flavour: Flavour, network: FakeNetwork, cluster: FakeCluster
) -> None:
    """As after a failover to there: what the program says of regions and names is true of its own host only."""
    given: dict[str, Any] = {"iam_region": "cn-north-1", "iam_host": CHINA, "iam_default_port": 5433}
    session = flavour.session(network, "tunnel", (), **given)
    there = HostInfo("db-2.c9x8y7z6abcd.eu-west-1.rds.amazonaws.com", 5432)
    own = HostInfo("TUNNEL.", 5432)

    async def scenario() -> list[TokenEndpoint]:
        requests = [CredentialsRequest(session.io, session.settings, host, Deadline.never()) for host in (own, there)]
        return [await token_endpoint(session.adapter, request) for request in requests]

    del cluster
    assert flavour.run(scenario()) == [(CHINA, 5433, "cn-north-1"), (there.host, 5433, "eu-west-1")]


CLUSTER = "shop.cluster-c9x8y7z6abcd.eu-west-1.rds.amazonaws.com"
PROXY = "shop.proxy-c9x8y7z6abcd.eu-west-1.rds.amazonaws.com"
INSTANCE = "db-2.c9x8y7z6abcd.eu-west-1.rds.amazonaws.com"


@pytest.mark.parametrize(
    ("iam_host", "host", "host_id", "named"),
    [
        (CLUSTER, "db-2.tunnel.internal", "db-2", INSTANCE),
        (CLUSTER, "10.1.2.3", "db-2", INSTANCE),
        (INSTANCE.replace("2", "1"), "db-2.tunnel.internal", "db-2", INSTANCE),
        (CLUSTER, "db-2.tunnel.internal", None, CLUSTER),
        (CLUSTER, "10.1.2.3", "10.1.2.3", CLUSTER),
        (PROXY, "db-2.tunnel.internal", "db-2", PROXY),
        (CLUSTER, "db-2.shop.example", "db-2", CHINA),
    ],
)
def test_an_instance_that_goes_by_another_name_is_the_one_behind_it(
    flavour: Flavour, network: FakeNetwork, iam_host: str, host: str, host_id: str | None, named: str
) -> None:
    """As after a failover where all is reached through a jump box; an alias in DNS still counts more."""
    network.aliases = {"db-2.shop.example": CHINA}
    session = flavour.session(network, "db.tunnel.internal", (), iam_host=iam_host)
    there = HostInfo(host, 5432, host_id=host_id)

    async def scenario() -> TokenEndpoint:
        request = CredentialsRequest(session.io, session.settings, there, Deadline.never())
        return await token_endpoint(session.adapter, request)

    assert flavour.run(scenario()).host == named


def test_a_global_database_that_rds_does_not_know_is_told(network: FakeNetwork, aws: Aws) -> None:
    del aws
    assert "Set iam_region" in mistake(network, GLOBAL)


@pytest.mark.parametrize(
    ("host", "given", "told"),
    [
        ("10.1.2.3", {}, "10.1.2.3 is not the endpoint of an RDS database"),
        ("db.shop.example", {}, "set iam_host"),
        ("tunnel", {"iam_host": "db.cloud.example"}, "iam_host is db.cloud.example, which is not the host name of an"),
        ("tunnel", {"iam_host": "db.cloud.example", "iam_region": "us-iso-east-1"}, "iam_host is db.cloud.example"),
        (CHINA, {"iam_region": "us-east-2"}, f"iam_region is us-east-2, and {CHINA} is in cn-north-1"),
        ("tunnel", {"iam_host": CHINA, "iam_region": "us-east-2"}, f"iam_region is us-east-2, and {CHINA} is in"),
        ("tunnel", {"iam_host": "10.1.2.3"}, "Parameter iam_host: '10.1.2.3' is not accepted"),
        ("tunnel", {"iam_host": f"https://{CHINA}"}, "Parameter iam_host"),
        ("tunnel", {"iam_host": f"{CHINA}:5432"}, "Parameter iam_host"),
        (CHINA, {"iam_region": "us-east-2a"}, "Parameter iam_region: 'us-east-2a' is not accepted"),
        (CHINA, {"iam_region": "US East (Ohio)"}, "Parameter iam_region"),
        (CHINA, {"iam_default_port": 0}, "Parameter iam_default_port"),
        (CHINA, {"iam_expiration": 0}, "Parameter iam_expiration"),
        (CHINA, {"user": None}, "needs the name of the database user: give user="),
    ],
)
def test_what_no_token_can_be_signed_for_is_told_before_anything_is_connected(
    network: FakeNetwork, host: str, given: dict[str, Any], told: str
) -> None:
    assert told in mistake(network, host, **given)
