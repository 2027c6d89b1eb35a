// SPDX-License-Identifier: GPL-2.0-only
/*
 * The records of a stream of mtty_mig, one after the other.  The driver's own
 * decoder reads them, and what it says of them is what the driver would say.
 */
#include <stdio.h>

#include <stream.h>

#include "record.h"

/* The decoder loads registers and one page at a time into this */
static struct reader {
	struct records *records;
	struct mtty_hw hw;
	struct mtty_dec dec;
	struct record now;
	u8 page[MTTY_MIG_PAGE_SIZE];
} reader;

static void emit(u32 type, const void *payload)
{
	reader.now.type = type;
	reader.now.payload = payload;
	if (reader.records->each)
		reader.records->each(reader.records->arg, &reader.now);
}

static void *page(void *arg, u64 index)
{
	(void)arg;
	reader.now.index = index;
	return reader.page;
}

static void page_done(void *arg, u64 index)
{
	(void)arg;
	(void)index;
	emit(MTTY_STREAM_PAGE, reader.page);
}

static void page_zero(void *arg, u64 index)
{
	(void)arg;
	reader.now.index = index;
	emit(MTTY_STREAM_ZERO, NULL);
}

static const struct mtty_dec_ops ops = {
	.page = page,
	.page_done = page_done,
	.page_zero = page_zero,
};

/*
 * The decoder compares the header with a device: give it the one that was saved
 */
static void begin(const struct mtty_stream_header *header)
{
	struct records *records = reader.records;

	records->device_type = le32_to_cpu(header->type);
	records->mem_size = le64_to_cpu(header->mem_size);
	mtty_hw_reset(&reader.hw, records->mem_size);
	reader.hw.pri.present = records->device_type == MTTY_MIG_TYPE_VPRI;
	mtty_dec_init(&reader.dec, records->device_type, &reader.hw, &ops, NULL);
}

/* The decoder has all bytes that it wanted: find out what they are */
static void complete(bool header, bool record, unsigned int states)
{
	struct mtty_dec *dec = &reader.dec;
	bool ours;

	if (header) {
		emit(RECORD_HEADER, dec->buf);
		return;
	}
	if (dec->next_state > states) {
		emit(reader.now.type, dec->buf);
		return;
	}
	if (dec->done) {
		emit(MTTY_STREAM_TRAILER, dec->buf);
		return;
	}
	/* A record that the decoder skips is known by its header alone */
	ours = !(reader.now.flags & MTTY_STREAM_OPTIONAL);
	if (record && !ours)
		emit(reader.now.type, NULL);
}

static int feed(const u8 *data, size_t len)
{
	struct mtty_dec *dec = &reader.dec;

	while (len) {
		unsigned int states = dec->next_state;
		bool header, record;
		ssize_t want;
		void *dst;
		int ret;

		want = mtty_dec_want(dec, &dst);
		if (want < 0)
			return want;
		header = dec->total + want == sizeof(struct mtty_stream_header);
		record = dst + want == &dec->record + 1;
		if (dst == &dec->record)
			reader.now = (struct record){ .offset = dec->total };
		if ((size_t)want > len)
			want = len;
		memcpy(dst, data, want);
		/* A record that is refused needs a name, too */
		if (record && dst + want == &dec->record + 1) {
			reader.now.type = le16_to_cpu(dec->record.type);
			reader.now.flags = le16_to_cpu(dec->record.flags);
			reader.now.length = le32_to_cpu(dec->record.length);
		}
		record = record && dst + want == &dec->record + 1;
		header = header &&
			 dec->total + want == sizeof(struct mtty_stream_header);
		ret = mtty_dec_got(dec, data, want);
		if (ret)
			return ret;
		complete(header, record, states);
		data += want;
		len -= want;
	}
	return 0;
}

/* Whether it is a stream of mtty_mig, perhaps in the other byte order */
static bool is_ours(const u8 *data, size_t len)
{
	__le64 magic;

	if (len < sizeof(magic))
		return false;
	memcpy(&magic, data, sizeof(magic));
	return le64_to_cpu(magic) == MTTY_STREAM_MAGIC ||
	       le64_to_cpu(magic) == swab64(MTTY_STREAM_MAGIC);
}

static size_t read_full(struct envelope *env, void *buf, size_t len)
{
	size_t done = 0;
	ssize_t n;

	while (done < len && (n = envelope_read(env, buf + done, len - done)) > 0)
		done += n;
	return done;
}

/**
 * records_read - read a stream to its end
 * @records: how; what was found is put there
 * @env: the file; read to its end, also if the stream is not ours or is
 *	refused
 */
void records_read(struct records *records, struct envelope *env)
{
	static u8 buf[0x10000];
	size_t len;

	memset(&reader, 0, sizeof(reader));
	reader.records = records;
	len = read_full(env, buf, sizeof(struct mtty_stream_header));
	records->ours = is_ours(buf, len);
	reader.now = (struct record){
		.type = RECORD_HEADER,
		.length = sizeof(struct mtty_stream_header),
	};
	if (records->ours && len == sizeof(struct mtty_stream_header)) {
		begin((void *)buf);
		records->error = -feed(buf, len);
	} else if (records->ours) {
		records->error = ENODATA;
		records->at = len;
	}
	while ((len = read_full(env, buf, sizeof(buf))))
		if (records->ours && !records->error)
			records->error = -feed(buf, len);
	if (records->ours && !records->error)
		records->error = -mtty_dec_finish(&reader.dec);
	if (records->error) {
		records->at = reader.dec.total ?: records->at;
		records->within = reader.now;
	}
}

/**
 * record_name - what a record is called
 * @type: enum mtty_stream_type, or RECORD_HEADER
 *
 * Return: its name in Documentation/stream.rst.
 */
const char *record_name(u32 type)
{
	static char number[24];

	switch (type) {
	case RECORD_HEADER:
		return "header";
	case MTTY_STREAM_PAGE:
		return "PAGE";
	case MTTY_STREAM_ZERO:
		return "ZERO";
	case MTTY_STREAM_UART0:
		return "UART0";
	case MTTY_STREAM_UART1:
		return "UART1";
	case MTTY_STREAM_PCI:
		return "PCI";
	case MTTY_STREAM_DMA0:
		return "DMA0";
	case MTTY_STREAM_DMA1:
		return "DMA1";
	case MTTY_STREAM_PRI:
		return "PRI";
	case MTTY_STREAM_CTRL:
		return "CTRL";
	case MTTY_STREAM_TRAILER:
		return "TRAILER";
	}
	snprintf(number, sizeof(number), "record %#06x", type);
	return number;
}

/**
 * record_reason - why the driver refuses a stream
 * @error: the errno
 *
 * Return: the reason in words.
 */
const char *record_reason(int error)
{
	switch (error) {
	case EPROTOTYPE:
		return "it is in another byte order";
	case EPROTONOSUPPORT:
		return "it has another major version";
	case EOPNOTSUPP:
		return "a record or a flag is unknown, and not optional";
	case EPROTO:
		return "a record is missing, repeated, out of order, or of the wrong length";
	case ERANGE:
		return "a field has a value that the device cannot have";
	case EBADMSG:
		return "the digest is wrong";
	case E2BIG:
		return "something follows the trailer";
	case ENODATA:
		return "it ends before its trailer";
	case EMSGSIZE:
		return "its pages have another size";
	}
	return strerror(error);
}

/**
 * device_type_name - a type of device
 * @type: enum mtty_mig_type, or any number
 *
 * Return: its name, without the prefix.
 */
const char *device_type_name(u32 type)
{
	static const char * const names[MTTY_MIG_NR_TYPES] = {
		"none", "base", "p2p", "precopy", "full", "vpri"
	};

	return type < ARRAY_SIZE(names) ? names[type] : "unknown";
}
