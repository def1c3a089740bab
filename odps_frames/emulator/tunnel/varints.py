"""Whole numbers of any length, as protocol buffers write them."""

from __future__ import annotations

__all__ = ["encode_signed", "encode_unsigned", "signed"]

_SEVEN_BITS = 0x7F
_MORE = 0x80
_SHORT = [bytes([number]) for number in range(_MORE)]


def encode_unsigned(number: int) -> bytes:
    """Write a number, seven bits a byte, the lowest first."""
    if number < _MORE:
        return _SHORT[number]
    found = bytearray()
    while number > _SEVEN_BITS:
        found.append(number & _SEVEN_BITS | _MORE)
        number >>= 7
    found.append(number)
    return bytes(found)


def encode_signed(number: int) -> bytes:
    """Write a number whose sign is its lowest bit ("zigzag")."""
    return encode_unsigned(number << 1 if number >= 0 else (-number << 1) - 1)


def signed(number: int) -> int:
    """Take the sign out of the lowest bit."""
    return (number >> 1) ^ -(number & 1)
