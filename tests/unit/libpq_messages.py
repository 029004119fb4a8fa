"""What libpq 15 and 18 can say of an attempt to connect, one line each, with x and 7 where it fills something in."""

from __future__ import annotations

FOR_GOOD = """
"x" is greater than "x"
Crypt authentication not supported
GSSAPI authentication not supported
GSSAPI encryption required but it is not supported over a local socket
GSSAPI encryption required but no credential cache
GSSAPI encryption required but was impossible (possibly no credential cache, no server support, or using a local socket)
IPv6 host address may not be empty in URI: "x"
Kerberos 4 authentication not supported
Kerberos 5 authentication not supported
OAuth discovery URI "x" is not a .well-known URI
OAuth discovery URI "x" must not contain query or fragment components
OAuth discovery URI "x" must use HTTPS
OAuth discovery URI "x" uses an invalid format
OAuth discovery URI "x" uses an unsupported .well-known suffix
SCM_CRED authentication method not supported
SSL certificate's address entry is missing
SSL certificate's name contains embedded null
SSL certificate's name entry is missing
SSL connection was established with unexpected ALPN protocol
SSL error: certificate verify failed: x
SSPI authentication not supported
Unix-domain socket path "x" is too long (maximum 7 bytes)
attribute has no values on LDAP lookup
authentication method 7 not supported
authentication method requirement "x" failed: server requested x authentication
authentication method requirement "x" failed: x
certificate contains IP address with invalid length 7
certificate could not be obtained: x
certificate does not match private key file "x": x
certificate present, but not private key file "x"
channel binding is required, but client does not support it
channel binding is required, but server did not offer an authentication method that supports channel binding
channel binding required but not supported by server's authentication request
channel binding required, but SSL not in use
channel binding required, but server authenticated client without channel binding
connection info string size exceeds the maximum allowed (7)
could not convert certificate's IP address to string: x
could not create LDAP structure
could not create SSL context: x
could not determine server certificate signature algorithm
could not encode cbind data for channel binding
could not generate peer certificate hash
could not get home directory to locate root certificate file
could not get peer credentials: x
could not get server's host name from server certificate
could not initialize SSL engine "x": x
could not load SSL engine "x": x
could not load private SSL key "x" from engine "x": x
could not load private key file "x": x
could not load system root certificate paths: x
could not look up local user ID 7: x
could not match 7 host names to 7 hostaddr values
could not match 7 port numbers to 7 hosts
could not open certificate file "x": x
could not parse network address "x": x
could not read certificate file "x": x
could not read private SSL key "x" from engine "x": x
could not read root certificate file "x": x
could not set SSL ALPN extension: x
could not set SSL Server Name Indication (SNI): x
could not set maximum SSL protocol version: x
could not set minimum SSL protocol version: x
could not stat private key file "x": x
could not verify server signature: x
definition of service "x" not found
direct SSL connection was established without ALPN protocol negotiation extension
end of string reached when looking for matching "]" in IPv6 host address in URI: "x"
error received from server in SCRAM exchange: x
extra key/value separator "=" in URI query parameter: "x"
forbidden value %x in percent-encoded value: "x"
gssencmode value "x" invalid when GSSAPI support is not compiled in
host name must be specified
host name must be specified for a verified SSL connection
incorrect server signature
internal error: OAuth flow did not set a token
invalid "x" value: "x"
invalid LDAP URL "x": invalid port number
invalid LDAP URL "x": missing distinguished name
invalid LDAP URL "x": must have exactly one attribute
invalid LDAP URL "x": must have search scope (base/one/sub)
invalid LDAP URL "x": no filter
invalid LDAP URL "x": scheme must be ldap://
invalid OAuth exchange state
invalid SCRAM client key
invalid SCRAM client key length: 7
invalid SCRAM exchange state
invalid SCRAM response (nonce mismatch)
invalid SCRAM server key
invalid SCRAM server key length: 7
invalid SSL protocol version range
invalid URI propagated to internal parser routine: "x"
invalid URI query parameter: "x"
invalid connection option "x"
invalid integer value "x" for connection option "x"
invalid percent-encoded token: "x"
invalid port number: "x"
invalid value "x" for maximum SSL protocol version
invalid value "x" for minimum SSL protocol version
invalid x value: "x"
line 7 too long in service file "x"
local user with ID 7 does not exist
lookup on LDAP server failed: x
malformed SCRAM message (attribute "x" expected)
malformed SCRAM message (empty message)
malformed SCRAM message (expected character "=" for attribute "x")
malformed SCRAM message (garbage at end of server-final-message)
malformed SCRAM message (garbage at end of server-first-message)
malformed SCRAM message (invalid iteration count)
malformed SCRAM message (invalid salt)
malformed SCRAM message (invalid server signature)
malformed SCRAM message (length mismatch)
missing "=" after "x" in connection info string
missing key/value separator "=" in URI query parameter: "x"
more than one entry found on LDAP lookup
negative require_auth method "x" cannot be mixed with non-negative methods
nested service specifications not supported in service file "x", line 7
no OAuth flows are available (try installing the libpq-oauth package)
no entry found on LDAP lookup
none of the server's SASL authentication mechanisms are supported
private key file "x" has group or world access; file must have permissions u=rw (0600) or less
private key file "x" is not a regular file
require_auth method "x" cannot be mixed with negative methods
require_auth method "x" is specified more than once
requirepeer parameter is not supported on this platform
requirepeer specifies "x", but actual peer user name is "x"
root certificate file "x" does not exist
server accepted connection without a valid SSL certificate
server certificate for "x" (and 7 other name) does not match host name "x"
server certificate for "x" (and 7 other names) does not match host name "x"
server certificate for "x" does not match host name "x"
server did not request an SSL certificate
server does not support SSL, but SSL was required
server doesn't support GSSAPI encryption, but it was required
server offered SCRAM-SHA-256-PLUS authentication over a non-SSL connection
server only supports protocol version 7.7, but "x" was set to 7.7
server requires OAuth authentication, but no discovery metadata was provided
server requires OAuth authentication, but oauth_issuer and oauth_client_id are not both set
server sent additional OAuth data after error
server sent unexpected additional OAuth data
server's discovery document at x (issuer "x") is incompatible with oauth_issuer (x)
service file "x" not found
sslmode value "x" invalid when SSL support is not compiled in
syntax error in service file "x", line 7
unexpected character "x" at position 7 in URI (expected ":" or "/"): "x"
unexpected spaces found in "x", use percent-encoded spaces (%x) instead
unterminated quoted string in connection info string
user-defined OAuth flow did not provide a socket for polling
user-defined OAuth flow did not provide a token
user-defined OAuth flow failed
user-defined OAuth flow provided neither a token nor an async callback
weak sslmode "x" may not be used with sslnegotiation=direct (use "require", "verify-ca", or "verify-full")
weak sslmode "x" may not be used with sslrootcert=system (use "verify-full")
"""
"""The user's settings, the keys or the methods of signing in do not fit: trying again is of no use."""

PERHAPS_OVER_SOON = """
AuthenticationSASLFinal received from server, but SASL authentication was not completed
GSSAPI caller failed to retransmit all data needing to be retried
GSSAPI continuation error
GSSAPI name import error
GSSAPI size check error
GSSAPI unwrap error
GSSAPI wrap error
OpenSSL reports INT_MAX bytes pending
OpenSSL reports negative bytes pending
SSL SYSCALL error: EOF detected
SSL SYSCALL error: x
SSL connection has been closed unexpectedly
SSL error code 7
SSL error: x
SSL_read failed but did not provide error information
SSL_write failed but did not provide error information
cannot allocate memory for input buffer
cannot allocate memory for output buffer
client tried to send oversize GSSAPI packet (7 > 7)
connection in wrong state
connection not open
connection to server at "x" (x), port x failed:
connection to server at "x", port x failed:
connection to server on socket "x" failed:
could not acquire SSPI credentials
could not calculate client proof: x
could not create socket: x
could not encode client proof
could not encode nonce
could not encode salt
could not encode server key
could not encode stored key
could not establish SSL connection: x
could not find digest for NID x
could not generate nonce
could not generate random salt
could not get client address from socket: x
could not get socket error status: x
could not initiate GSSAPI security context
could not open file "x": x
could not read from file "x": x
could not receive data from server: x
could not send GSSAPI negotiation packet: x
could not send SSL negotiation packet: x
could not send cancel packet: x
could not send data to server: x
could not send startup packet: x
could not set socket to TCP no delay mode: x
could not set socket to close-on-exec mode: x
could not set socket to nonblocking mode: x
could not translate Unix-domain socket path "x" to address: x
could not translate host name "x" to address: x
could not write to file "x": x
duplicate GSS authentication request
duplicate SASL authentication request
duplicate SSPI authentication request
expected authentication request from server, but received x
failed to parse server's error response: x
fe_sendauth: error in SASL authentication
fe_sendauth: error sending password authentication
fe_sendauth: invalid authentication request from server: AUTH_REQ_SASL_CONT without AUTH_REQ_SASL
fe_sendauth: invalid authentication request from server: invalid list of authentication mechanisms
incoming GSSAPI message did not use confidentiality
invalid connection state 7, probably indicative of memory corruption
invalid connection state, probably indicative of memory corruption
invalid socket
mismatched message length: consumed 7, expected 7
no SSL error reported
no cancellation key received
no client response found after SASL exchange success
no connection to the server
out of memory
out of memory allocating GSSAPI buffer (7)
out of memory allocating SASL buffer (7)
out of memory allocating SSPI buffer (7)
out of memory allocating error description
out of memory while constructing error description
outgoing GSSAPI message would not use confidentiality
oversize GSSAPI packet sent by the server (7 > 7)
received duplicate protocol negotiation message
received invalid BackendKeyData message: cancel key with length 7 is too long (maximum 256 bytes)
received invalid BackendKeyData message: cancel key with length 7 is too short (minimum 4 bytes)
received invalid BackendKeyData message: cancel key with length 7 not allowed in protocol version 3.0 (must be 4 bytes)
received invalid authentication request
received invalid error message
received invalid protocol negotiation message
received invalid protocol negotiation message: message too short
received invalid protocol negotiation message: server negotiated but asks for no changes
received invalid protocol negotiation message: server reported an unsupported parameter that was not requested ("x")
received invalid protocol negotiation message: server reported negative number of unsupported parameters
received invalid protocol negotiation message: server requested downgrade to a higher-numbered version
received invalid protocol negotiation message: server requested downgrade to non-existent 3.1 protocol version
received invalid protocol negotiation message: server requested downgrade to pre-3.0 protocol version
received invalid response to GSSAPI negotiation: x
received invalid response to SSL negotiation: x
received unencrypted data after GSSAPI encryption response
received unencrypted data after SSL response
server closed the connection unexpectedly
server did not complete authentication
server is in hot standby mode
server is not in hot standby mode
server requested GSSAPI authentication
server requested SASL authentication
server requested SSPI authentication
server requested a cleartext password
server requested a hashed password
server requested an unknown authentication type
server returned too much data
server sent an error response during GSS encryption exchange
server sent an error response during SSL exchange
server sent error response without a status
server's discovery document has moved to x (previous location was x)
server's error message contained an embedded NULL, and was discarded
server's error response is not valid UTF-8
session is not read-only
session is read-only
timeout expired
unexpected asyncStatus: 7
unexpected json parse error type: 7
unexpected message from server during startup
unexpected response from server
unexpected response from server; first received character was "x"
unrecognized SSL error code: 7
write to server failed
"""
"""The network failed, or what answered did not speak as a server does."""
