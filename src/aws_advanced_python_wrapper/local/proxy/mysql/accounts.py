"""Accounts of users of IAM, which a stock MySQL server has in a way of its own."""

from __future__ import annotations

import re

from aws_advanced_python_wrapper.local.proxy.mysql.sql import tokens

_PLUGIN = b"awsauthenticationplugin"
_ASKS = re.compile(rb"AWSAuthenticationPlugin|REQUIRE\b.*\bSSL", re.IGNORECASE | re.DOTALL)
_STATEMENTS = ([b"create", b"user"], [b"alter", b"user"])


def put(sql: bytes, token_users: bytes) -> bytes:
    """Return the statement as a stock server understands it; `token_users` goes behind IDENTIFIED WITH there.

    That an account requires TLS is left out: the server does not see the TLS that ends at the proxy, and would never
    let it in. Tokens are not taken without TLS anyway.
    """
    if not _ASKS.search(sql):
        return sql
    statement = tokens(sql)
    words = [token.text for token in statement]
    places = [at for at, token in enumerate(statement) if token.kind != "space"]
    known = [*(statement[at].word.strip(b"'\"`") for at in places), b"", b""]
    if known[:2] not in _STATEMENTS:
        return sql
    for number, here in enumerate(places):
        before, word, after = known[number - 1], known[number], known[number + 1]
        if (before, word) == (b"require", b"ssl"):
            words[here] = b"NONE"
        elif before == b"with" and word.lower() == _PLUGIN:
            words[here] = token_users
            for left in places[number + 1 : number + 3] if after == b"as" else ():
                words[left] = b""
    return b"".join(words)
