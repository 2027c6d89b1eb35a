# SPDX-License-Identifier: GPL-2.0-only
"""make rules"""

from lab.config import in_repo, Verb

VERB = Verb(
    'rules',
    help='which tests check a rule, which mutants break it; also in build/rules.html',
    command=in_repo('mkdir -p build && scripts/rules.py table --format html >build/rules.html && '
                 'exec scripts/rules.py page --rule "$1"', variable='RULE'),
    variables='RULE',
    failure='something is wrong with the rules',
    readme=(
        '`make rules`',
        'which test judges which rule, and which mutant breaks it; `RULE=MIG-PRE-03` for one rule '
        '([rules](Documentation/rules.rst))',
    ),
)
