#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""make interop: the scenarios as tests, and in the end a table of them."""

import json
import os
import shutil
import sys

import guest
import shard
import table

MARK = '# interop: '
TITLES = ('scenario', 'result', 'seconds', 'total ms', 'downtime ms', 'device bytes')


class Interop(guest.Check):
    """The scenarios; each tells a line for the table beside its result."""

    def __init__(self, args):
        super().__init__(args)
        self.live = self.short = False
        self.rows = []

    def write(self, lines):
        super().write([line for line in lines if MARK not in line])
        self.rows += [json.loads(line.split(MARK, 1)[1]) for line in lines if MARK in line]

    def table(self):
        rows = [['' if value is None else value for value in row.values()] for row in self.rows]
        print('\n'.join(table.lines([TITLES] + rows, left=2)))

    def keep_logs(self):
        """What QEMU and its guest said where it did not go well, or did not end."""
        logs = f'{self.args.run}/interop'
        if not self.guests:
            return
        well = {row['scenario'] for row in self.rows if row['result'] != 'fail'}
        if any(tester.broken or tester.scanner.reports for tester in self.guests):
            well = set()                # it may have been any of them
        elif len(well) == len(self.rows) and all(unit in self.finished for unit in self.units):
            return
        # A machine that several scenarios share has a folder of its own.
        names = [name for name in sorted(os.listdir(logs)) if name not in well]
        for name in names:
            shutil.move(f'{logs}/{name}', f'{self.args.log}-{name}')
            print(f'lab: what QEMU and its guest said, {name}: {self.args.log}-{name}/')

    def main(self):
        try:
            self.run_all()
        finally:
            # After an interruption most of all: who interrupts it has a reason
            self.keep_logs()
        with open(f'{self.args.log}-table.json', 'w', encoding='utf-8') as out:
            json.dump(self.rows, out, indent=1)
            out.write('\n')
        print()
        self.table()
        print(f'lab: the same table: {self.args.log}-table.json')
        return self.summary()


def run(args):
    part = shard.take()
    args.tests = shard.share(args.tests, part)
    return Interop(args).main() if args.tests else guest.no_share(part)


def main():
    args = guest.arguments(__doc__)
    args.add_argument('tests', nargs='+')
    return guest.run_job(args.parse_args(), run)


if __name__ == '__main__':
    sys.exit(main())
