"""API pages: what `toolkit` and its packages export, from signatures and docstrings.

Each function and class of `toolkit` and of `toolkit.chart` has a page of its own. Each package or module has a page
with its other public names.
"""

import inspect
import re
import sys
from collections.abc import Mapping
from functools import cache
from types import ModuleType
from typing import Any, Final

from sphinx.pycode import ModuleAnalyzer
from sphinx.util.inspect import stringify_signature
from sphinx.util.typing import stringify_annotation

import toolkit
from notebooks.book.docstrings import as_markdown, first_sentence, in_cell

FOLDER: Final = "reference/api"
_LONGEST_VALUE: Final = 400

_INTRODUCTION: Final = """\
# Python

Everything on this page is importable from `toolkit`; what begins with `chart.` from `toolkit.chart`. What a
function works on comes first, by position; options are given by keyword. Each page shows the signature.
"""


def modules() -> dict[str, ModuleType]:
    """The public packages and modules by their name in `toolkit`, in the order of the alphabet."""
    return {name: getattr(toolkit, name) for name in sorted(toolkit.MODULES)}


def public_names(module: ModuleType) -> list[str]:
    """The names that a module exports: its `__all__`, or what it defines itself without an underscore."""
    if hasattr(module, "__all__"):
        return sorted(module.__all__)
    defined = (name for name in vars(module) if not name.startswith("_"))
    documented = {name for (owner, name) in _attribute_docs(module.__name__) if not owner}
    return sorted(
        name for name in defined
        if getattr(vars(module)[name], "__module__", None) == module.__name__ or name in documented
    )  # fmt: skip


def own_pages() -> dict[str, Any]:
    """The functions and classes that have a page of their own, by the name under which they are called."""
    found = {name: getattr(toolkit, name) for name in sorted({*toolkit.__all__} - {*toolkit.MODULES})}
    return found | {f"chart.{name}": getattr(toolkit.chart, name) for name in public_names(toolkit.chart)}


@cache
def links() -> Mapping[str, str]:
    """Each public name, as docstrings write it → the page that describes it, from the root of the source."""
    found: dict[str, str] = {}
    for name, module in modules().items():
        for public in public_names(module):
            if _is_described(getattr(module, public)):
                found.setdefault(public, f"/{FOLDER}/toolkit.{name}.md")
            found[f"{name}.{public}"] = f"/{FOLDER}/toolkit.{name}.md"
    for name in own_pages():
        found[name] = found[name.removeprefix("chart.")] = f"/{FOLDER}/{name}.md"
    return found


def pages() -> dict[str, str]:
    """Path → text of each page of the API, its overview included."""
    own = own_pages()
    made = {f"{FOLDER}/{name}.md": _own_page(name, value) for name, value in own.items()}
    made |= {f"{FOLDER}/toolkit.{name}.md": _module_page(name, module) for name, module in modules().items()}
    made[f"{FOLDER}/index.md"] = _overview(own)
    return made


def _overview(own: Mapping[str, Any]) -> str:
    by_home: dict[str, list[str]] = {}
    for name, value in own.items():
        by_home.setdefault(value.__module__.split(".")[1], []).append(name)
    lines = [_INTRODUCTION]
    for home, names in sorted(by_home.items()):
        title = first_sentence(sys.modules[f"toolkit.{home}"].__doc__ or home)
        lines += [f"## `toolkit.{home}`", "", _linked(title), "", "| name | what it gives |", "|---|---|"]
        lines += [f"| [`{name}`]({name}.md) | {_cell(own[name])} |" for name in names]
        lines.append("")
    lines += ["## Packages and modules", "", "| module | what it does |", "|---|---|"]
    lines += [f"| [`toolkit.{name}`](toolkit.{name}.md) | {_cell(module)} |" for name, module in modules().items()]
    entries = [*own, *(f"toolkit.{name}" for name in modules())]
    return "\n".join([*lines, "", "```{toctree}", ":hidden:", "", *entries, "```", ""])


def _own_page(name: str, value: Any) -> str:
    return f"# {name}\n\n{_described(f'toolkit.{name}', value)}"


def _module_page(name: str, module: ModuleType) -> str:
    lines = [f"# toolkit.{name}", "", f":::{{py:module}} toolkit.{name}\n:::", "", _linked(module.__doc__ or ""), ""]
    elsewhere, here, constants = [], [], []
    described_as = {id(value): known for known, value in own_pages().items()}
    for public in public_names(module):
        value = getattr(module, public)
        if id(value) in described_as and _is_described(value):
            elsewhere.append(f"| [`{public}`]({described_as[id(value)]}.md) | {_cell(value)} |")
        elif _is_described(value):
            here.append(_described(f"toolkit.{name}.{public}", value))
        else:
            constants.append(_constant(f"toolkit.{name}.{public}", value, module))
    if elsewhere:
        lines += ["| name | what it gives |", "|---|---|", *elsewhere, ""]
    return "\n".join([*lines, *here, *constants])


def _is_described(value: object) -> bool:
    """Whether it has a docstring of its own: a function (also a cached one) or a class."""
    return inspect.isclass(value) or inspect.isroutine(inspect.unwrap(value))  # type: ignore[arg-type]


def _described(qualified: str, value: Any) -> str:
    """The directive of a function or class, its methods and fields inside."""
    if not inspect.isclass(value):
        return _directive("function", f"{qualified}{_signature(value)}", _linked(inspect.getdoc(value) or ""))
    body = [_linked(inspect.getdoc(value) or "")]
    docs = _attribute_docs(value.__module__)
    for member, annotation in inspect.get_annotations(value).items():
        if words := "\n".join(docs.get((value.__name__, member), ())):
            kind = annotation if isinstance(annotation, str) else _last_names(stringify_annotation(annotation, "smart"))
            body.append(_directive("attribute", member, _linked(words), colons=4, option=f":type: {kind}"))
    body += [_member(name, member) for name, member in vars(value).items() if _is_public_member(name, member)]
    signature = "" if issubclass(value, BaseException) or _is_protocol(value) else _signature(value)
    kind = "exception" if issubclass(value, BaseException) else "class"
    return _directive(kind, f"{qualified}{signature}", "\n".join(filter(None, body)))


def _is_public_member(name: str, member: object) -> bool:
    is_method = inspect.isfunction(member) or isinstance(member, property | classmethod | staticmethod)
    return is_method and not name.startswith("_")


def _member(name: str, member: Any) -> str:
    words = _linked(inspect.getdoc(member) or "")
    if isinstance(member, property):
        return _directive("property", name, words, colons=4)
    option = {classmethod: ":classmethod:", staticmethod: ":staticmethod:"}.get(type(member), "")
    function = getattr(member, "__func__", member)
    return _directive("method", f"{name}{_signature(function, bound=not isinstance(member, staticmethod))}", words,
                      colons=4, option=option)  # fmt: skip


def _constant(qualified: str, value: object, module: ModuleType) -> str:
    name = qualified.rpartition(".")[2]
    words = next(
        (docs["", name] for path in sorted(sys.modules) if path.startswith(module.__name__)
         and ("", name) in (docs := _attribute_docs(path))), [],
    )  # fmt: skip
    shown = repr(value)
    option = f":value: {shown}" if len(shown) <= _LONGEST_VALUE and " at 0x" not in shown else ""
    return _directive("data", qualified, _linked("\n".join(words)), option=option)


def _directive(kind: str, head: str, body: str, *, colons: int = 5, option: str = "") -> str:
    fence = ":" * colons
    return "\n".join([f"{fence}{{py:{kind}}} {head}", *filter(None, [option]), "", body.strip(), fence, ""])


def _signature(value: Any, *, bound: bool = False) -> str:
    try:
        signature = inspect.signature(value)
    except ValueError:  # a class made in C
        return ""
    if bound:
        signature = signature.replace(parameters=list(signature.parameters.values())[1:])
    return _last_names(stringify_signature(signature, unqualified_typehints=True))


def _last_names(annotation: str) -> str:
    """`~package.module.Name`, as Sphinx writes it, by its last name."""
    return re.sub(r"~(?:\w+\.)*", "", annotation)


def _is_protocol(value: type) -> bool:
    return bool(getattr(value, "_is_protocol", False))


@cache
def _attribute_docs(module: str) -> dict[tuple[str, str], list[str]]:
    """(class or "", name) → the string below the assignment."""
    if not hasattr(sys.modules[module], "__file__"):
        return {}
    return ModuleAnalyzer.for_module(module).find_attr_docs()


def _linked(docstring: str) -> str:
    return as_markdown(docstring, links())


def _cell(value: Any) -> str:
    return in_cell(_linked(first_sentence(value.__doc__ or "")))
