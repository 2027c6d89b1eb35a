// SPDX-License-Identifier: GPL-2.0-only
/* The module of the suites. */
#include <linux/module.h>

#include "compat.h"
#include "helpers.h"

static void mtty_test_exit(void)
{
	mtty_test_unmount();
	mtty_test_devices_exit();
}
module_exit(mtty_test_exit);

static int __init mtty_test_init(void)
{
	return mtty_test_devices_init();
}
module_init(mtty_test_init);

MODULE_DESCRIPTION("KUnit tests for the reference device for VFIO migration");
MODULE_LICENSE("GPL");
MTTY_MIG_IMPORT_KUNIT_NS();
