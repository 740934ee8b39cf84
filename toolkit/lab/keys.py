"""The lab's keys, each derived from its number, so that a scenario always has the same keys.

They are public knowledge, as this file is: they prove nothing to anyone outside the lab.
"""

import hashlib
from functools import cache
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec, rsa

from toolkit.errors import LabError

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

_EXPONENT: Final = 65537

# Order of P-256: SP 800-186, section 3.2.1.3.
_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551

# Two per RSA key, for p and q: the prime is 2 × this above SHAKE256("lab RSA <number> <p or q>") of 1024 bits whose
# two highest bits and lowest bit are set; it is the first that does not have the exponent in p - 1.
# fmt: off
_STEPS: Final = (
    897, 775, 130, 453, 567, 293, 52, 9, 223, 1203, 223, 248, 173, 84, 72, 275, 419, 819, 226, 93, 354, 262, 344,
    314, 13, 101, 0, 264, 4, 271, 543, 256, 384, 342, 6, 20, 216, 230, 4, 215, 35, 422, 26, 156, 609, 99, 605, 174,
    600, 887, 267, 216, 376, 381, 258, 510, 49, 45, 328, 256, 60, 228, 30, 909, 961, 2047, 169, 149, 305, 840, 18,
    299, 122, 320, 307, 235, 1, 302, 226, 187, 194, 330, 307, 652, 333, 390, 216, 532, 16, 582, 55, 998, 140, 433,
    526, 193, 188, 34, 3, 260, 1527, 284, 1699, 375, 458, 78, 157, 354, 894, 93, 353, 274, 188, 1413, 1030, 92, 148,
    24, 762, 998, 490, 347, 270, 134, 271, 254, 109, 188, 36, 113, 14, 84, 2072, 1680, 761, 86, 252, 1359, 452, 596,
    314, 504, 37, 95, 9, 789, 17, 270, 490, 236, 140, 237, 114, 388, 432, 526, 707, 119, 2034, 580, 28, 724, 477,
    138, 545, 228, 927, 365, 74, 1297, 388, 328, 563, 257, 613, 169, 83, 58, 80, 0, 389, 19, 11, 300, 771, 519, 426,
    230, 682, 58, 616, 175, 62, 261, 21, 489, 613, 829, 257, 275, 774, 155, 127, 310, 532, 236, 139, 292, 203, 220,
    198, 698, 228, 106, 184, 40, 670, 215, 677, 1027, 58, 788, 1729, 1303, 729, 44, 36, 1247, 129, 363, 9, 175, 387,
    106, 924, 313, 496, 163, 50, 36, 612, 1407, 869, 110, 170, 251, 329, 165, 206, 19, 205, 125, 58, 85, 74, 78,
)
# fmt: on

RSA_KEYS: Final = len(_STEPS) // 2
"""Number of RSA keys."""


@cache
def rsa_key(number: int) -> rsa.RSAPrivateKey:
    """The RSA key of that number, 2048 bits. Raises `LabError` if there is no such key."""
    if not 0 <= number < RSA_KEYS:
        raise LabError(
            f"The lab has {RSA_KEYS} RSA keys, and this scenario asks for number {number}; "
            "let it use fewer certificates, use keys again, or take key type EC, which has no limit."
        )
    p, q = _prime(number, "p"), _prime(number, "q")
    d = pow(_EXPONENT, -1, (p - 1) * (q - 1))
    numbers = rsa.RSAPrivateNumbers(
        p, q, d, d % (p - 1), d % (q - 1), pow(q, -1, p), rsa.RSAPublicNumbers(_EXPONENT, p * q)
    )
    # Checking that p and q are prime is slow; a test checks all keys instead.
    return numbers.private_key(unsafe_skip_rsa_key_validation=True)


@cache
def ec_key(use: str, number: int) -> ec.EllipticCurvePrivateKey:
    """The P-256 key of that number for a use; the numbers are not limited."""
    digest = hashlib.shake_256(f"lab EC {use} {number}".encode()).digest(48)
    return ec.derive_private_key(int.from_bytes(digest, "big") % (_ORDER - 1) + 1, ec.SECP256R1())


def _prime(number: int, which: str) -> int:
    digest = hashlib.shake_256(f"lab RSA {number} {which}".encode()).digest(128)
    return (int.from_bytes(digest, "big") | 3 << 1022 | 1) + 2 * _STEPS[2 * number + (which == "q")]
