"""Fetches the versions of a secret from AWS Secrets Manager. Everything here may block."""

from __future__ import annotations

import logging
import math
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from aws_advanced_python_wrapper.core.sign_in import SignInError
from aws_advanced_python_wrapper.parameters.secrets_manager import SECRETS_MANAGER_REGION
from aws_advanced_python_wrapper.sign_in.aws_errors import call_aws, code_of
from aws_advanced_python_wrapper.sign_in.found_credentials import session_and_credentials
from aws_advanced_python_wrapper.sign_in.quiet import quiet
from aws_advanced_python_wrapper.sign_in.renewed import Fresh

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.sign_in.credentials_source import CredentialsSource
    from aws_advanced_python_wrapper.sign_in.secrets import Secret, SecretKeys, SecretPlace

logger = logging.getLogger(__name__)

CURRENT = "AWSCURRENT"


def obtain_current(place: SecretPlace, keys: SecretKeys, source: CredentialsSource, expiration: float) -> Fresh[Secret]:
    """Fetch the current version of a secret: good until it is refused, to be renewed after `expiration` seconds.

    Raises `SignInError`.
    """
    return Fresh(_fetched(place, keys, source, CURRENT), expiration)


def obtain_stage(place: SecretPlace, keys: SecretKeys, source: CredentialsSource, stage: str) -> Fresh[Secret | None]:
    """Fetch the version of a secret at another stage of its rotation, for those only who wait for it now.

    None where none can be read.
    """
    secret: Secret | None = None
    try:
        secret = _fetched(place, keys, source, stage)
    except SignInError as error:  # what counts is the current version, which was fetched
        logger.debug("version %s: %s", stage, error)
    return Fresh(secret, math.inf, usable_for=0.0)


def _fetched(place: SecretPlace, keys: SecretKeys, source: CredentialsSource, stage: str) -> Secret:
    with quiet():
        what = f"{place} was not fetched"
        session, signing = session_and_credentials(source, what)
        region = place.region or session.region
        if region is None:
            raise SignInError(f"{what}: nothing tells its region. Set {SECRETS_MANAGER_REGION.name}, or give an ARN.")
        place = replace(place, region=region)
        what = f"{place} was not fetched"
        client = session.client(what, "secretsmanager", region, place.endpoint, credentials=signing)
        get = partial(_get, client, place.secret_id, stage)
        answer = call_aws(get, what, permission="secretsmanager:GetSecretValue")
    if answer is None:
        raise SignInError(f"{place} was not found: check its name and region, and whether it has a version {stage}.")
    return keys.read(answer.get("SecretString"), str(place))


def _get(client: Any, secret_id: str, stage: str) -> dict[str, Any] | None:
    try:
        answer: dict[str, Any] = client.get_secret_value(SecretId=secret_id, VersionStage=stage)
    except ClientError as error:
        if code_of(error) == "ResourceNotFoundException":
            return None
        raise
    return answer
