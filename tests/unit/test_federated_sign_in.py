from __future__ import annotations

import subprocess
import sys
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from aws_advanced_python_wrapper import release_resources
from aws_advanced_python_wrapper.errors import AwsWrapperError
from aws_advanced_python_wrapper.local.aws.tokens import Access, refusal
from aws_advanced_python_wrapper.sign_in import attempts
from aws_advanced_python_wrapper.sign_in.saml import sign_in
from aws_advanced_python_wrapper.testing import FakeCluster, LoginError, aconnect, connect
from support.idp import HOST, PASSWORD, authority, idp, the_authority, the_idp
from support.waiting import eventually

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.testing import FakeNetwork
    from support.aws_api import Aws
    from support.flavours import Flavour
    from support.idp import Idp

__all__ = ["authority", "idp", "the_authority", "the_idp"]

PLUGINS = {"adfs": "federated_auth", "okta": "okta"}
ASSUME = "sts:AssumeRoleWithSAML"
SIGN_IN_PAGES = {"adfs": "adfs POST /adfs/ls/IdpInitiatedSignOn.aspx", "okta": "okta POST /api/v1/authn"}


class TokensOf(set[str]):
    """The tokens that an RDS cluster would accept, unless it has enough of them."""

    def __init__(self, aws: Aws, host: str, user: str = "jane") -> None:
        self._aws = aws
        self._access = Access({host}, 5432, user, "us-east-2")
        self.refused: set[str] = set()
        self.seen: Counter[str] = Counter()

    def __contains__(self, token: object) -> bool:
        self.seen[str(token)] += 1
        return str(token) not in self.refused and refusal(str(token), self._access, self._aws.keys, time.time()) is None

    def refuse_those_seen(self) -> None:
        self.refused.update(self.seen)


@pytest.fixture
def cluster(network: FakeNetwork) -> FakeCluster:
    return FakeCluster(network)


class Database:
    """A cluster that accepts the tokens of a role, and how to get there by way of a provider."""

    def __init__(self, network: FakeNetwork, host: str, aws: Aws, idp: Idp, flavour: Flavour) -> None:
        self.network, self.host, self.aws, self.idp, self.flavour = network, host, aws, idp, flavour
        self.tokens = TokensOf(aws, host)
        network.passwords = self.tokens
        aws.sessions._check_assertion = idp.sites.check_assertion

    def connect(self, provider: str = "okta", **other: Any) -> Any:
        return self.flavour.run(self.opened(provider, **other))

    async def opened(self, provider: str = "okta", **other: Any) -> Any:
        parameters = self.idp.parameters(provider, **other)
        if self.flavour.asynchronous:
            return await aconnect(self.network, self.host, PLUGINS[provider], **parameters)
        return connect(self.network, self.host, PLUGINS[provider], **parameters)

    def refusal(self, provider: str = "okta", **other: Any) -> str:
        with pytest.raises(AwsWrapperError) as raised:
            self.connect(provider, **other)
        return str(raised.value)

    @property
    def sign_ins(self) -> int:
        calls = self.idp.sites.calls()
        return sum(calls.get(page, 0) for page in SIGN_IN_PAGES.values())

    @property
    def roles_assumed(self) -> int:
        return self.aws.gate.calls().get(ASSUME, 0)


@pytest.fixture
def database(network: FakeNetwork, cluster: FakeCluster, aws: Aws, idp: Idp, flavour: Flavour) -> Database:
    return Database(network, cluster.writer_endpoint, aws, idp, flavour)


@pytest.mark.parametrize("provider", PLUGINS)
def test_a_connection_is_opened_with_a_token_of_the_role(database: Database, provider: str) -> None:
    database.connect(provider)
    arguments = database.network.opened[-1].arguments
    assert arguments["user"] == "jane"
    assert "Action=connect&DBUser=jane" in arguments["password"]
    assert database.idp.sites.calls()[SIGN_IN_PAGES[provider]] == 1


@pytest.mark.parametrize("provider", PLUGINS)
def test_further_connections_ask_neither_the_provider_nor_aws(database: Database, provider: str) -> None:
    for _ in range(3):
        database.connect(provider)
    assert (database.sign_ins, database.roles_assumed) == (1, 1)


def test_the_drivers_own_user_and_password_will_do_with_a_database_user(database: Database) -> None:
    given = database.idp.parameters("okta")
    user, password = given["idp_username"], given["idp_password"]
    database.connect(idp_username=None, idp_password=None, user=user, password=password)
    assert database.network.opened[-1].arguments["user"] == "jane"


def test_many_at_once_sign_in_once(database: Database) -> None:
    async def scenario() -> list[Any]:
        return await database.flavour.together(*(database.opened() for _ in range(5)))

    opened = database.flavour.run(scenario())
    assert not [one for one in opened if isinstance(one, BaseException)]
    assert (database.sign_ins, database.roles_assumed) == (1, 1)


def test_who_has_another_password_gets_nothing_of_what_is_kept(database: Database) -> None:
    database.connect()
    assert "does not accept" in database.refusal(idp_password="guessed")


def test_database_users_do_not_get_each_others_tokens(database: Database) -> None:
    database.connect()
    with pytest.raises(LoginError):  # the fake cluster lets jane in
        database.connect(db_user="joe")
    assert database.sign_ins == 1
    assert "DBUser=joe" in next(token for token in database.tokens.seen if "DBUser=jane" not in token)


def test_a_token_that_is_refused_is_replaced_by_one_of_fresh_keys(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempts, "_PATIENCE", 0.0)
    database.connect()
    database.tokens.refuse_those_seen()
    database.connect()
    assert (database.sign_ins, database.roles_assumed) == (2, 2)
    assert len(database.tokens.seen) == 2


def test_keys_that_were_revoked_are_replaced(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "_PATIENCE", 0.0)
    database.connect()
    token = database.network.opened[-1].arguments["password"]
    key_id = token.partition("X-Amz-Credential=")[2].partition("%2F")[0]
    database.aws.keys.revoke(key_id)
    database.connect()
    assert database.sign_ins == 2


def test_a_user_whom_the_database_does_not_know_does_not_have_the_provider_asked_again(database: Database) -> None:
    for _ in range(3):
        with pytest.raises(LoginError) as refused:
            database.connect(db_user="joe")
        assert type(refused.value) is LoginError
    assert (database.sign_ins, database.roles_assumed) == (1, 1)


def test_what_is_kept_counts_while_provider_and_aws_are_down(database: Database) -> None:
    database.connect()
    database.idp.sites.take_down()
    database.aws.api.stop()
    database.connect()
    database.connect(iam_token_expiration=300)  # another token, of the same keys


def test_keys_are_renewed_before_they_expire(database: Database) -> None:
    database.aws.sessions.duration = 3.0
    kept = database.connect()
    eventually(lambda: database.sign_ins > 1)
    database.connect()
    del kept


def test_when_all_has_expired_and_the_provider_is_down_the_error_says_so(database: Database) -> None:
    database.aws.sessions.duration = 1.0
    database.connect()
    database.idp.sites.take_down()
    with pytest.raises(AwsWrapperError, match=f"{HOST}:.* cannot be reached .Connection refused.: check idp_endpoint"):
        eventually(lambda: database.connect() is None)


def test_a_wrong_password_is_told_and_not_tried_again_at_once(database: Database) -> None:
    assert "check idp_username and idp_password" in database.refusal(idp_password="wrong")
    assert "It is not asked again for" in database.refusal(idp_password="wrong")
    assert database.sign_ins == 1
    release_resources()
    assert "It is not asked again for" not in database.refusal(idp_password="wrong")
    assert database.sign_ins == 2


def test_a_wrong_password_is_tried_once_for_however_many_roles_at_once(database: Database) -> None:
    role = database.idp.parameters("okta")["iam_role_arn"]

    async def scenario() -> list[Any]:
        attempts = (database.opened(idp_password="wrong", iam_role_arn=f"{role}{number}") for number in range(4))
        return await database.flavour.together(*attempts)

    told = [str(error) for error in database.flavour.run(scenario())]
    assert database.sign_ins == 1
    assert len([text for text in told if "It is not asked again for" in text]) == 3


def test_too_many_requests_cause_no_pause(database: Database) -> None:
    database.idp.sites.set_state("rate_limited")
    for _ in range(2):
        assert "too many requests" in (told := database.refusal())
        assert "It is not asked again for" not in told
    database.idp.sites.set_state("ok")
    database.connect()


def test_an_account_that_works_again_works_after_the_pause(database: Database) -> None:
    database.idp.sites.set_state("locked")
    assert "has locked the account" in database.refusal()
    database.idp.sites.set_state("ok")
    release_resources()
    database.connect()


@pytest.mark.parametrize(
    ("other", "told"),
    [
        (
            {"iam_role_arn": "arn:aws:iam::123456789012:role/admin"},
            "(AccessDenied): AWS denies the role: check iam_role_arn and iam_idp_arn",
        ),
        ({"iam_idp_arn": "arn:aws:iam::123456789012:saml-provider/other"}, "(AccessDenied)"),
        ({"aws_profile": "nobody"}, "there is no profile 'nobody'"),
    ],
)
def test_what_the_security_token_service_refuses_is_explained(
    database: Database, other: dict[str, str], told: str
) -> None:
    message = database.refusal(**other)
    assert message.startswith("The credentials of arn:aws:iam::123456789012:role/")
    assert "the security token service in us-east-2" in message
    assert told in message


def test_a_word_of_the_provider_that_came_too_late_is_told(database: Database) -> None:
    database.idp.sites.set_state("stale")
    assert "(ExpiredTokenException): what the identity provider says has expired already" in database.refusal()


def test_a_provider_whose_signature_aws_does_not_know_is_told(database: Database) -> None:
    database.aws.sessions._check_assertion = lambda *_: "nobody here has issued it"
    assert "(InvalidIdentityToken): AWS does not know this identity provider's signature" in database.refusal()


def test_keys_that_have_expired_when_they_come_are_told(database: Database) -> None:
    database.aws.sessions.duration = -10.0
    assert "they have expired already. Check the clock" in database.refusal()


def test_sts_that_throttles_or_is_down_is_told(database: Database) -> None:
    database.aws.faults.throttle(None)
    assert "throttles" in database.refusal()
    database.aws.faults.restore()
    database.aws.api.stop()
    assert "cannot be reached" in database.refusal()


def test_a_slow_provider_is_waited_for_as_long_as_a_connection_may_take(database: Database) -> None:
    database.idp.sites.slow(60)
    told = database.refusal(connect_timeout=1)
    assert "within the time allowed for connecting" in told
    assert f"see why {HOST}:{database.idp.parameters('okta')['idp_port']} or AWS does not answer" in told
    assert "connect_timeout" in told
    database.idp.sites.slow(0)
    database.idp.sites.restore()  # those that wait are let go
    database.connect()
    assert database.sign_ins <= 1  # the attempt of before was not in vain


def test_the_plugins_import_no_library_of_theirs() -> None:
    program = """
import sys
import aws_advanced_python_wrapper.federated_auth_plugin, aws_advanced_python_wrapper.okta_plugin
sys.exit(" ".join({"requests", "botocore", "urllib3"} & {*sys.modules}) or 0)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr


def test_no_secret_is_shown(database: Database) -> None:
    database.connect()
    shown = repr(sign_in._CREDENTIALS._values) + repr([value._held for value in sign_in._CREDENTIALS._values.values()])
    (credentials,) = [value.at_hand(database) for value in sign_in._CREDENTIALS._values.values()]
    assert credentials is not None
    assert PASSWORD not in shown
    for secret in (credentials.secret_key, credentials.token):
        assert secret is not None
        assert secret not in f"{shown} {credentials!r}"
