"""`python -m benchmarks`."""

import sys

_HINT = "The commands need the extra 'benchmarks': pip install -e '.[benchmarks]'"


def main() -> None:
    """Run the command line; errors that a user can do something about are one line."""
    try:
        from benchmarks.commands import app

        app(prog_name="python -m benchmarks")
    except ModuleNotFoundError as error:
        if error.name is not None and error.name.split(".")[0] in ("benchmarks", "botorch_cll"):
            raise
        print(f"No module named {error.name!r}. {_HINT}", file=sys.stderr)
        raise SystemExit(2) from error
    except OSError as error:
        print(f"Error: {error}. Is there space, and may you write there?", file=sys.stderr)
        raise SystemExit(1) from error


if __name__ == "__main__":
    main()
