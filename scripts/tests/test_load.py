# SPDX-License-Identifier: GPL-2.0-only
"""make load and make unload: what they say of what is in the way.

In a made-up root, with programs that fail as the real ones do.
"""

import os
import platform
import subprocess
import tempfile
import unittest

SCRIPTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..')
RELEASE = platform.release()
INSTALLED = 'case "$*" in *filename*) echo /lib/modules/m.ko ;; *) exit 1 ;; esac'
NOT_FOUND = 'echo "modprobe: FATAL: Module $1 not found in directory /" >&2; exit 1'
PARENT = 'sys/devices/virtual/mtty_mig/mtty_mig'
UUID = '83b8f4f2-509f-382f-3c1e-e6bfe0fa1001'


class Load(unittest.TestCase):

    def setUp(self):
        # pylint: disable=consider-using-with
        self.tmp = tempfile.TemporaryDirectory()
        self.addCleanup(self.tmp.cleanup)
        self.root = os.path.join(self.tmp.name, 'root')
        self.bin = os.path.join(self.tmp.name, 'bin')
        os.mkdir(self.bin)
        for place in ('sys/class/vfio-dev', 'sys/bus/mdev', 'dev/vfio', 'proc', 'sys/module'):
            os.makedirs(os.path.join(self.root, place))
        self.file('dev/vfio/vfio')
        self.program('id', 'echo 0')
        self.program('modprobe', 'exit 0')
        self.program('modinfo', 'exit 1')
        self.program('insmod', 'exit 0')
        self.program('rmmod', 'exit 0')

    def file(self, name, text=''):
        path = os.path.join(self.root, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'w', encoding='utf-8') as file:
            file.write(text)

    def program(self, name, script):
        path = os.path.join(self.bin, name)
        with open(path, 'w', encoding='utf-8') as file:
            file.write(f'#!/bin/sh\n{script}\n')
        os.chmod(path, 0o755)

    def gone(self, name):
        os.rmdir(os.path.join(self.root, name))

    def call(self, verb):
        """(exit status, all that was said)."""
        run = subprocess.run([os.path.join(SCRIPTS, 'load.sh'), verb], text=True, check=False,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                             env={**os.environ, 'ROOT': self.root,
                                  'BUILT': os.path.join(self.root, 'mtty_mig.ko'),
                                  'PATH': f'{self.bin}:{os.environ["PATH"]}'})
        return run.returncode, run.stdout

    def refused(self, verb, *words):
        """The call fails with one error, one line of what to do, and these words."""
        status, said = self.call(verb)
        self.assertEqual(status, 3, said)
        errors = [line for line in said.splitlines() if line.startswith('lab: error: ')]
        self.assertEqual(len(errors), 1, said)
        self.assertTrue(said.splitlines()[-1].startswith('     '), said)
        for word in words:
            self.assertIn(word, said)

    def installed(self, error):
        """There is an installed module; this is what modprobe says of it."""
        self.program('modinfo', INSTALLED)
        self.program('modprobe', f"""[ "$1" = mtty_mig ] || exit 0
echo "modprobe: ERROR: could not insert 'mtty_mig': {error}" >&2
exit 1""")

    def offered(self):
        self.file('sys/module/mtty_mig/refcnt', '0')
        for name in ('none', 'full'):
            folder = f'{PARENT}/mdev_supported_types/mtty_mig-{name}'
            self.file(f'{folder}/description', f'Serial card {name}\n')
            self.file(f'{folder}/available_instances', '64\n')

    def device(self):
        self.file(f'{PARENT}/{UUID}/vfio-dev/vfio7/dev')
        os.symlink('../mdev_supported_types/mtty_mig-full',
                   os.path.join(self.root, PARENT, UUID, 'mdev_type'))

    def test_not_root(self):
        self.program('id', 'echo 1000')
        self.refused('load', 'only root', 'sudo make load')

    def test_no_vfio(self):
        self.gone('sys/class/vfio-dev')
        self.program('modprobe', NOT_FOUND)
        self.refused('load', 'no vfio', 'CONFIG_VFIO')

    def test_no_mdev(self):
        self.gone('sys/bus/mdev')
        self.program('modprobe', NOT_FOUND)
        self.refused('load', 'no mdev', 'CONFIG_VFIO_MDEV', 'CONFIG_SAMPLE_VFIO_MDEV_MTTY=m')

    def test_mdev_not_installed(self):
        self.gone('sys/bus/mdev')
        self.file(f'boot/config-{RELEASE}', 'CONFIG_VFIO=m\nCONFIG_VFIO_MDEV=m\n')
        self.program('modprobe', NOT_FOUND)
        self.refused('load', f'not in /lib/modules/{RELEASE}', 'install the package')

    def test_mdev_is_loaded(self):
        self.gone('sys/bus/mdev')
        self.offered()
        os.rename(os.path.join(self.root, 'sys/module/mtty_mig'), os.path.join(self.root, 'later'))
        self.program('modprobe', f'[ $1 != mdev ] || mkdir {self.root}/sys/bus/mdev\n'
                     f'[ $1 != mtty_mig ] || mv {self.root}/later {self.root}/sys/module/mtty_mig')
        self.program('modinfo', INSTALLED)
        status, said = self.call('load')
        self.assertEqual(status, 0, said)
        self.assertIn('lab: loaded: mdev', said)
        self.assertIn('lab: loaded: mtty_mig, from /lib/modules/m.ko', said)
        self.assertIn('mtty_mig-full      Serial card full', said)
        self.assertIn('random/uuid >/sys/devices/virtual/mtty_mig', said)

    def test_no_module(self):
        self.refused('load', 'no module', 'make modules')

    def test_built_for_other_kernel(self):
        self.file('mtty_mig.ko')
        self.program('modinfo', 'case "$*" in *vermagic*) echo 6.99.0 SMP ;; *) exit 1 ;; esac')
        self.refused('load', 'is for Linux 6.99.0', 'make modules')

    def test_built_goes_before_installed(self):
        self.offered()
        os.rename(os.path.join(self.root, 'sys/module/mtty_mig'), os.path.join(self.root, 'later'))
        self.file('mtty_mig.ko')
        self.program('modinfo',
                     f'case "$*" in *vermagic*) echo {RELEASE} SMP ;; *) echo m.ko ;; esac')
        self.program('insmod', f'mv {self.root}/later {self.root}/sys/module/mtty_mig')
        status, said = self.call('load')
        self.assertEqual(status, 0, said)
        self.assertIn(f'lab: loaded: mtty_mig, from {self.root}/mtty_mig.ko', said)

    def test_signature(self):
        for what in ('Key was rejected by service', 'Required key not available'):
            self.installed(what)
            self.refused('load', 'not signed', 'Secure Boot')

    def test_lockdown(self):
        self.file('sys/kernel/security/lockdown', 'none [integrity] confidentiality\n')
        self.installed('Operation not permitted')
        self.refused('load', 'locked down', 'sign the module')

    def test_modules_disabled(self):
        self.file('proc/sys/kernel/modules_disabled', '1\n')
        self.installed('Operation not permitted')
        self.refused('load', 'modules_disabled', 'boot it anew')

    def test_other_kernel(self):
        self.installed('Invalid module format')
        self.refused('load', 'built for another kernel', 'make modules')

    def test_unknown_symbol(self):
        self.installed('Unknown symbol in module')
        self.refused('load', 'XXHASH', 'dmesg')

    def test_loaded_already(self):
        self.offered()
        self.device()
        status, said = self.call('load')
        self.assertEqual(status, 0, said)
        self.assertIn('is loaded already', said)
        self.assertIn(f'there is: {UUID} mtty_mig-full /dev/vfio/devices/vfio7', said)

    def test_no_way_to_open(self):
        self.offered()
        os.unlink(os.path.join(self.root, 'dev/vfio/vfio'))
        status, said = self.call('load')
        self.assertEqual(status, 0, said)
        self.assertIn('devices cannot be opened', said)
        self.assertIn('IOMMUFD', said)

    def test_unload(self):
        self.assertIn('is not loaded', self.call('unload')[1])
        self.offered()
        status, said = self.call('unload')
        self.assertEqual((status, said), (0, 'lab: unloaded: mtty_mig; vfio and mdev stay\n'))

    def test_unload_not_root(self):
        self.offered()
        self.program('id', 'echo 1000')
        self.refused('unload', 'only root', 'sudo make unload')

    def test_unload_with_device(self):
        self.offered()
        self.device()
        self.program('rmmod', 'echo "it was called"; exit 1')
        self.refused('unload', 'there are devices', UUID, 'remove')

    def test_unload_with_open_device(self):
        self.offered()
        self.device()
        self.file('proc/4711/comm', 'qemu\n')
        os.makedirs(os.path.join(self.root, 'proc/4711/fd'))
        os.symlink('/dev/vfio/devices/vfio7', os.path.join(self.root, 'proc/4711/fd/5'))
        self.refused('unload', 'in use, by process 4711 (qemu)')

    def test_unload_in_use(self):
        self.offered()
        self.program('rmmod', 'echo "rmmod: ERROR: Module mtty_mig is in use" >&2; exit 1')
        self.refused('unload', 'is in use', 'call again')


if __name__ == '__main__':
    unittest.main()
