"""Documents from notebooks: the report on a source, the demo, and pages of executed notebooks.

Names are imported when they are first used: the kernel of a report needs `Parts`, and not what executes notebooks.
This package needs the extra `notebooks`; `toolkit.report.demo` also needs the extra `lab`.
"""

from typing import TYPE_CHECKING, Final

from toolkit.lazy import importer, renamed

if TYPE_CHECKING:
    from toolkit.report.pages import execute_notebook, execute_notebooks
    from toolkit.report.parts import Parts
    from toolkit.report.writing import write_report

__all__ = ["Parts", "execute_notebook", "execute_notebooks", "write_report"]

_HOMES: Final = {
    "toolkit.report.pages": ("execute_notebook", "execute_notebooks"),
    "toolkit.report.parts": ("Parts",),
    "toolkit.report.writing": ("write_report",),
}

if not TYPE_CHECKING:  # a type checker would take any name for one of the package
    __getattr__ = renamed(__name__, {"run_demo": "toolkit.report.demo.run_demo"}, importer(__name__, _HOMES))


def __dir__() -> list[str]:
    """Every public name, also those that are not imported yet."""
    return sorted({*globals(), *__all__})
