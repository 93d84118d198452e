"""Which e-mail addresses an account may have."""

from goldwallet.errors import Refused


def address_refuse(address: str) -> None:
    """Raises Refused for an address with a quoted part before the @ (`";=1+1;"@example.com`).

    Mail knows it, but nobody has one; it can hold what is a formula or a separator to other programs. Who got one in
    earlier keeps it, signs in and asks for a new password with it.
    """
    if '"' in address:
        raise Refused("Write an e-mail address without quotation marks.", code="address")
