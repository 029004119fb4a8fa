"""What libpq says when an attempt to connect fails: text, for there is no SQLSTATE then.

Only what is listed here is taken for an answer for good. Anything else may be over a moment later: whatever the
operating system says of a socket, in the user's language; a server that starts or has too many clients.
"""

from __future__ import annotations

import re

# The server's answers come as "FATAL:  <message>".
LOGIN_REFUSED = re.compile(
    r"authentication failed"
    r"|no password supplied"
    r"|no pg_hba\.conf entry"
    r"|pg_hba\.conf rejects connection"
    r'|role ".*" (does not exist|is not permitted to log in)'
    r"|rejected OAuth bearer token"
)

# SQLSTATE 28P01; all other refusals have 28000, also PAM's, by which RDS checks tokens.
WRONG_PASSWORD = re.compile("(password|PAM) authentication failed|no password supplied")

_REFUSED_BY_THE_SERVER = (
    r'database ".*" (does not exist|is not currently accepting connections)',
    r"permission denied for database",
    r"unsupported frontend protocol",
    r"unrecognized configuration parameter",
    r"invalid (value for|command-line argument)",
)

# The rest libpq says itself.

_PARAMETERS = (
    r'invalid ("?\w+"? value|value "|connection option|port number|integer value|percent-encoded token)',
    r'value "\S*" invalid when',
    r"could not match \d+ ",
    r"host name must be specified",
    r"could not parse network address",
    r"Unix-domain socket path .* too long",
    r"(service file|definition of service|service specifications)",
    r"in (URI|connection info string)|(URI|connection info string) |percent-encoded|forbidden value",
    r"LDAP",
    r"weak sslmode",
    r"not supported (by this build|on this platform)",
    r'"\S+" is greater than "',
)

_TLS = (
    r"certificate",
    r"private (SSL )?key",
    r"SSL (engine|context|protocol version|Server Name Indication|ALPN)",
    r"ALPN protocol",
    r"server does(n't| not) support (SSL|GSSAPI)",
    r"SSL was required",
    r"GSSAPI encryption required",
)

_METHODS_OF_SIGNING_IN = (
    r"authentication( method)?( \d+)? not supported",
    r"authentication mechanisms are supported",
    r"authentication method requirement",
    r"require_auth",
    r"requirepeer|get peer credentials",
    r"channel binding",
    r"SCRAM",
    r"(incorrect|verify) server signature",
    r"local user (with )?ID",
    r"[Oo][Aa]uth",
    r"only supports protocol version",
)

REFUSED_FOR_GOOD = re.compile(
    "|".join((*_REFUSED_BY_THE_SERVER, *_PARAMETERS, *_TLS, *_METHODS_OF_SIGNING_IN)),
)
