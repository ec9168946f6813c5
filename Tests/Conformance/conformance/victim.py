"""A member of a group, to be killed: prints what it owns whenever that changes, as JSON. Arguments: client, bootstrap, group, topic."""

import json
import sys

from .clients import load


def main() -> None:
    name, bootstrap, group, topic = sys.argv[1:]
    member = load(name)(bootstrap).member(group, topic)
    told = None
    while True:
        member.poll()
        owned = sorted(member.assignment())
        if owned != told:
            told = owned
            print(json.dumps(owned), flush=True)


main()
