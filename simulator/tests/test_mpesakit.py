"""A public client package, told nothing but the address: it gets a token, pushes, queries and pays out."""

import uuid

import pytest
from mpesakit import MpesaClient
from mpesakit.b2c import B2CCommandIDType
from mpesakit.errors import MpesaApiException
from mpesakit.security.get_credential import generate_security_credential

from simulator.tests.tools import INITIATOR, KEY, PASSKEY, PASSWORD, PAYER, SECRET, SHORTCODE


@pytest.fixture
def client(provider):
    made = MpesaClient(consumer_key=KEY, consumer_secret=SECRET)
    made.http_client.base_url = provider.base
    return made


def test_token(client):
    assert len(client.token_manager.get_token()) == 28


def test_wrong_credentials_are_understood(provider):
    client = MpesaClient(consumer_key=KEY, consumer_secret="wrong")
    client.http_client.base_url = provider.base
    with pytest.raises(MpesaApiException) as caught:
        client.token_manager.get_token()
    assert caught.value.error.error_code == "AUTH_INVALID_CREDENTIALS"


def test_push_and_query(client, provider, receiver, phone):
    address = receiver.address()
    pushed = client.stk_push(
        business_short_code=int(SHORTCODE),
        transaction_type="CustomerPayBillOnline",
        amount=250,
        party_a=phone,
        party_b=SHORTCODE,
        phone_number=phone,
        callback_url=address,
        account_reference="KIT1",
        transaction_desc="Gold",
        passkey=PASSKEY,
    )
    assert pushed.is_successful()
    checkout_id = pushed.CheckoutRequestID

    def query():
        return client.stk_query(
            business_short_code=int(SHORTCODE), checkout_request_id=checkout_id, passkey=PASSKEY
        )

    assert str(query().ResultCode) == "4999"
    provider.decide(checkout_id, "accept")
    callback = client.process_stk_callback(receiver.next(address).body)
    assert callback.is_successful
    assert callback.amount == 250
    assert callback.phone_number == phone
    assert str(query().ResultCode) == "0"
    assert provider.balance(phone) == 299_750


def test_a_refusal_is_understood(client, provider, phone):
    with pytest.raises(MpesaApiException) as caught:
        client.stk_query(
            business_short_code=int(SHORTCODE), checkout_request_id="ws_CO_1", passkey="wrong-passkey"
        )
    assert caught.value.error.status_code == 500
    assert caught.value.error.error_message == "[MerchantValidate] - Wrong credentials"


def test_payout_and_status(client, provider, receiver, phone):
    own, address = str(uuid.uuid4()), receiver.address()
    # The package encrypts the password in its own way, with the certificate that the simulator wrote.
    credential = generate_security_credential(PASSWORD, cert_path=str(provider.data / "certificate.pem"))
    accepted = client.b2c.send_payment(
        originator_conversation_id=own,
        initiator_name=INITIATOR,
        security_credential=credential,
        command_id=B2CCommandIDType.BusinessPayment,
        amount=750,
        party_a=PAYER,
        party_b=phone,
        remarks="Gold sale",
        queue_timeout_url=address,
        result_url=address,
    )
    assert accepted.is_successful()
    assert accepted.OriginatorConversationID == own
    result = receiver.next(address)
    assert result.result["ConversationID"] == accepted.ConversationID
    assert result.result["ResultCode"] == 0
    assert provider.balance(phone) == 300_750
    asked = client.transactions.query_status(
        initiator=INITIATOR,
        security_credential=credential,
        transaction_id=result.result["TransactionID"],  # the package insists on one
        original_conversation_id=own,
        party_a=int(PAYER),
        identifier_type=4,
        result_url=address,
        queue_timeout_url=address,
    )
    assert asked.is_successful()
    assert receiver.next(address).parameters["TransactionStatus"] == "Completed"
