"""The API: one paced, retried request, its failures and what its headers say."""

from tap_ayra.api.client import AyraClient
from tap_ayra.api.decoding import CLEAN, Replaced, clean, decode, decode_with
from tap_ayra.api.prefetch import Prefetch

__all__ = ["CLEAN", "AyraClient", "Prefetch", "Replaced", "clean", "decode", "decode_with"]
