// SPDX-License-Identifier: GPL-2.0-only
/* The fields of a record of mtty_mig, in words. */
#include <stdio.h>

#include <linux/pci_regs.h>
#include <linux/serial_reg.h>
#include <stream.h>

#include "record.h"

/**
 * struct field - a number in a record
 * @name: its name in Documentation/stream.rst
 * @offset: where it is in the payload
 * @size: of how many bytes
 */
struct field {
	const char *name;
	unsigned int offset;
	unsigned int size;
};

#define FIELD(type, member)						\
	{ #member, offsetof(struct type, member),			\
	  sizeof(((struct type *)0)->member) }

static const struct field header_fields[] = {
	FIELD(mtty_stream_header, major),
	FIELD(mtty_stream_header, minor),
	FIELD(mtty_stream_header, type),
	FIELD(mtty_stream_header, mem_size),
	FIELD(mtty_stream_header, page_size),
	{}
};

static const struct field uart_fields[] = {
	FIELD(mtty_stream_uart, ier),
	FIELD(mtty_stream_uart, fcr),
	FIELD(mtty_stream_uart, lcr),
	FIELD(mtty_stream_uart, mcr),
	FIELD(mtty_stream_uart, lsr),
	FIELD(mtty_stream_uart, msr),
	FIELD(mtty_stream_uart, scr),
	FIELD(mtty_stream_uart, dll),
	FIELD(mtty_stream_uart, dlm),
	FIELD(mtty_stream_uart, thri),
	FIELD(mtty_stream_uart, rx_count),
	{}
};

static const struct field dma_fields[] = {
	FIELD(mtty_stream_dma, cmd),
	FIELD(mtty_stream_dma, status),
	FIELD(mtty_stream_dma, rate),
	FIELD(mtty_stream_dma, pattern),
	FIELD(mtty_stream_dma, src),
	FIELD(mtty_stream_dma, dst),
	FIELD(mtty_stream_dma, len),
	FIELD(mtty_stream_dma, done),
	{}
};

static const struct field pri_fields[] = {
	FIELD(mtty_stream_pri, nr_queued),
	FIELD(mtty_stream_pri, last_id),
	FIELD(mtty_stream_pri, raise),
	{}
};

static const struct field ctrl_fields[] = {
	FIELD(mtty_stream_ctrl, irq_pending),
	FIELD(mtty_stream_ctrl, scratch),
	FIELD(mtty_stream_ctrl, peer_base),
	FIELD(mtty_stream_ctrl, peer_size),
	{}
};

static const struct field trailer_fields[] = {
	FIELD(mtty_stream_trailer, total),
	FIELD(mtty_stream_trailer, digest),
	{}
};

static u64 number(const void *payload, const struct field *field)
{
	__le64 val = 0;

	memcpy(&val, payload + field->offset, field->size);
	return le64_to_cpu(val);
}

static bool is(const struct field *field, const char *name)
{
	return !strcmp(field->name, name);
}

/* The meaning of a number that stands for something */
static const char *meaning(const struct record *record,
			   const struct field *field, u64 val)
{
	static const char * const ops[] = { "WRITE", "READ", "COPY", "FILL" };
	static char text[48];

	if (record->type == RECORD_HEADER && is(field, "type"))
		return device_type_name(val);
	if (is(field, "lcr")) {
		snprintf(text, sizeof(text), "%u%c%s",
			 5 + (unsigned int)(val & UART_LCR_WLEN8),
			 !(val & UART_LCR_PARITY) ? 'N' :
			 val & UART_LCR_EPAR ? 'E' : 'O',
			 val & UART_LCR_STOP ? "2" : "1");
		return text;
	}
	if (is(field, "cmd")) {
		snprintf(text, sizeof(text), "%s%s", ops[val & MTTY_MIG_DMA_OP],
			 val & MTTY_MIG_DMA_IRQ ? ", interrupt" : "");
		return text;
	}
	if (is(field, "status"))
		return val & MTTY_MIG_DMA_BUSY ? "BUSY" :
		       val & MTTY_MIG_DMA_ERROR ? "ERROR" :
		       val & MTTY_MIG_DMA_COMPLETE ? "COMPLETE" : "idle";
	if (is(field, "lsr"))
		return val & UART_LSR_OE ? "overrun" : "";
	return "";
}

static void tell_fields(const struct record *record, const struct field *fields,
			field_fn tell, void *arg)
{
	char value[96];

	for (; fields->name; fields++) {
		u64 val = number(record->payload, fields);
		const char *means = meaning(record, fields, val);

		snprintf(value, sizeof(value), "%#llx%s%s%s",
			 (unsigned long long)val, *means ? " (" : "", means,
			 *means ? ")" : "");
		tell(arg, fields->name, value);
	}
}

static void tell_bytes(const u8 *bytes, unsigned int len, const char *name,
		       field_fn tell, void *arg)
{
	char value[3 * 16 + 1] = "";
	unsigned int i;

	for (i = 0; i < len && i < 16; i++)
		snprintf(value + 3 * i, 4, "%02x ", bytes[i]);
	if (i)
		value[3 * i - 1] = '\0';
	tell(arg, name, value);
}

static void tell_uart(const struct record *record, field_fn tell, void *arg)
{
	const struct mtty_stream_uart *uart = record->payload;

	tell_fields(record, uart_fields, tell, arg);
	if (uart->rx_count)
		tell_bytes(uart->rx, uart->rx_count, "rx", tell, arg);
}

static void tell_pci(const struct record *record, field_fn tell, void *arg)
{
	const struct mtty_stream_pci *pci = record->payload;
	const u8 *c = pci->config;
	char name[24], value[96];
	unsigned int i;

	snprintf(value, sizeof(value), "%04x:%04x",
		 get_unaligned_le16(c + PCI_VENDOR_ID),
		 get_unaligned_le16(c + PCI_DEVICE_ID));
	tell(arg, "id", value);
	i = get_unaligned_le16(c + PCI_COMMAND);
	snprintf(value, sizeof(value), "%#x (%s%s%s%s)", i,
		 i & PCI_COMMAND_IO ? "I/O " : "",
		 i & PCI_COMMAND_MEMORY ? "memory " : "",
		 i & PCI_COMMAND_MASTER ? "bus master " : "",
		 i & PCI_COMMAND_INTX_DISABLE ? "no INTx" : "INTx");
	tell(arg, "command", value);
	for (i = 0; i < MTTY_MIG_CFG_SIZE; i += 16) {
		if (!memchr_inv(c + i, 0, 16))
			continue;
		snprintf(name, sizeof(name), "config[%#04x]", i);
		tell_bytes(c + i, 16, name, tell, arg);
	}
	for (i = 0; i < MTTY_MIG_NR_VECTORS; i++) {
		snprintf(name, sizeof(name), "msix[%u]", i);
		snprintf(value, sizeof(value), "%#010x%08x data %#x%s",
			 le32_to_cpu(pci->msix[i][1]),
			 le32_to_cpu(pci->msix[i][0]),
			 le32_to_cpu(pci->msix[i][2]),
			 le32_to_cpu(pci->msix[i][3]) &
			 PCI_MSIX_ENTRY_CTRL_MASKBIT ? " (masked)" : "");
		tell(arg, name, value);
	}
}

static void tell_pri(const struct record *record, field_fn tell, void *arg)
{
	const struct mtty_stream_pri *pri = record->payload;
	char name[24], value[48];
	unsigned int i;

	tell_fields(record, pri_fields, tell, arg);
	for (i = 0; i < MTTY_MIG_PRI_MAX && pri->id[i]; i++) {
		snprintf(name, sizeof(name), "request[%u]", i);
		snprintf(value, sizeof(value), "id %#x iova %#llx",
			 le32_to_cpu(pri->id[i]),
			 (unsigned long long)le64_to_cpu(pri->iova[i]));
		tell(arg, name, value);
	}
}

/**
 * record_fields - tell the fields of a record
 * @record: the record; a page has none
 * @tell: called for each field
 * @arg: for @tell
 */
void record_fields(const struct record *record, field_fn tell, void *arg)
{
	if (!record->payload)
		return;
	switch (record->type) {
	case RECORD_HEADER:
		tell_fields(record, header_fields, tell, arg);
		break;
	case MTTY_STREAM_UART0:
	case MTTY_STREAM_UART1:
		tell_uart(record, tell, arg);
		break;
	case MTTY_STREAM_PCI:
		tell_pci(record, tell, arg);
		break;
	case MTTY_STREAM_DMA0:
	case MTTY_STREAM_DMA1:
		tell_fields(record, dma_fields, tell, arg);
		break;
	case MTTY_STREAM_PRI:
		tell_pri(record, tell, arg);
		break;
	case MTTY_STREAM_CTRL:
		tell_fields(record, ctrl_fields, tell, arg);
		break;
	case MTTY_STREAM_TRAILER:
		tell_fields(record, trailer_fields, tell, arg);
		break;
	}
}
