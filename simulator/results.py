"""Result codes and their texts. A code may have one text in a callback and another in a query."""

from dataclasses import dataclass

PENDING_CODE = "4999"
PENDING_TEXT = "The transaction is still under processing"


@dataclass(frozen=True)
class Result:
    """An outcome. `code` is digits or, rarely, letters; `query_text` is used by STK Query when it differs."""

    code: str
    text: str
    query_text: str = ""

    @property
    def wire_code(self) -> int | str:
        """Callbacks carry a number, but a string where the code has letters."""
        return int(self.code) if self.code.isdigit() else self.code

    @property
    def text_in_query(self) -> str:
        return self.query_text or self.text


SUCCESS = Result("0", "The service request is processed successfully.")
INSUFFICIENT = Result("1", "The balance is insufficient for the transaction.")
BELOW_MINIMUM = Result("2", "Declined due to limit rule: less than the minimum transaction amount.")
ABOVE_MAXIMUM = Result("3", "Declined due to limit rule: greater than the maximum transaction amount.")
DAILY_LIMIT = Result("4", "Declined due to limit rule: would exceed daily transfer limit.")
WALLET_FULL = Result("8", "Declined due to limit rule: would exceed the maximum balance.")
RULE_LIMITED = Result("17", "Rule limited.")
BAD_PARAMETER = Result("25", "The format of parameter null is invalid.")
NOT_ALLOWED = Result("21", "The initiator is not allowed to initiate this request.")
CANCELLED = Result("1032", "Request cancelled by user")
NO_ANSWER = Result("1037", "No response from user.", "DS timeout user cannot be reached.")
WRONG_CREDENTIAL = Result("2001", "The initiator information is invalid.")
NOT_PERMITTED = Result("2028", "The request is not permitted according to product assignment.")
NO_SUCH_RECEIPT = Result("2032", "The transaction receipt number does not exist.")
NOT_REGISTERED = Result(
    "2040",
    "Credit Party customer type (Unregistered or Registered Customer) can't be supported by the service.",
)
LOCKED = Result("8006", "The security credential is locked.")
ALREADY_REVERSED = Result("R000001", "The transaction has already been reversed.")
NO_SUCH_ORIGINAL = Result("R000002", "The OriginalTransactionID is invalid.")

ALL = {
    result.code: result
    for result in (
        SUCCESS,
        INSUFFICIENT,
        BELOW_MINIMUM,
        ABOVE_MAXIMUM,
        DAILY_LIMIT,
        WALLET_FULL,
        RULE_LIMITED,
        BAD_PARAMETER,
        CANCELLED,
        NO_ANSWER,
        WRONG_CREDENTIAL,
        NOT_PERMITTED,
        NO_SUCH_RECEIPT,
        NOT_REGISTERED,
        LOCKED,
        NOT_ALLOWED,
        ALREADY_REVERSED,
        NO_SUCH_ORIGINAL,
    )
}
