// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest's only process.  The kernel's command line says what it works on,
 * WORK=serial,dma or WORK=flood or WORK=msix, msi, intx (and LOST=, see vm.h);
 * it begins with it, and tells each 200 ms, as one line of JSON on ttyS1, what
 * came of it so far.  A line "check" there lets all that is under way come to
 * its end and be checked to the last page, and the answer says "checked": true.
 * So does "reset", which then resets the devices, and works on when it has
 * answered; and "reboot", which answers nothing, and all begins anew.
 *
 * The console, ttyS0, is for what people read.
 */
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/reboot.h>
#include <termios.h>
#include <unistd.h>

#include "vm.h"

#define MAX_DEVICES 4
#define TELL_EVERY 0.2

struct work {
	struct vm_serial *serial;
	struct vm_dma *dma;
	struct vm_flood *flood;
	struct vm_irq *irq;
};

enum order {
	ORDER_NONE,
	ORDER_CHECK,
	ORDER_RESET,
	ORDER_REBOOT,
};

static struct vm_device devices[MAX_DEVICES];
static struct work works[MAX_DEVICES];
static int nr_devices;

static bool has_word(const char *words, const char *word)
{
	size_t length = strlen(word);

	while (words) {
		if (!strncmp(words, word, length) &&
		    (!words[length] || words[length] == ','))
			return true;
		words = strchr(words, ',');
		if (words)
			words++;
	}
	return false;
}

static void begin(const char *words)
{
	int i;

	nr_devices = vm_find_devices(devices, MAX_DEVICES);
	if (!nr_devices)
		vm_die("this machine has no mtty-mig device");
	for (i = 0; i < nr_devices; i++) {
		if (has_word(words, "serial"))
			works[i].serial = vm_serial_begin(&devices[i]);
		if (has_word(words, "dma")) {
			vm_map(&devices[i]);
			works[i].dma = vm_dma_begin(&devices[i], i, nr_devices);
		}
		if (has_word(words, "flood")) {
			vm_map(&devices[i]);
			works[i].flood = vm_flood_begin(&devices[i], i,
							nr_devices);
		}
		if (!works[i].serial && !works[i].dma && !works[i].flood)
			works[i].irq = vm_irq_begin(&devices[i], words);
	}
}

static void go_on(void)
{
	int i;

	for (i = 0; i < nr_devices; i++) {
		if (works[i].serial)
			vm_serial_go_on(works[i].serial);
		if (works[i].dma)
			vm_dma_go_on(works[i].dma, true);
		if (works[i].flood)
			vm_flood_go_on(works[i].flood, true);
		if (works[i].irq)
			vm_irq_go_on(works[i].irq, true);
	}
}

static bool idle(void)
{
	bool all = true;
	int i;

	for (i = 0; i < nr_devices; i++) {
		if (works[i].serial)
			all &= vm_serial_idle(works[i].serial);
		if (works[i].dma)
			all &= vm_dma_idle(works[i].dma);
		if (works[i].flood)
			all &= vm_flood_idle(works[i].flood);
		if (works[i].irq)
			all &= vm_irq_idle(works[i].irq);
	}
	return all;
}

static void check(void)
{
	int i;

	while (!idle())
		usleep(1000);
	for (i = 0; i < nr_devices; i++) {
		if (works[i].dma)
			vm_dma_check(works[i].dma);
		if (works[i].flood)
			vm_flood_check(works[i].flood);
	}
}

/*
 * What drivers do: nothing is under way, the device is reset, and set up again.
 * Work that has interrupts of its own has no order of this kind.
 */
static void reset(void)
{
	int i;

	check();
	for (i = 0; i < nr_devices; i++) {
		if (works[i].irq)
			vm_die("work on interrupts cannot be interrupted");
		if (works[i].serial)
			vm_serial_close(works[i].serial);
		vm_reset(&devices[i]);
		if (works[i].serial)
			vm_serial_open(works[i].serial, &devices[i]);
		if (works[i].dma)
			vm_dma_forget(works[i].dma);
	}
}

static void restart(void)
{
	check();
	vm_say("vm: it reboots");
	reboot(RB_AUTOBOOT);
	vm_die("it does not reboot: %m");
}

static void tell(FILE *out, bool checked)
{
	static unsigned int number;
	int i;

	fprintf(out, "{\"number\": %u, \"checked\": %s, \"devices\": [",
		++number, checked ? "true" : "false");
	for (i = 0; i < nr_devices; i++) {
		fprintf(out, "%s{\"bdf\": \"%s\"", i ? ", " : "",
			devices[i].bdf);
		if (works[i].serial) {
			fprintf(out, ", ");
			vm_serial_tell(works[i].serial, out);
		}
		if (works[i].dma) {
			fprintf(out, ", ");
			vm_dma_tell(works[i].dma, out);
		}
		if (works[i].flood) {
			fprintf(out, ", ");
			vm_flood_tell(works[i].flood, out);
		}
		if (works[i].irq) {
			fprintf(out, ", ");
			vm_irq_tell(works[i].irq, out);
		}
		fprintf(out, "}");
	}
	fprintf(out, "]}\n");
	fflush(out);
}

static int open_teller(void)
{
	struct termios settings;
	int fd = open("/dev/ttyS1", O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (fd < 0 || tcgetattr(fd, &settings))
		vm_die("cannot open ttyS1: %m");
	cfmakeraw(&settings);
	settings.c_cflag |= CLOCAL;
	if (tcsetattr(fd, TCSANOW, &settings))
		vm_die("ttyS1 does not take its settings: %m");
	return fd;
}

static enum order ordered(int fd)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	char words[64] = "";

	/* A little sleep: a VMM that emulates has one processor for all */
	if (poll(&ready, 1, 1) <= 0 ||
	    read(fd, words, sizeof(words) - 1) <= 0)
		return ORDER_NONE;
	if (strstr(words, "check\n"))
		return ORDER_CHECK;
	if (strstr(words, "reset\n"))
		return ORDER_RESET;
	if (strstr(words, "reboot\n"))
		return ORDER_REBOOT;
	return ORDER_NONE;
}

int main(void)
{
	const char *words = getenv("WORK"), *lost = getenv("LOST");
	double told = 0;
	FILE *out;
	int fd;

	if (lost)
		vm_lost_after = strtod(lost, NULL);
	vm_mount();
	fd = open_teller();
	out = fdopen(fd, "w");
	begin(words ? words : "serial,dma");
	for (;;) {
		go_on();
		switch (ordered(fd)) {
		case ORDER_CHECK:
			check();
			tell(out, true);
			break;
		case ORDER_RESET:
			reset();
			tell(out, true);
			break;
		case ORDER_REBOOT:
			restart();
			break;
		case ORDER_NONE:
			if (vm_seconds() - told <= TELL_EVERY)
				break;
			tell(out, false);
			told = vm_seconds();
			break;
		}
	}
}
