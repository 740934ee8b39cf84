"""The anchors of Chrome's root store, version 36, and the earliest-SCT limits that it sets (`sct_not_after_sec`).

Transcribed from `net/data/ssl/chrome_root_store/root_store.textproto`: fingerprints by their first 12 digits, which are
unique among the roots of `make_trust_stores.py`. The file carries no date; it was read on 2026-11-28.
"""

VERSION = "Chrome Root Store, version 36"
URL = "https://chromium.googlesource.com/chromium/src/+/main/net/data/ssl/chrome_root_store/root_store.textproto"
READ_ON = "2026-11-28"

UNLIMITED = """
55926084ec96 18ce6cfe7bf1 1ba5b2aa8c65 8ecde6884f3d e35d28419ed0 5c58468d55f5 57de0583efd2 657cfe2fa73f 5cc3d78e4e1d
31ad6648f810 cb3ccbb76031 e23d4a036d7b 40f6af0346a9 86a1ecba089c bfff8fd04433 179fbc148a3d 2cabeafe37d0 cbb522d7b7f1
2ce1cb0bf9d2 45140b3247eb 34d8a73ee208 d947432abde7 349dfa4058c5 b085d70b964f 8d25cd97229d 5a2fc03f0c83 9a6ec012e1a7
ebc5570c2901 46edc3689046 5d56499be4d2 96bcec062649 a1339d33281a 3c5f81fea5fa beb00b30839b 358df39d764a c741f70f4b2a
6b9c08e86eb0 8560f91c3624 88ef81de202e 8fe4fb0af93a 513b2cecb810 1793927a0614 4ff460d54b9c 52f0e1c4e58e e793c9b02fd8
9bea11c976fe d43af9b35473 6b3280856253 fe7696573855 cbb9c44d84b8 4fa3126d8d3a 3f99cc474acf d95d0e8eda79 69729b8e15a8
88f438dcf8ff 242b69742fcb 018e13f07725 371a00dc0533 b4585f22e4ac 77b82cd8644c 554153b13d2c fb8fec759169 e74fbda55bd5
2e44102ab58c 30fbba2c3223 8a71de655933 b2fae53e14cc 81a9088ea59f c90f26f0fb1b 7bb647a62aee c32ffd9f46f9 8faf7d2e2cb4
3f63bb2814be c0076b9ef053 06c08d7dafd8 b49141502d00 eec997c0c30f 9ae36232a518
"""

LIMITED = {
    "9a114025197c": 1761955199, "edf7ebbca27a": 1761955199, "c0a6f4dc63a2": 1754006399, "49e7a442acf0": 1780012799,
    "eec5496b988c": 1780012799, "91e2f5788d58": 1780012799, "fd73dad31c64": 1780012799, "d48d3d23eedb": 1781481599,
    "2530cc8e9832": 1776211199, "6c61dac3a2de": 1754006399, "22a2c1f7bded": 1781481599, "2e7bf16cc224": 1781481599,
    "3417bb06cc60": 1781481599, "85666a562ee0": 1781481599, "59769007f768": 1789430399, "e59aaa816009": 1820966399,
    "08170d1aa364": 1819670399, "f015ce3cc239": 1754006399, "193144f431e0": 1813017599, "0552e6f83fdf": 1820966399,
    "8e8221b2e7d4": 1819670399, "578af4ded085": 1819670399, "efc65cadbb59": 1819670399, "552f7bdcf1a7": 1782863999,
    "7d05ebb68233": 1789430399, "7e37cb8b4c47": 1789430399,
}  # fmt: skip
"""First digits → the last second of the earliest SCT that is accepted, in seconds since 1970."""
