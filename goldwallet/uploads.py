"""Files that people send: in memory only, and only so much of them.

A photo of an ID must not lie in a temporary folder, where it outlives a crash and is backed up with the rest. Of a
file that is too large only the beginning is kept, and its whole size is known: whoever asks for it says no by size.
"""

from io import BytesIO
from typing import IO, Any

from django.core.files.uploadedfile import InMemoryUploadedFile
from django.core.files.uploadhandler import FileUploadHandler

#: Of all files of one request together. More than any form takes, so that what was cut is refused by everybody.
KEPT_BYTES = 12_000_000


class MemoryUpload(FileUploadHandler):
    """One instance serves one request."""

    kept: IO[bytes]

    def __init__(self, request: Any = None) -> None:
        super().__init__(request)
        self._room = KEPT_BYTES

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        self.kept = BytesIO()

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        """The rest of a file that is too large is read and dropped: the person gets a sentence, not a broken line."""
        kept = raw_data[: self._room]
        self.kept.write(kept)
        self._room -= len(kept)

    def file_complete(self, file_size: int) -> InMemoryUploadedFile:
        """`size` is that of the file as it was sent."""
        self.kept.seek(0)
        return InMemoryUploadedFile(
            file=self.kept,
            field_name=self.field_name,
            name=self.file_name,
            content_type=self.content_type,
            size=file_size,
            charset=self.charset,
            content_type_extra=self.content_type_extra,
        )
