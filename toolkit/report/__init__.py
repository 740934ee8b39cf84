"""Documents from notebooks: the report on a source, the demo, and pages of executed notebooks.

This package needs the extra `notebooks`; `toolkit.report.demo` also needs the extra `lab`.
"""

from toolkit.report.pages import execute_notebook, execute_notebooks
from toolkit.report.parts import Parts
from toolkit.report.writing import write_report

__all__ = ["Parts", "execute_notebook", "execute_notebooks", "write_report"]
