import pytest

from simulator.tests.tools import KEY, SECRET

PATH = "/oauth/v1/generate"
GRANT = {"grant_type": "client_credentials"}


def test_it_works(provider):
    answer = provider.http.get(PATH, params=GRANT, auth=(KEY, SECRET))
    assert answer.status_code == 200
    assert set(answer.json()) == {"access_token", "expires_in"}
    assert len(answer.json()["access_token"]) == 28
    assert answer.json()["expires_in"] == "3599"


@pytest.mark.parametrize("auth", [(KEY, "wrong"), ("wrong", SECRET), (KEY, ""), ("", "")])
def test_wrong_credentials_get_an_empty_400(provider, auth):
    answer = provider.http.get(PATH, params=GRANT, auth=auth)
    assert (answer.status_code, answer.content) == (400, b"")


def test_garbled_credentials_get_an_empty_400(provider):
    answer = provider.http.get(PATH, params=GRANT, headers={"Authorization": "Basic !!!"})
    assert (answer.status_code, answer.content) == (400, b"")


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer abc"}])
def test_another_scheme_is_named(provider, headers):
    answer = provider.http.get(PATH, params=GRANT, headers=headers)
    assert answer.status_code == 400
    assert answer.json()["errorCode"] == "400.008.01"


def test_another_grant_is_named(provider):
    answer = provider.http.get(PATH, params={"grant_type": "password"}, auth=(KEY, SECRET))
    assert answer.status_code == 400
    assert answer.json()["errorCode"] == "400.008.02"


def test_post_is_refused(provider):
    answer = provider.http.post(PATH, params=GRANT, auth=(KEY, SECRET))
    assert answer.status_code == 405
    assert answer.json()["errorCode"] == "405.001"


TOKEN_REFUSALS = [
    ("/mpesa/stkpush/v1/processrequest", 404, "404.001.03", "Invalid Access Token"),
    ("/mpesa/stkpushquery/v1/query", 404, "404.001.03", "Invalid Access Token"),
    ("/mpesa/b2c/v3/paymentrequest", 401, "401.002.01", "Error Occurred - Invalid Access Token - expired"),
    ("/mpesa/b2c/v1/paymentrequest", 401, "401.002.01", "Error Occurred - Invalid Access Token - expired"),
    ("/mpesa/transactionstatus/v1/query", 400, "400.003.01", "Invalid Access Token"),
]


@pytest.mark.parametrize(("path", "status", "code", "message"), TOKEN_REFUSALS)
def test_each_api_refuses_a_bad_token_in_its_own_way(provider, path, status, code, message):
    answer = provider.call(path, {}, token="expired")
    assert answer.status_code == status
    assert answer.json() == {
        "requestId": answer.json()["requestId"],
        "errorCode": code,
        "errorMessage": message,
    }


@pytest.mark.parametrize("value", [None, "", "Basic abc", "Bearer"])
def test_a_missing_bearer_is_an_invalid_header(provider, value):
    headers = {} if value is None else {"Authorization": value}
    answer = provider.http.post("/mpesa/b2c/v3/paymentrequest", json={}, headers=headers)
    assert answer.status_code == 404
    assert answer.json()["errorCode"] == "404.001.04"


def test_tokens_run_out(variant):
    provider = variant(token_seconds=0)
    answer = provider.call("/mpesa/stkpush/v1/processrequest", {}, token=provider.token())
    assert answer.json()["errorCode"] == "404.001.03"


def test_a_new_token_can_end_the_one_before(variant):
    provider = variant(one_token=True, numeric_expiry=True)
    first, second = provider.token(), provider.token()
    path = "/mpesa/stkpush/v1/processrequest"
    assert provider.call(path, {}, token=first).json()["errorCode"] == "404.001.03"
    assert provider.call(path, {}, token=second).json()["errorCode"] == "400.002.02"
    answer = provider.http.get(PATH, params=GRANT, auth=(KEY, SECRET))
    assert answer.json()["expires_in"] == 3599
