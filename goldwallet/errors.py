"""What may be said to a person, and what may not."""


class Refused(Exception):
    """A request that the house declines, with the sentence that the person reads.

    Raised before anything is written, or inside the transaction that it rolls back: a refusal changes nothing.
    `status` is the HTTP status of the page that carries the sentence. `code` is a short word for tests and metrics.
    """

    def __init__(self, sentence: str, *, code: str = "refused", status: int = 400) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.code = code
        self.status = status


class Conflict(Refused):
    """The request was fine, but the world moved on: a used quote, a taken gram, a second click."""

    def __init__(self, sentence: str, *, code: str = "conflict") -> None:
        super().__init__(sentence, code=code, status=409)


class TooOften(Refused):
    """Fine in itself, and tried too often. `seconds` until it may be tried again; the page says so to machines, too."""

    def __init__(self, sentence: str = "", *, seconds: int) -> None:
        self.seconds = seconds
        self.wait = "a minute" if seconds <= 60 else f"{-(-seconds // 60)} minutes"
        said = sentence or f"That was too often in a short time. Wait {self.wait}, then try again."
        super().__init__(said, code="too_often", status=429)
