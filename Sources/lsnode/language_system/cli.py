"""The command `lsnode`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from .client import Client
from .errors import ContractError, LanguageSystemError
from .features import read_feature_set

_EXAMPLES = """\
examples:
  lsnode show train.safetensors
  lsnode push train.safetensors test.safetensors --coordinator https://localhost:8443 \\
      --ca-file ca.pem --api-key-file key
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command.

    Returns:
        0, or 1 when a sentence on standard error says what could not be done.
    """
    parser = argparse.ArgumentParser(
        prog="lsnode",
        description="The node beside a language model.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    show = commands.add_parser("show", help="says what is in a feature file")
    show.add_argument("file", type=Path, nargs="+")
    push = commands.add_parser("push", help="hands feature files in to a coordinator")
    push.add_argument("file", type=Path, nargs="+")
    push.add_argument("--coordinator", required=True, metavar="URL")
    push.add_argument("--ca-file", type=Path, help="the coordinator's ca.pem")
    push.add_argument("--user", help="whose features they are; default: everybody's")
    push.add_argument(
        "--api-key-file", type=Path, required=True, help="a file that holds lsk_…, alone"
    )
    given = parser.parse_args(arguments)
    try:
        if given.command == "show":
            for path in given.file:
                _show(path)
        else:
            _push(given)
    except (LanguageSystemError, OSError, ValueError) as error:
        print(f"lsnode: {error}", file=sys.stderr)
        return 1
    return 0


def _show(path: Path) -> None:
    features = read_feature_set(path)
    about = features.metadata
    print(f"{path}: {len(features)} queries, {len(features.labels)} responses")
    print(f"  {about['base_model']}, {about['domain']}, {about['split']}")
    print(f"  columns: {', '.join(['labels', *sorted(features.columns)])}")
    try:
        contract = features.contract.metadata()
        print("  contract: " + ", ".join(f"{name} {text}" for name, text in contract.items()))
    except ContractError as error:
        print(f"  no contract: {error.message}")
    first = features.labels[features.offsets[:-1]].mean()
    best = sum(float(group.labels.max()) for group in features if group.labels is not None)
    print(f"  mean label: first {first:.3f}, oracle {best / len(features):.3f}")


def _push(given: argparse.Namespace) -> None:
    key = given.api_key_file.read_text().strip()
    with Client(given.coordinator, key, ca_file=given.ca_file) as client:
        for path in given.file:
            features = client.import_features(path, user=given.user)
            was = " (it was there already)" if features.duplicate else ""
            print(
                f"{path}: feature set {features.id}, {features.queries} queries, "
                f"{features.responses} responses{was}"
            )


if __name__ == "__main__":
    sys.exit(main())
