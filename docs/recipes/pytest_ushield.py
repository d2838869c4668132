"""Tests with a token: `ushield run -- pytest`. Copy the fixtures into your conftest.py. Needs python-pkcs11."""

import json
import os

import pkcs11
import pytest


@pytest.fixture(scope="session")
def token():
    """The first token of `ushield run`; outside of it, tests that want one are skipped."""
    if "USHIELD_PKCS11_MODULE" not in os.environ:
        pytest.skip("run the tests as: ushield run -- pytest")
    label = json.loads(os.environ["USHIELD_TOKENS"])[0]["label"]
    return pkcs11.lib(os.environ["USHIELD_PKCS11_MODULE"]).get_token(token_label=label)


@pytest.fixture
def session(token):
    """A session that is logged in."""
    with token.open(user_pin=os.environ["USHIELD_PIN"]) as session:
        yield session


def test_the_key_signs(session):
    key = next(iter(session.get_objects({pkcs11.Attribute.CLASS: pkcs11.ObjectClass.PRIVATE_KEY})))
    assert len(key.sign(b"data", mechanism=pkcs11.Mechanism.ECDSA_SHA256)) == 64
