"""The command line: python -m equivae_lite COMMAND (see --help)."""

import sys


def main() -> int:
    """Run `runs.command_line`; Ctrl-C while it is being imported says so in a line."""
    try:
        from .runs import command_line
    except KeyboardInterrupt:
        print("stopped: nothing was begun", file=sys.stderr)
        return 130
    return command_line.main()


if __name__ == "__main__":
    sys.exit(main())
