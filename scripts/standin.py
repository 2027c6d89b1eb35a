#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""make standin: write the beginning of a stand-in for a VFIO driver.

    standin.py --name NAME [--folder FOLDER] [--pci VENDOR:PF:VF] [--source SOURCE]

It is a card whose VFs have a state and run, with nothing between them and the driver:
the driver is built, and modpost names what its parent has to export.  What the driver's
folder tells by itself (its module, its name on the bus, its symbol) is taken from there.
"""

from __future__ import annotations

import argparse
import glob
import os
import re
import sys
from typing import NamedTuple

import exits

REPO = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))
# QEMU's range of IDs for what is no product
PCI = '1af4:10f0:10f1'

STANDIN = '''\
# SPDX-License-Identifier: GPL-2.0-only
description = {name}, a VF of it
module = {module}
driver = {driver}
source = {folder}
config = {config}
'''

KBUILD = '''\
# SPDX-License-Identifier: GPL-2.0-only
obj-m += standin_{name}.o
standin_{name}-y := {name}.o
'''

CARD = '''\
// SPDX-License-Identifier: GPL-2.0-only
/*
 * The stand-in for what {module} calls: the driver of the PF, or the firmware below it.
 *
 * Here is the card.  What the driver links against is exported beside it.
 */
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/sizes.h>

#include "../lib/standin.h"

/* What a guest can see of a VF, and what migrates: BAR 0 */
#define STATE	SZ_4K

static const struct standin {symbol} = {{
	.name = "standin_{name}_pf",
	.card = {{
		.vendor = 0x{vendor},
		.device = 0x{pf},
		.vf_device = 0x{vf},
		.subsystem_vendor = 0x{vendor},
		.class = PCI_CLASS_OTHERS << 8,
		.vfs = SWPCI_MAX_VFS,
		.bars = {{ SZ_4K }},
		.vf_bars = {{ STATE, 0, SZ_8K }},
		.msix = 4,
		.msix_bar = 2,
	}},
	.size = STATE,
}};

/*
 * A function of the parent's looks like this one.  It begins with standin_call(), by
 * which a test lets it fail or wait, and what firmware could never see is a
 * standin_expect().
 *
 *	int {symbol}_suspend(struct pci_dev *pdev)
 *	{{
 *		struct standin_vf *vf = standin_vf_of(pdev);
 *		int ret = vf ? standin_call(vf, "suspend") : -ENODEV;
 *
 *		if (!ret)
 *			standin_suspend(vf);
 *		return ret;
 *	}}
 *	EXPORT_SYMBOL_GPL({symbol}_suspend);
 */

static int __init {symbol}_init(void)
{{
	return standin_register(&{symbol}, THIS_MODULE);
}}
module_init({symbol}_init);

static void __exit {symbol}_exit(void)
{{
	standin_unregister();
}}
module_exit({symbol}_exit);

MODULE_DESCRIPTION("Stand-in for the parent of {module}");
MODULE_LICENSE("GPL");
'''

PAGE = '''\
.. SPDX-License-Identifier: GPL-2.0-only

{line}
{name}
{line}

``{module}`` of ``{folder}``. Nothing was recorded of it yet: ``make drivers DRIVER={name}
RECORD=1`` does that, and what is violated then has to be told here.
'''


class Wrong(Exception):
    """What cannot be done, and what would help."""


class Driver(NamedTuple):
    """What a driver's folder tells."""
    module: str
    driver: str
    config: str


def look(path: str) -> Driver:
    """What its Makefile and its sources say; Wrong if that is not of one module."""
    if not os.path.isdir(path):
        raise Wrong(f'there is no folder {path}: say FOLDER=, the path of the VFIO driver in the '
                    "kernel's source, or an absolute one")
    for makefile in (f'{path}/Kbuild', f'{path}/Makefile'):
        if os.path.isfile(makefile):
            break
    else:
        raise Wrong(f'{path} has neither a Makefile nor a Kbuild')
    with open(makefile, encoding='utf-8') as file:
        objects = re.findall(r'^obj-(?:\$\(CONFIG_(\w+)\)|m)\s*[+:]?=\s*([\w-]+)\.o\s*$', file.read(), re.M)
    if len(objects) != 1:
        raise Wrong(f'{makefile} makes {len(objects)} modules; a stand-in is for one')
    config, module = objects[0]
    for source in sorted(glob.glob(f'{path}/*.c')):
        with open(source, encoding='utf-8') as file:
            found = re.search(r'struct pci_driver \w+ = \{[^}]*?\.name\s*=\s*(KBUILD_MODNAME|"[^"]+"|\w+)',
                              file.read())
        if found:
            name = found[1].strip('"')
            # What is a macro is most often that.
            return Driver(module, name if found[1].startswith('"') else module.replace('-', '_'), config)
    raise Wrong(f'no file of {path} has a struct pci_driver with a name')


def files(name: str, folder: str, pci: str, driver: Driver) -> dict[str, str]:
    """What is written, by path in the repository."""
    vendor, pf, vf = pci.lower().split(':')
    words = {'name': name, 'symbol': name, 'folder': folder, 'line': '=' * len(name), 'vendor': vendor,
             'pf': pf, 'vf': vf, **driver._asdict()}
    here = f'selftests/standins/{name}'
    about = ''.join(line for line in STANDIN.splitlines(True)
                    if driver.config or not line.startswith('config'))
    return {path: text.format(**words) for path, text in (
        (f'{here}/standin', about), (f'{here}/Kbuild', KBUILD), (f'{here}/{name}.c', CARD),
        (f'Documentation/drivers/{name}.rst', PAGE))}


def write(top: str, contents: dict[str, str]) -> None:
    """All or nothing."""
    for path in contents:
        if os.path.exists(f'{top}/{path}'):
            raise Wrong(f'{path} is there already: choose another NAME=, or remove it')
    for path, text in contents.items():
        os.makedirs(os.path.dirname(f'{top}/{path}'), exist_ok=True)
        with open(f'{top}/{path}', 'w', encoding='utf-8') as file:
            file.write(text)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split('\n', maxsplit=1)[0])
    parser.add_argument('--name', required=True)
    parser.add_argument('--folder', default='', help='of the VFIO driver, in the source or absolute')
    parser.add_argument('--pci', default='', help='IDs of the vendor, the PF and its VFs')
    parser.add_argument('--source', required=True, help="the kernel's")
    args = parser.parse_args()
    folder = args.folder or f'drivers/vfio/pci/{args.name}'
    try:
        contents = files(args.name, folder, args.pci or PCI, look(os.path.join(args.source, folder)))
        write(REPO, contents)
    except Wrong as why:
        print(f'lab: error: {why}', file=sys.stderr)
        return exits.REFUSED
    print('lab: written:\n' + '\n'.join(f'  {path}' for path in contents))
    print(f'lab: next: make conformance DRIVER={args.name}, which names the symbols that are missing '
          '(Documentation/standins.rst)')
    return 0


if __name__ == '__main__':
    exits.end_with(main)
