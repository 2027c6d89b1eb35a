// SPDX-License-Identifier: GPL-2.0-only
/*
 * A conversation with oneself: both ports are in loopback, and what is sent has
 * to come back, each byte once, in order.  The kernel's 8250 driver knows
 * nothing of migration; without the port's interrupts nothing comes back at all.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "vm.h"

/* <asm/termios.h>, which does not go together with the C library's */
#define TIOCM_OUT2 0x4000
#define TIOCM_LOOP 0x8000

/* On their way at once: several FIFOs full, so that there is always something */
#define WINDOW 64

struct port {
	int fd;
	unsigned int number;
	__u64 sent, received, bad;
	double heard;
};

struct vm_serial {
	struct port ports[MTTY_MIG_NR_UARTS];
};

/* Of byte n of the conversation.  No run of them is like another one. */
static __u8 byte(const struct port *port, __u64 n)
{
	return (n * 0x9e3779b97f4a7c15ULL >> 56) ^ port->number;
}

/* The n-th tty whose device is below ours */
static int open_tty(const struct vm_device *device, unsigned int wanted)
{
	char link[PATH_MAX], target[PATH_MAX], path[PATH_MAX];
	unsigned int found = 0, tty;

	for (tty = 0; tty < 32; tty++) {
		snprintf(link, sizeof(link), "/sys/class/tty/ttyS%u", tty);
		if (!realpath(link, target) || !strstr(target, device->bdf) ||
		    found++ != wanted)
			continue;
		snprintf(path, sizeof(path), "/dev/ttyS%u", tty);
		return open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	}
	errno = ENODEV;
	return -1;
}

static void open_port(struct port *port, const struct vm_device *device,
		      unsigned int number)
{
	int lines = TIOCM_LOOP | TIOCM_DTR | TIOCM_RTS | TIOCM_OUT2;
	struct termios settings;

	port->number = number;
	port->heard = vm_seconds();
	port->fd = open_tty(device, number);
	if (port->fd < 0)
		vm_die("%s: no serial port %u: %m", device->bdf, number);
	if (tcgetattr(port->fd, &settings))
		vm_die("%s: port %u has no settings: %m", device->bdf, number);
	cfmakeraw(&settings);
	cfsetspeed(&settings, B115200);
	settings.c_cflag |= CLOCAL | CREAD;
	if (tcsetattr(port->fd, TCSANOW, &settings) ||
	    ioctl(port->fd, TIOCMSET, &lines))
		vm_die("%s: port %u does not take its settings: %m",
		       device->bdf, number);
}

void vm_serial_open(struct vm_serial *serial, const struct vm_device *device)
{
	unsigned int i;

	for (i = 0; i < MTTY_MIG_NR_UARTS; i++)
		open_port(&serial->ports[i], device, i);
}

void vm_serial_close(struct vm_serial *serial)
{
	unsigned int i;

	for (i = 0; i < MTTY_MIG_NR_UARTS; i++)
		close(serial->ports[i].fd);
}

struct vm_serial *vm_serial_begin(struct vm_device *device)
{
	struct vm_serial *serial = calloc(1, sizeof(*serial));

	vm_serial_open(serial, device);
	return serial;
}

static void hear(struct port *port)
{
	__u8 bytes[WINDOW];
	ssize_t n = read(port->fd, bytes, sizeof(bytes)), i;

	for (i = 0; i < n; i++) {
		if (bytes[i] == byte(port, port->received++))
			continue;
		if (!port->bad++)
			vm_say("port %u: byte %llu is %#x instead of %#x",
			       port->number,
			       (unsigned long long)port->received - 1, bytes[i],
			       byte(port, port->received - 1));
	}
	if (n > 0)
		port->heard = vm_seconds();
}

static void talk(struct port *port)
{
	__u8 bytes[WINDOW];
	size_t wanted, length;
	ssize_t n;

	if (port->sent >= port->received + WINDOW)
		return;
	/* More may have come than was sent: that has been counted as bad */
	wanted = port->received + WINDOW - port->sent;
	if (wanted > WINDOW)
		wanted = WINDOW;
	for (length = 0; length < wanted; length++)
		bytes[length] = byte(port, port->sent + length);
	n = write(port->fd, bytes, length);
	if (n > 0)
		port->sent += n;
}

void vm_serial_go_on(struct vm_serial *serial)
{
	struct port *port;

	for (port = serial->ports; port < serial->ports + MTTY_MIG_NR_UARTS;
	     port++) {
		hear(port);
		talk(port);
	}
}

/* What is on its way comes back, or is lost.  Here so much is sent that came. */
static bool waits(struct port *port)
{
	hear(port);
	return port->received < port->sent &&
	       vm_seconds() - port->heard < vm_lost_after;
}

bool vm_serial_idle(struct vm_serial *serial)
{
	bool idle = true;
	unsigned int i;

	for (i = 0; i < MTTY_MIG_NR_UARTS; i++)
		idle &= !waits(&serial->ports[i]);
	return idle;
}

void vm_serial_tell(const struct vm_serial *serial, FILE *out)
{
	const struct port *port;

	fprintf(out, "\"serial\": [");
	for (port = serial->ports; port < serial->ports + MTTY_MIG_NR_UARTS;
	     port++)
		fprintf(out,
			"%s{\"sent\": %llu, \"received\": %llu, \"bad\": %llu}",
			port == serial->ports ? "" : ", ",
			(unsigned long long)port->sent,
			(unsigned long long)port->received,
			(unsigned long long)port->bad);
	fprintf(out, "]");
}
