"""Build the site: `python -m notebooks.book [FOLDER] [--no-execute]`."""

import argparse
import os
import shutil
import sys
from pathlib import Path

from sphinx.cmd.build import build_main

from notebooks.book.source import digest, write_source

HERE = Path(__file__).resolve().parent


def main() -> int:
    """Write the source next to the output and let Sphinx build it; the exit code is Sphinx's."""
    parser = argparse.ArgumentParser(prog="python -m notebooks.book", description=__doc__)
    parser.add_argument("output", nargs="?", type=Path, default=Path("build/book"), metavar="FOLDER")
    parser.add_argument("--no-execute", action="store_true", help="show the lessons without their output")
    arguments = parser.parse_args()
    return build(arguments.output.resolve(), execute=not arguments.no_execute)


def build(output: Path, *, execute: bool) -> int:
    """Build the site into `output`; executed notebooks are kept next to it until the code or the data change."""
    source = output.with_name(f"{output.name}-source")
    executed = output.with_name(f"{output.name}-executed") / digest()
    for older in output.with_name(f"{output.name}-executed").glob("*"):
        if older != executed:
            shutil.rmtree(older)
    for folder in (output, source):
        shutil.rmtree(folder, ignore_errors=True)
    print("Building the site; lessons are executed where they or the code have changed ...", flush=True)
    write_source(source)
    os.environ["MPLBACKEND"] = "module://matplotlib_inline.backend_inline"
    os.environ["IPYTHONDIR"] = str(_write_kernel_settings(output.with_name(f"{output.name}-kernel")))
    options = ["-c", HERE, "-b", "html", "-W", "--keep-going", "-q", "-d", source.with_name(f"{source.name}-read")]
    settings = {"nb_execution_mode": "cache" if execute else "off", "nb_execution_cache_path": executed}
    defined = [word for name, value in settings.items() for word in ("-D", f"{name}={value}")]
    code = build_main([str(word) for word in (*options, *defined, source, output)])
    if code == 0:
        print(f"Open: {os.path.relpath(output / 'index.html')}")
    return code


def _write_kernel_settings(folder: Path) -> Path:
    """A folder of settings for the kernels of this build, in place of the user's own.

    Each kernel warns that its connection is not encrypted; it is on loopback, and an error in a cell ends the build.
    """
    profile = folder / "profile_default"
    profile.mkdir(parents=True, exist_ok=True)
    settings = 'get_config().IPKernelApp.log_level = "CRITICAL"\n'
    (profile / "ipython_kernel_config.py").write_text(settings, encoding="utf-8")
    return folder


if __name__ == "__main__":
    sys.exit(main())
