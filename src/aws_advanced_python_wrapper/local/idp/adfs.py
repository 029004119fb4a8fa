"""A look-alike of Active Directory Federation Services: its pages as far as a client that signs in reads them."""

from __future__ import annotations

import secrets
from html import escape
from string import Template
from typing import TYPE_CHECKING
from urllib.parse import quote

from aws_advanced_python_wrapper.local.idp.web import Reply

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.local.idp.realm import Realm
    from aws_advanced_python_wrapper.local.idp.web import Request

RELYING_PARTY = "urn:amazon:webservices"
SIGN_ON = "/adfs/ls/idpinitiatedsignon.aspx"
UPDATE_PASSWORD = "/adfs/portal/updatepassword/"  # noqa: S105 - no password, a page

_COOKIE = "MSISAuth"
_ERRORS = {
    "locked": "Your account is locked. Contact your administrator.",
    "disabled": "Your account is disabled. Contact your administrator.",
}
_WRONG = "Incorrect user ID or password. Type the correct user ID and password, and try again."

_PAGE = Template("""\
<!DOCTYPE html>
<html lang="en-US">
<head><meta http-equiv="content-type" content="text/html;charset=UTF-8" /><title>$title</title>
<script type="text/javascript">//<![CDATA[
var errors = {"locked": "The password has expired or the account is locked."};
//]]></script></head>
<body dir="ltr" class="body"><div id="fullPage"><div id="content"><div id="header">aws-driver-local</div>
<div id="workArea">
$content
</div></div></div></body></html>
""")

_LOGIN = Template("""\
<div id="authArea" class="groupMargin"><div id="loginArea"><div id="loginMessage" class="groupMargin">Sign in</div>
<form method="post" id="loginForm" autocomplete="off" novalidate="novalidate" action="$action">
<div id="error" class="fieldMargin error smallText"><span id="errorText" for="" role="alert">$error</span></div>
<div id="formsAuthenticationArea">
<input id="userNameInput" name="UserName" type="email" value="" tabindex="1" placeholder="someone@example.com" />
<input id="passwordInput" name="Password" type="password" tabindex="2" placeholder="Password" autocomplete="off"/>
<input type="checkbox" name="Kmsi" id="kmsiInput" value="true" tabindex="3" />
<span id="submitButton" class="submit" tabindex="4" role="button">Sign in</span></div>
<input id="optionForms" type="hidden" name="AuthMethod" value="FormsAuthentication"/>
</form></div>
<div id="authOptions"><form id="options" method="post" action="$action">
<input id="optionSelection" type="hidden" name="AuthMethod" />
<input id="userNameInputOptionsHolder" name="UserName" value="" type="hidden"/>
<a class="actionLink" href="#" id="CertificateAuthentication" role="button">Sign in using a certificate</a>
</form></div></div>""")

_SECOND_FACTOR = Template("""\
<div id="authArea" class="groupMargin"><div id="instructions">For security reasons, we require additional information \
to verify your account</div>
<form method="post" id="loginForm" autocomplete="off" action="$action">
<input id="authMethod" type="hidden" name="AuthMethod" value="AzureMfaAuthentication"/>
<input id="context" type="hidden" name="Context" value="$context"/>
<input id="verificationCodeInput" name="VerificationCode" type="password" />
<input id="signInButton" type="submit" name="SignIn" value="Sign in" /></form></div>""")

_NEW_PASSWORD = Template("""\
<div id="updatePasswordArea"><div id="openingMessage">Update Password</div>
<form method="post" id="updatePasswordForm" action="$action">
<span id="errorText">You must update your password because your password has expired.</span>
<input id="userNameInput" name="UserName" type="email" value="" />
<input id="oldPasswordInput" name="OldPassword" type="password" />
<input id="newPasswordInput" name="NewPassword" type="password" />
<input id="confirmNewPasswordInput" name="ConfirmNewPassword" type="password" />
<input id="submitButton" type="submit" name="Submit" value="Submit" /></form></div>""")

_ERROR = Template("""\
<div id="errorArea"><div id="openingMessage" class="groupMargin bigText">An error occurred</div>
<div id="errorMessage" class="groupMargin">An error occurred. Contact your administrator for more information.</div>
<ul><li>Activity ID: $activity</li><li>Error details: $event</li></ul></div>""")

_HAND_OVER = Template("""\
<html><head><title>Working...</title></head><body><form method="POST" name="hiddenform" \
action="https://signin.aws.amazon.com:443/saml"><input type="hidden" name="SAMLResponse" value="$response" />\
<noscript><p>Script is disabled. Click Submit to continue.</p><input type="submit" value="Submit" /></noscript></form>\
<script language="javascript">window.setTimeout('document.forms[0].submit()', 0);</script></body></html>
""")


class Adfs:
    """The site."""

    name = "adfs"

    def __init__(self, realm: Realm, host: str) -> None:
        self._realm = realm
        self._host = host
        self._sessions: set[str] = set()

    def answer(self, request: Request) -> Reply:
        """Answer a request."""
        path = request.path.lower()
        if self._realm.state == "broken":
            return Reply("Service Unavailable", 503)
        if path == UPDATE_PASSWORD:
            return _page("Update Password", _NEW_PASSWORD, action=request.target)
        if path != SIGN_ON:
            return Reply("Not Found", 404)
        if request.query.get("loginToRp") != RELYING_PARTY or self._realm.state == "not_assigned":
            return _refusal(request.query.get("loginToRp", ""))
        if request.cookies.get(_COOKIE) in self._sessions:
            return Reply(_HAND_OVER.substitute(response=escape(self._realm.vouch(self._host, self.name))))
        return self._signed_in(request) if request.method == "POST" else _login(request)

    def _signed_in(self, request: Request) -> Reply:
        form = request.form
        if form.get("AuthMethod") != "FormsAuthentication":
            return _login(request)
        if not self._realm.knows(form.get("UserName"), form.get("Password")):
            return _login(request, _WRONG)
        state = self._realm.state
        if state in _ERRORS:
            return _login(request, _ERRORS[state])
        if state == "password_expired":
            return Reply.redirect(f"{UPDATE_PASSWORD}?username={quote(self._realm.username)}")
        if state in ("mfa_required", "mfa_enroll"):
            return _page("Sign In", _SECOND_FACTOR, action=request.target, context=secrets.token_urlsafe(64))
        self._sessions.add(session := secrets.token_urlsafe(96))
        return Reply.redirect(request.target, f"{_COOKIE}={session}")


def _login(request: Request, error: str = "") -> Reply:
    return _page("Sign In", _LOGIN, action=request.target, error=error)


def _refusal(relying_party: str) -> Reply:
    event = (
        f"MSIS7007: The requested relying party trust '{relying_party}' is unspecified or unsupported, or this user "
        "does not have permission to access it."
    )
    return _page("Error", _ERROR, activity=secrets.token_hex(8), event=event)


def _page(title: str, content: Template, **values: str) -> Reply:
    escaped = {name: escape(value) for name, value in values.items()}
    return Reply(_PAGE.substitute(title=title, content=content.substitute(escaped)))
