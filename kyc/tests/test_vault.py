"""The seal of a photo: it opens where it was sealed, whole and unchanged, and nowhere else."""

import os
import uuid

import pytest

from goldwallet.sealing import SealBroken
from kyc import vault


class TestVault:
    def sealed(self, data: bytes = b"data", **place) -> tuple[bytes, dict]:
        place = {"key": vault.new_key(), "document_id": uuid.uuid4(), "name": "a" * 64, **place}
        return vault.seal_file(data, **place), place

    def test_opens_where_it_was_sealed(self):
        for data in (b"", b"data", os.urandom(1_000_000)):
            sealed, place = self.sealed(data)
            assert vault.open_file(sealed, **place) == data
            assert data not in sealed or not data

    def test_no_two_are_alike(self):
        sealed, place = self.sealed()
        assert vault.seal_file(b"data", **place) != sealed
        assert len({vault.new_key() for _ in range(100)}) == 100

    @pytest.mark.fault("K09")
    def test_no_bit_may_change(self):
        sealed, place = self.sealed()
        for bit in range(len(sealed) * 8):
            changed = bytearray(sealed)
            changed[bit // 8] ^= 1 << bit % 8
            with pytest.raises(SealBroken):
                vault.open_file(bytes(changed), **place)

    @pytest.mark.fault("W13")
    def test_no_byte_may_be_missing(self):
        sealed, place = self.sealed()
        for length in range(len(sealed)):
            with pytest.raises(SealBroken):
                vault.open_file(sealed[:length], **place)

    def test_opens_nowhere_else(self):
        sealed, place = self.sealed()
        for change in (
            {"key": vault.new_key()},
            {"document_id": uuid.uuid4()},
            {"name": "a" * 64 + ".t"},
            {"name": "b" * 64},
        ):
            with pytest.raises(SealBroken):
                vault.open_file(sealed, **{**place, **change})
