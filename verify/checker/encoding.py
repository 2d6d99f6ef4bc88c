"""Numbers and hashes as certificates write them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

from flint import fmpq, fmpz

from verify.checker.joint import NetworkLike, Row

Json = Mapping[str, Any]
LARGEST_EXPONENT = 100_000  # of a dyadic number: a longer one is no bound of a network, but memory lost


def number(text: Any) -> fmpq:
    """An integer, `p/q`, or a dyadic `mpe`, which is m * 2^e.

    Raises:
        ValueError: it is none of these.
    """
    if isinstance(text, (int, fmpq)):
        return fmpq(text)
    mantissa, dyadic, exponent = text.partition("p")
    if dyadic:
        power = int(exponent)
        if abs(power) > LARGEST_EXPONENT:
            raise ValueError(f"the exponent {power} is too large")
        return fmpq(fmpz(mantissa) << power, 1) if power >= 0 else fmpq(fmpz(mantissa), fmpz(1) << -power)
    numerator, _, denominator = text.partition("/")
    return fmpq(fmpz(numerator), fmpz(denominator or 1))


def numbers(values: Sequence[Any]) -> Row:
    """Each of them, exactly.

    Raises:
        ValueError: one is not a number.
    """
    return [number(value) for value in values]


def fingerprint(network: NetworkLike) -> str:
    """SHA-256 of the exact parameters: a line `w1 w2 ... b` per neuron, an empty line after each layer."""
    digest = sha256()
    for layer in network.layers:
        for row, bias in zip(layer.weights, layer.biases, strict=True):
            digest.update((" ".join(map(str, (*row, bias))) + "\n").encode())
        digest.update(b"\n")
    return digest.hexdigest()


def seal(certificate: Json) -> str:
    """SHA-256 of everything but the seal, as JSON with sorted keys and no spaces: it shows damage."""
    body = {key: value for key, value in certificate.items() if key != "seal"}
    return sha256(json.dumps(body, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def rounded(value: fmpq, bits: int) -> fmpq:
    """The greatest dyadic number with a mantissa of `bits` bits that is not above the value."""
    p, q = value.p, value.q
    if p == 0 or (p.bit_length() <= bits and q.bit_length() <= bits):
        return value
    shift = bits - p.bit_length() + q.bit_length()
    if shift >= 0:
        return fmpq((p << shift) // q, fmpz(1) << shift)
    return fmpq((p // (q << -shift)) << -shift)
