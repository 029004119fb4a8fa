from __future__ import annotations

import pytest

from aws_advanced_python_wrapper.sign_in.saml import page


def test_values_of_inputs_are_found_whatever_their_quoting() -> None:
    read = page.read(
        """<form action="https&#x3a;//a/saml" METHOD=Post>
        <INPUT Name='SAMLResponse' TYPE=hidden VALUE="a&#x2b;b&#x3d;"/>
        <input name=bare></form>"""
    )
    (form,) = read.forms
    assert (form.action, form.method) == ("https://a/saml", "post")
    assert [(field.name, field.kind, field.value) for field in form.fields] == [
        ("SAMLResponse", "hidden", "a+b="),
        ("bare", "text", ""),
    ]
    assert read.value("SAMLResponse") == "a+b="
    assert read.value("bare") is None


def test_a_form_without_a_method_would_be_sent_in_an_address() -> None:
    assert page.read("<form action=/x></form>").forms[0].method == "get"


def test_inputs_outside_forms_and_without_names_do_not_count() -> None:
    read = page.read("<input name=a value=1><form><input value=2></form><input name=b value=3>")
    assert [form.fields for form in read.forms] == [()]
    assert read.value("a") is None


def test_the_text_is_what_a_browser_shows() -> None:
    read = page.read("<title>T</title><script>var x = 'your password has expired';</script><p>Hello<br>there &amp; you")
    assert read.text == "T Hello there & you"


def test_the_error_is_what_stands_in_its_place() -> None:
    assert (
        page.read('<p>No</p><span id="errorText" for=""> Wrong\n password </span><p>more</p>').error == "Wrong password"
    )
    assert page.read('<span id="errorText"></span>text').error == ""


@pytest.mark.parametrize("html", ["", "plain", "<form", "<form><input name=a", "</form></form>", "<![x", "\x00<p"])
def test_what_is_no_page_has_no_forms_or_empty_ones(html: str) -> None:
    assert page.read(html).value("SAMLResponse") is None


def test_nothing_of_a_page_is_shown() -> None:
    read = page.read("<form><input name=SAMLResponse value=secret></form>")
    assert "secret" not in f"{read!r}{read.forms!r}{read.forms[0].fields!r}"
