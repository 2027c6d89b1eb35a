# SPDX-License-Identifier: GPL-2.0-only
"""make standin: what is taken from a driver, and what is written."""

import os
import re
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))

import drivers  # pylint: disable=wrong-import-position
import standin  # pylint: disable=wrong-import-position

DRIVER = standin.Driver('foo-vfio-pci', 'foo_vfio_pci', 'FOO_VFIO_PCI')
SOURCE = '''\
static const struct vfio_device_ops ops = {
	.name = "foo-vfio-pci-lm",
};

static struct pci_driver foo_driver = {
	.name = %s,
	.id_table = table,
};
'''
# As much of the kernel's as the library's headers and a skeleton name
KERNEL = {
    'linux/module.h': '''\
#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
typedef uint8_t u8; typedef uint16_t u16; typedef uint32_t u32; typedef uint64_t u64;
typedef uint64_t dma_addr_t;
struct module;
#define THIS_MODULE ((struct module *)0)
#define __init
#define __exit
#define module_init(f) int (*module_init_is(void))(void) { return f; }
#define module_exit(f) void (*module_exit_is(void))(void) { return f; }
#define MODULE_DESCRIPTION(text) extern const char description[sizeof(text)]
#define MODULE_LICENSE(text) extern const char license[sizeof(text)]
#define SZ_4K 0x1000
#define SZ_8K 0x2000
''',
    'linux/types.h': '#include <linux/module.h>\n',
    'linux/sizes.h': '',
    'linux/mutex.h': 'struct mutex { int unused; };\n',
    'linux/wait.h': 'typedef struct { int unused; } wait_queue_head_t;\n',
    'linux/pci.h': '''\
#include <linux/module.h>
#define PCI_STD_NUM_BARS 6
#define PCI_CLASS_OTHERS 0xff
struct list_head { struct list_head *next, *prev; };
struct pci_dev;
struct device;
''',
}


class Standin(unittest.TestCase):
    def setUp(self):
        self.top = self.enterContext(tempfile.TemporaryDirectory())

    def put(self, path, text):
        path = f'{self.top}/{path}'
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'w', encoding='utf-8') as file:
            file.write(text)
        return path

    def driver(self, makefile='obj-$(CONFIG_FOO_VFIO_PCI) += foo-vfio-pci.o\nfoo-vfio-pci-y := main.o\n',
               name='KBUILD_MODNAME'):
        self.put('driver/Makefile', makefile)
        self.put('driver/main.c', SOURCE % name)
        return standin.look(f'{self.top}/driver')

    def test_what_a_driver_tells(self):
        self.assertEqual(self.driver(), DRIVER)
        self.assertEqual(self.driver(name='"other"').driver, 'other')
        self.assertEqual(self.driver('obj-m := foo-vfio-pci.o\n'), DRIVER._replace(config=''))

    def test_what_is_no_driver(self):
        for makefile, words in (('obj-m += a.o\nobj-m += b.o\n', 'makes 2 modules'), ('', 'makes 0 modules')):
            with self.subTest(makefile), self.assertRaisesRegex(standin.Wrong, words):
                self.driver(makefile)
        self.driver()
        os.unlink(f'{self.top}/driver/main.c')
        with self.assertRaisesRegex(standin.Wrong, 'struct pci_driver'):
            standin.look(f'{self.top}/driver')
        os.unlink(f'{self.top}/driver/Makefile')
        with self.assertRaisesRegex(standin.Wrong, 'neither a Makefile'):
            standin.look(f'{self.top}/driver')
        with self.assertRaisesRegex(standin.Wrong, 'FOLDER='):
            standin.look(f'{self.top}/nosuch')

    def test_the_description_has_all_that_is_asked_for(self):
        contents = standin.files('foo', 'drivers/vfio/pci/foo', standin.PCI, DRIVER)
        about = dict(re.findall(r'^(\w+) = (.*)$', contents['selftests/standins/foo/standin'], re.M))
        self.assertEqual(about, {'description': 'foo, a VF of it', 'module': DRIVER.module, 'config': DRIVER.config,
                                 'driver': DRIVER.driver, 'source': 'drivers/vfio/pci/foo'})
        for known in drivers.standins().values():
            self.assertLessEqual(set(about), set(known) | {'config'})
        without = standin.files('foo', '/driver', standin.PCI, DRIVER._replace(config=''))
        self.assertNotIn('config', without['selftests/standins/foo/standin'])
        self.assertIn('Documentation/drivers/foo.rst', contents)

    def test_nothing_is_overwritten(self):
        contents = {'a/one': '1', 'a/two': '2'}
        self.put('a/two', 'mine')
        with self.assertRaisesRegex(standin.Wrong, 'a/two is there already'):
            standin.write(self.top, contents)
        self.assertFalse(os.path.exists(f'{self.top}/a/one'))
        os.unlink(f'{self.top}/a/two')
        standin.write(self.top, contents)
        with open(f'{self.top}/a/two', encoding='utf-8') as file:
            self.assertEqual(file.read(), '2')

    def compile(self, text):
        """What the compiler says of a card, beside the library's own headers."""
        for path, header in KERNEL.items():
            self.put(f'include/{path}', '#pragma once\n' + header)
        for part in ('lib', 'bus'):
            target = f'{self.top}/standins/{part}'
            if not os.path.exists(target):
                os.makedirs(os.path.dirname(target), exist_ok=True)
                os.symlink(f'{drivers.STANDINS}/{part}', target)
        card = self.put('standins/foo/foo.c', text)
        return subprocess.run(['gcc', '-std=gnu11', '-Wall', '-Werror', '-fsyntax-only', f'-I{self.top}/include', card],
                              stderr=subprocess.PIPE, text=True, check=False).stderr

    def test_the_card_is_one_of_the_library(self):
        text = standin.files('foo', 'x', '8086:4940:4941', DRIVER)['selftests/standins/foo/foo.c']
        self.assertEqual(self.compile(text), '')
        self.assertIn('.vf_device = 0x4941', text)
        self.assertIn('no member named', self.compile(text.replace('.vf_device', '.vf_id')))
        # What the comment shows, as code
        example = re.search(r'\*\t(int foo_suspend.*?\n \*\t\})', text, re.S)
        code = re.sub(r'^ \*\t?', '', example[1], flags=re.M)
        self.assertEqual(self.compile(text.replace('static int __init', f'#include <errno.h>\n{code}\n\nstatic int __init', 1)), '')


if __name__ == '__main__':
    unittest.main()
