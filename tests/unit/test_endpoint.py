from __future__ import annotations

import re

import pytest

from aws_advanced_python_wrapper.cluster.endpoint import EndpointType, InstancePattern, analyse
from aws_advanced_python_wrapper.errors import AwsWrapperError

WRITER, READER, CUSTOM, INSTANCE, PROXY, PROXY_ENDPOINT, SHARD_GROUP, GLOBAL, IP, OTHER = EndpointType

HOSTS = [
    ("db.cluster-x.us-east-2.rds.amazonaws.com", WRITER, "us-east-2"),
    ("db.cluster-ro-x.us-east-2.rds.amazonaws.com", READER, "us-east-2"),
    ("db.cluster-custom-x.us-east-2.rds.amazonaws.com", CUSTOM, "us-east-2"),
    ("db.x.us-east-2.rds.amazonaws.com", INSTANCE, "us-east-2"),
    ("db.proxy-x.us-east-2.rds.amazonaws.com", PROXY, "us-east-2"),
    ("ep.endpoint.proxy-x.us-east-2.rds.amazonaws.com", PROXY_ENDPOINT, "us-east-2"),
    ("db.shardgrp-x.us-east-2.rds.amazonaws.com", SHARD_GROUP, "us-east-2"),
    ("g.global-x.global.rds.amazonaws.com", GLOBAL, None),
    ("c.cluster-x.rds.cn-northwest-1.amazonaws.com.cn", WRITER, "cn-northwest-1"),
    ("c.cluster-x.cn-northwest-1.rds.amazonaws.com.cn", WRITER, "cn-northwest-1"),
    ("i.x.rds.cn-northwest-1.amazonaws.com.cn", INSTANCE, "cn-northwest-1"),
    ("c.cluster-x.rds.us-iso-east-1.c2s.ic.gov", WRITER, "us-iso-east-1"),
    ("c.cluster-ro-x.rds.us-isob-east-1.sc2s.sgov.gov", READER, "us-isob-east-1"),
    ("c.cluster-x.us-gov-west-1.rds.amazonaws.com", WRITER, "us-gov-west-1"),
    ("c.cluster-x.rds.us-gov-east-1.amazonaws.com", WRITER, "us-gov-east-1"),
    ("c.cluster-x.rds.us-isof-south-1.csp.hci.ic.gov", WRITER, "us-isof-south-1"),
    ("c.cluster-x.rds.eu-isoe-west-1.cloud.adc-e.uk", WRITER, "eu-isoe-west-1"),
    ("c.cluster-x.eusc-de-east-1.rds.amazonaws.eu", WRITER, "eusc-de-east-1"),
    ("c.cluster-x.us-east-2.rds-fips.amazonaws.com", WRITER, "us-east-2"),
    ("db.cluster-x.us-east-2.rds.amazonaws.com.", WRITER, "us-east-2"),
    ("DB.Cluster-X.US-East-2.RDS.AmazonAWS.com", WRITER, "us-east-2"),
    ("0.elb.us-east-1.amazonaws.com", OTHER, "us-east-1"),
    ("10.0.0.1", IP, None),
    ("::1", IP, None),
    ("[::1]", IP, None),
    ("fe80::1%eth0", IP, None),
    ("10.0.0.1.example.com", OTHER, None),
    ("localhost", OTHER, None),
    ("db.example.com", OTHER, None),
    ("", OTHER, None),
    ("/var/run/PostgreSQL", OTHER, None),
    ("db.cluster-x.us-east-2.rds.amazonaws.com.example.com", OTHER, None),
    ("a.b.cluster-x.us-east-2.rds.amazonaws.com", OTHER, None),
    ("x.us-east-2.rds.amazonaws.com", OTHER, None),
    ("ep.endpoint.cluster-x.us-east-2.rds.amazonaws.com", OTHER, None),
]


@pytest.mark.parametrize(("host", "kind", "region"), HOSTS)
def test_a_host_name_tells_the_kind_of_endpoint_and_the_region(
    host: str, kind: EndpointType, region: str | None
) -> None:
    endpoint = analyse(host)
    assert (endpoint.type, endpoint.region) == (kind, region)
    assert endpoint.is_rds is (kind not in (IP, OTHER))
    assert endpoint.is_cluster is (kind in (WRITER, READER, CUSTOM, GLOBAL))


@pytest.mark.parametrize(
    ("host", "normalised"),
    [
        ("DB.Example.COM.", "db.example.com"),
        ("[::1]", "::1"),
        (" db ", "db"),
        ("/var/run/PostgreSQL", "/var/run/PostgreSQL"),
    ],
)
def test_host_names_are_brought_to_one_form(host: str, normalised: str) -> None:
    assert analyse(host).host == normalised


@pytest.mark.parametrize(
    ("host", "pattern"),
    [
        ("db.cluster-c1x2y3z4abcd.us-east-2.rds.amazonaws.com", "?.c1x2y3z4abcd.us-east-2.rds.amazonaws.com"),
        ("db.cluster-ro-c1x2.us-east-2.rds.amazonaws.com", "?.c1x2.us-east-2.rds.amazonaws.com"),
        ("db.cluster-custom-c1x2.us-east-2.rds.amazonaws.com", "?.c1x2.us-east-2.rds.amazonaws.com"),
        ("i-1.c1x2.us-east-2.rds.amazonaws.com", "?.c1x2.us-east-2.rds.amazonaws.com"),
        ("c.cluster-x.rds.cn-northwest-1.amazonaws.com.cn", "?.x.rds.cn-northwest-1.amazonaws.com.cn"),
        ("db.proxy-x.us-east-2.rds.amazonaws.com", None),
        ("ep.endpoint.proxy-x.us-east-2.rds.amazonaws.com", None),
        ("g.global-x.global.rds.amazonaws.com", None),
        ("db.example.com", None),
        ("10.0.0.1", None),
    ],
)
def test_the_names_of_instances_follow_from_an_endpoint(host: str, pattern: str | None) -> None:
    assert analyse(host).instance_pattern == pattern
    if pattern:
        assert analyse(InstancePattern.parse(pattern).host("i-9")).type is INSTANCE


def test_writer_and_reader_endpoint_of_a_cluster_share_its_name() -> None:
    writer = analyse("db.cluster-x.us-east-2.rds.amazonaws.com").cluster_name
    assert writer == "db.x.us-east-2.rds.amazonaws.com"
    assert analyse("DB.cluster-ro-x.us-east-2.rds.amazonaws.com.").cluster_name == writer
    assert analyse("db2.cluster-x.us-east-2.rds.amazonaws.com").cluster_name != writer
    assert analyse("db.cluster-x.us-east-1.rds.amazonaws.com").cluster_name != writer


@pytest.mark.parametrize("kind", ["cluster-custom-", "", "proxy-", "shardgrp-"])
def test_other_endpoints_name_no_cluster(kind: str) -> None:
    assert analyse(f"db.{kind}x.us-east-2.rds.amazonaws.com").cluster_name is None


@pytest.mark.parametrize(
    ("host", "green", "old"),
    [
        ("db-green-a1b2c3.x.us-east-2.rds.amazonaws.com", True, False),
        ("DB-GREEN-A1B2C3.cluster-x.us-east-2.rds.amazonaws.com", True, False),
        ("db-green-a1b2c3", True, False),
        ("db-green-a1b2c34.x.us-east-2.rds.amazonaws.com", False, False),
        ("db.x-green-a1b2c3.us-east-2.rds.amazonaws.com", False, False),
        ("db-old1.x.us-east-2.rds.amazonaws.com", False, True),
        ("db-old1", False, True),
        ("db-old12.x.us-east-2.rds.amazonaws.com", False, False),
        ("db.x.us-east-2.rds.amazonaws.com", False, False),
    ],
)
def test_blue_green_names_are_told(host: str, green: bool, old: bool) -> None:
    assert (analyse(host).is_green, analyse(host).is_old) == (green, old)


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("?.x.us-east-2.rds.amazonaws.com", "i-1.x.us-east-2.rds.amazonaws.com", None),
        ("?.Example.com:5433", "i-1.example.com", 5433),
        ("db-?.example.com.", "db-i-1.example.com", None),
        ("?-db.example.com", "i-1-db.example.com", None),
        (" ? ", "i-1", None),
        ("?:1", "i-1", 1),
    ],
)
def test_a_pattern_makes_the_host_name_of_an_instance(text: str, host: str, port: int | None) -> None:
    pattern = InstancePattern.parse(text)
    assert (pattern.host("i-1"), pattern.port) == (host, port)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("example.com", "one ? for its id"),
        ("", "one ? for its id"),
        ("?.?.example.com", "one ? for its id"),
        ("??.example.com", "one ? for its id"),
        ("db.?.example.com", "one ? for its id"),
        ("?.example.com:", "one ? for its id"),
        ("?.example.com:0", "one ? for its id"),
        ("?.example.com:65536", "one ? for its id"),
        ("?.example.com:x", "one ? for its id"),
        ("https://?.example.com", "one ? for its id"),
        ("?..example.com", "one ? for its id"),
        ("?.example.com/db", "one ? for its id"),
        ("?.proxy-x.us-east-2.rds.amazonaws.com", "name of a proxy endpoint"),
        ("?.cluster-custom-x.us-east-2.rds.amazonaws.com", "name of a custom endpoint"),
        ("?.cluster-x.us-east-2.rds.amazonaws.com:5432", "name of a writer endpoint"),
    ],
)
def test_a_pattern_that_cannot_name_instances_is_refused(text: str, message: str) -> None:
    with pytest.raises(AwsWrapperError, match=re.escape(message)):
        InstancePattern.parse(text)
