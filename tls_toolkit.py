"""The console command. It stands outside of the package, whose import takes a while and may be interrupted."""

import sys


def run() -> None:
    """Carry out the process's command line; its result is the exit code."""
    try:
        from toolkit import cli  # noqa: PLC0415  pandas is imported here, and an interrupt meanwhile is no traceback

        cli.run()
    except KeyboardInterrupt:
        print("tls-toolkit: interrupted.", file=sys.stderr)
        sys.exit(130)  # 128 + SIGINT, as shells have it


if __name__ == "__main__":
    run()
