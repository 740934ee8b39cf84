"""The rows of a check in the formats of other programs.

Text from servers is made harmless first (`toolkit.text.plain`: one line, nothing invisible), and then escaped by the
rules of the format. Each format counts what it does not list.
"""

from toolkit.checking.formats.writing import FORMATS, render

__all__ = ["FORMATS", "render"]
