# SPDX-License-Identifier: GPL-2.0-only
"""bench: what becomes of samples, and which ratio fails a run."""

import contextlib
import io
import json
import os
import sys
import tempfile
import unittest
from unittest import mock

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..'))
import bench  # noqa: E402


def lines(row, x, device, peer=()):
    """Samples of several rounds, in microseconds for a million bytes, or for one time."""
    amount = 1 if row.startswith('arc') or row in ('reset', 'devices') else 1000000
    text = []
    for side, values in (('device', device), ('peer', peer)):
        for number, value in enumerate(values, 1):
            text.append(f'{row} {x} {side} {number} {value * 1000} {amount}')
    return text


class Bench(unittest.TestCase):
    def results(self, *text):
        with tempfile.TemporaryDirectory() as place:
            with open(f'{place}/samples', 'w', encoding='utf-8') as file:
                file.write('\n'.join(text) + '\n')
            return bench.results(bench.read_samples(file.name))

    def test_a_rate_is_judged_round_by_round(self):
        found, = self.results(*lines('save', 65536, [1000, 4000, 2000], [900, 4400, 2000]))
        self.assertEqual(found['device'], {'median': 500, 'min': 250, 'max': 1000})
        self.assertEqual(found['ratio']['median'], 1)
        self.assertAlmostEqual(found['ratio']['min'], 0.9)
        self.assertTrue(found['met'])
        self.assertFalse(found['failed'])

    def test_a_time_has_to_be_low(self):
        found, = self.results(*lines('arc-stop', 1 << 26, [13, 13, 13], [10, 10, 10]))
        self.assertFalse(found['met'])
        self.assertFalse(found['failed'])

    def test_only_a_ratio_that_is_bad_in_each_round_fails(self):
        bad, = self.results(*lines('arc-stop', 1, [900, 900], [10, 10]))
        self.assertTrue(bad['failed'])
        once, = self.results(*lines('arc-stop', 1, [900, 12], [10, 10]))
        self.assertFalse(once['failed'])
        slow, = self.results(*lines('save', 1, [900, 900], [10, 10]))
        self.assertTrue(slow['failed'])

    def test_devices_are_compared_with_one(self):
        one, many = self.results(*lines('devices', 1, [10, 20]), *lines('devices', 10, [11, 26]))
        self.assertNotIn('ratio', one)
        self.assertAlmostEqual(many['ratio']['median'], 1.2)
        self.assertTrue(many['met'])

    def test_without_a_peer_nothing_is_judged(self):
        found, = self.results(*lines('arc-stop', 1, [10]))
        self.assertNotIn('ratio', found)
        self.assertNotIn('failed', found)

    def test_bytes(self):
        found, = self.results('pre-copy-bytes 16 device 1 65792 1', 'pre-copy-bytes 16 peer 1 65536 1')
        self.assertEqual(found['device']['median'], 65792)
        self.assertTrue(found['met'])

    def test_rows_are_in_their_order_and_known(self):
        found = self.results(*lines('reset', 1, [1]), *lines('save', 8, [1]), *lines('save', 4, [1]))
        self.assertEqual([(each['row'], each['x']) for each in found], [('save', 4), ('save', 8), ('reset', 1)])

    def main(self, place, *words):
        out = io.StringIO()
        argv = ['bench.py', '--release', '6.12', '--engine', 'uml', '--flavour', 'plain', '--out', place,
                *words, f'{place}/samples']
        with mock.patch.object(sys, 'argv', argv), mock.patch('shutil.which', return_value=None), \
                contextlib.redirect_stdout(out):
            status = bench.main()
        return status, out.getvalue()

    def test_table_json_and_baseline(self):
        with tempfile.TemporaryDirectory() as place:
            with open(f'{place}/samples', 'w', encoding='utf-8') as file:
                file.write('\n'.join(lines('save', 65536, [1000], [800])) + '\n')
            status, text = self.main(place)
            self.assertEqual(status, 0)
            self.assertTrue(text.endswith('\n1 passed, 0 failed, 0 skipped\n'), text)
            self.assertRegex(text, r'64 KiB +1000 MB/s.* 0\.8 .*>= 0\.95 +missed')
            self.assertIn('gnuplot-nox', text)
            with open(f'{place}/6.12-uml.json', encoding='utf-8') as file:
                self.assertEqual(json.load(file)['results'][0]['ratio']['median'], 0.8)
            os.rename(f'{place}/6.12-uml.json', f'{place}/before')
            with open(f'{place}/samples', 'w', encoding='utf-8') as file:
                file.write('\n'.join(lines('save', 65536, [10000], [800])) + '\n')
            status, text = self.main(place, '--baseline', f'{place}/before')
            self.assertEqual(status, 1)
            self.assertTrue(text.endswith('\n0 passed, 1 failed, 0 skipped\n'), text)
            self.assertRegex(text, r'ratio before\n.* 0\.08 .* 0\.8 \(0\.8-0\.8\)\n')
            self.assertIn('save 65536: the ratio 0.08', text)

    def test_plots_have_all_points(self):
        found = self.results(*lines('save', 65536, [1000, 500], [800, 800]), *lines('save', 1 << 20, [100], [90]))
        script = bench.gnuplot_script(found, 'throughput', ('save', 'load'), 'bytes', 'MB/s')
        self.assertIn('\n65536 1500.0 1000.0 2000.0\n1048576 10000.0', script)
        self.assertEqual(script.count('END\n'), 4)
        self.assertIn('set xtics ("64 KiB" 65536, "1 MiB" 1048576)', script)
        # The device and what is beside it
        self.assertEqual(script.count('linecolor 1'), 2)
        self.assertIn('set output "throughput.svg"', script)
        self.assertEqual(bench.gnuplot_script(found, 'devices', ('devices',), 'n', 'us'), '')


if __name__ == '__main__':
    unittest.main()
