// SPDX-License-Identifier: GPL-2.0-only
/*
 * Streams that are not what they should be: each kind of mistake is refused,
 * with its own error, and leaves the device as a reset does.
 */
#include <poll.h>
#include <linux/pci_regs.h>
#include <kselftest_harness.h>

#include "../lib/check.h"
#include "lib/mtty.h"
#include "lib/stream_edit.h"

#define PAGE		MTTY_MIG_PAGE_SIZE
#define PAGES		4
#define MEM_SIZE	(PAGES * PAGE)
#define SEED		1

/**
 * struct stream_edit - what is edited
 * @good: the stream of a filled device
 * @bad: a copy of it, to be spoilt
 * @records: the records of both, before the edit
 * @nr: how many
 * @first_state: index of the first record after the pages
 */
struct stream_edit {
	struct mig_stream good;
	struct mig_stream bad;
	struct record records[RECORDS_MAX];
	unsigned int nr;
	unsigned int first_state;
};

FIXTURE(stream)
{
	struct mtty mtty;
	struct stream_edit edit;
	__u64 fresh;
	__u64 filled;
};

FIXTURE_SETUP(stream)
{
	struct stream_edit *e = &self->edit;

	if (!mtty_available())
		SKIP(return, "there is no mtty_mig driver");
	mtty_new(&self->mtty, "full", MEM_SIZE);
	self->fresh = mtty_digest(&self->mtty);
	mtty_fill(&self->mtty, SEED, 2);
	self->filled = mtty_digest(&self->mtty);
	mig_save(&self->mtty.dev, &e->good, MIG_CHUNK);
	mig_stream_copy(&e->bad, &e->good);
	e->nr = stream_records(&e->good, e->records);
	while (e->records[e->first_state].type == REC_PAGE ||
	       e->records[e->first_state].type == REC_ZERO)
		e->first_state++;
	if (!e->first_state || e->first_state == e->nr - 1)
		die("a stream of %u records, %u of them pages", e->nr,
		    e->first_state);
}

FIXTURE_TEARDOWN(stream)
{
	mig_stream_free(&self->edit.good);
	mig_stream_free(&self->edit.bad);
	mtty_remove_all();
}

/*
 * The stream self->edit.bad must be refused with @error, and must not have done
 * anything.  Afterwards it is the good one again.
 */
static void refused(struct __test_metadata *_metadata,
		    struct _test_data_stream *self, int error, const char *what)
{
	struct stream_edit *e = &self->edit;
	struct mtty *mtty = &self->mtty;

	vfio_dev_reset(&mtty->dev);
	EXPECT_EQ(error, __mig_load(&mtty->dev, &e->bad, MIG_CHUNK,
				    VFIO_DEVICE_STATE_STOP))
		TH_LOG("%s", what);
	EXPECT_EQ(VFIO_DEVICE_STATE_RESUMING, vfio_mig_get(&mtty->dev))
		TH_LOG("%s", what);
	EXPECT_EQ(self->fresh, mtty_digest(mtty))
		TH_LOG("%s: it left something behind", what);
	mig_stream_copy(&e->bad, &e->good);
}

/* The stream self->edit.bad must load, to what the good one is */
static void accepted(struct __test_metadata *_metadata,
		     struct _test_data_stream *self, const char *what)
{
	struct stream_edit *e = &self->edit;
	struct mtty *mtty = &self->mtty;

	vfio_dev_reset(&mtty->dev);
	EXPECT_EQ(0, __mig_load(&mtty->dev, &e->bad, MIG_CHUNK,
				VFIO_DEVICE_STATE_STOP))
		TH_LOG("%s", what);
	EXPECT_EQ(self->filled, mtty_digest(mtty))
		TH_LOG("%s", what);
	mig_stream_copy(&e->bad, &e->good);
}

/* The tests' own seal is the driver's: what is refused below is the edit */
TEST_F(stream, resealed_is_the_same_and_accepted)
{
	struct stream_edit *e = &self->edit;

	stream_seal(&e->bad);
	EXPECT_EQ(0, memcmp(e->good.data, e->bad.data, e->good.len));
	accepted(_metadata, self, "resealed");
}

TEST_F(stream, header_is_as_documented)
{
	const struct mig_stream *good = &self->edit.good;

	EXPECT_EQ(0, memcmp("MTTYMIG", good->data, 8));
	EXPECT_EQ(1, stream_get(good, HDR_MAJOR, 2));
	EXPECT_EQ(MTTY_MIG_TYPE_FULL, stream_get(good, HDR_TYPE, 4));
	EXPECT_EQ(MEM_SIZE, stream_get(good, HDR_MEM_SIZE, 8));
	EXPECT_EQ(PAGE, stream_get(good, HDR_PAGE_SIZE, 4));
	EXPECT_EQ(0, stream_get(good, HDR_RESERVED, 4));
}

TEST_F(stream, header_of_something_else_is_refused)
{
	struct mig_stream *bad = &self->edit.bad;
	unsigned int i;

	for (i = 0; i < 8; i++) {
		bad->data[i] ^= 0x20;
		stream_seal(bad);
		refused(_metadata, self, -EINVAL, "magic");
	}
	for (i = 0; i < 8; i++)
		bad->data[i] = self->edit.good.data[7 - i];
	stream_seal(bad);
	refused(_metadata, self, -EPROTOTYPE, "byte order");
}

TEST_F(stream, other_major_version_is_refused)
{
	static const __u16 majors[] = { 0, 2, 0xffff };
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(majors); i++) {
		stream_put(&self->edit.bad, HDR_MAJOR, majors[i], 2);
		stream_seal(&self->edit.bad);
		refused(_metadata, self, -EPROTONOSUPPORT, "major");
	}
}

/* Newer minors add optional records only */
TEST_F(stream, newer_minor_version_is_accepted)
{
	static const __u16 minors[] = { 1, 0xffff };
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(minors); i++) {
		stream_put(&self->edit.bad, HDR_MINOR, minors[i], 2);
		stream_seal(&self->edit.bad);
		accepted(_metadata, self, "minor");
	}
}

TEST_F(stream, other_device_is_refused)
{
	struct mig_stream *bad = &self->edit.bad;
	unsigned int i;

	for (i = 0; i <= MTTY_MIG_NR_TYPES; i++) {
		if (i == MTTY_MIG_TYPE_FULL)
			continue;
		stream_put(bad, HDR_TYPE, i, 4);
		stream_seal(bad);
		refused(_metadata, self, -EMEDIUMTYPE, "device type");
	}
	stream_put(bad, HDR_MEM_SIZE, 2 * MEM_SIZE, 8);
	stream_seal(bad);
	refused(_metadata, self, -EMSGSIZE, "more device memory");
	stream_put(bad, HDR_MEM_SIZE, MEM_SIZE / 2, 8);
	stream_seal(bad);
	refused(_metadata, self, -EMSGSIZE, "less device memory");
	stream_put(bad, HDR_MEM_SIZE, ~0ULL, 8);
	stream_seal(bad);
	refused(_metadata, self, -EMSGSIZE, "absurd device memory");
	stream_put(bad, HDR_PAGE_SIZE, 2 * PAGE, 4);
	stream_seal(bad);
	refused(_metadata, self, -EMSGSIZE, "page size");
	stream_put(bad, HDR_RESERVED, 1, 4);
	stream_seal(bad);
	refused(_metadata, self, -ERANGE, "reserved field");
}

/* Not only by header: real devices of other types and sizes */
TEST_F(stream, of_a_device_of_another_type_or_size_is_refused)
{
	struct mtty other;

	mtty_new(&other, "precopy", MEM_SIZE);
	mig_save(&other.dev, &self->edit.bad, MIG_CHUNK);
	refused(_metadata, self, -EMEDIUMTYPE, "type precopy");
	mtty_new(&other, "full", 2 * MEM_SIZE);
	mig_save(&other.dev, &self->edit.bad, MIG_CHUNK);
	refused(_metadata, self, -EMSGSIZE, "twice the memory");
}

/* Before each record, the trailer included */
TEST_F(stream, unknown_record_is_refused_unless_optional)
{
	static const __u32 lengths[] = { 0, 1, 4096, 70001 };
	struct stream_edit *e = &self->edit;
	unsigned int i, j;

	for (i = 0; i < e->nr; i++) {
		stream_insert_record(&e->bad, e->records[i].start, REC_UNKNOWN,
				     0, 8);
		stream_seal(&e->bad);
		refused(_metadata, self, -EOPNOTSUPP, "unknown record");

		for (j = 0; j < ARRAY_LEN(lengths); j++) {
			stream_insert_record(&e->bad, e->records[i].start,
					     REC_UNKNOWN, REC_OPTIONAL,
					     lengths[j]);
			stream_seal(&e->bad);
			accepted(_metadata, self, "unknown optional record");
		}
	}
}

TEST_F(stream, unknown_flag_is_refused)
{
	struct stream_edit *e = &self->edit;
	unsigned int i, bit;

	for (i = 0; i < e->nr; i++) {
		for (bit = 1; bit < 16; bit += 7) {
			stream_put(&e->bad, e->records[i].start + REC_FLAGS,
				   1 << bit, 2);
			stream_seal(&e->bad);
			refused(_metadata, self, -EOPNOTSUPP, "unknown flag");
		}
	}
}

/* A known record is never optional: it would not be skipped */
TEST_F(stream, known_record_marked_optional_is_refused)
{
	struct stream_edit *e = &self->edit;
	unsigned int i;

	for (i = 0; i < e->nr; i++) {
		stream_put(&e->bad, e->records[i].start + REC_FLAGS,
			   REC_OPTIONAL, 2);
		stream_seal(&e->bad);
		refused(_metadata, self, -EPROTO, "optional flag");
	}
}

/* All state records and the trailer */
TEST_F(stream, missing_record_is_refused)
{
	struct stream_edit *e = &self->edit;
	unsigned int i;

	for (i = e->first_state; i < e->nr - 1; i++) {
		stream_remove(&e->bad, e->records[i].start,
			      record_size(&e->records[i]));
		stream_seal(&e->bad);
		refused(_metadata, self, -EPROTO, "a state record less");
	}
	e->bad.len = e->records[e->nr - 1].start;
	refused(_metadata, self, -ENODATA, "no trailer");
}

TEST_F(stream, repeated_record_is_refused)
{
	struct stream_edit *e = &self->edit;
	unsigned int i;

	for (i = e->first_state; i < e->nr - 1; i++) {
		stream_insert(&e->bad, e->records[i].start,
			      e->good.data + e->records[i].start,
			      record_size(&e->records[i]));
		stream_seal(&e->bad);
		refused(_metadata, self, -EPROTO, "a state record twice");
	}
}

TEST_F(stream, reordered_record_is_refused)
{
	struct stream_edit *e = &self->edit;
	unsigned int i;

	/* Each state record after the one that follows it */
	for (i = e->first_state; i + 1 < e->nr - 1; i++) {
		stream_remove(&e->bad, e->records[i].start,
			      record_size(&e->records[i]));
		stream_insert(&e->bad, e->records[i].start +
			      record_size(&e->records[i + 1]),
			      e->good.data + e->records[i].start,
			      record_size(&e->records[i]));
		stream_seal(&e->bad);
		refused(_metadata, self, -EPROTO,
			"state records in another order");
	}

	/* And a page after the first of them */
	stream_insert(&e->bad, e->records[e->first_state + 1].start,
		      e->good.data + e->records[0].start,
		      record_size(&e->records[0]));
	stream_seal(&e->bad);
	refused(_metadata, self, -EPROTO, "a page among the state records");
}

/* Pages come in any order, and the last one counts */
TEST_F(stream, repeated_page_is_accepted)
{
	struct stream_edit *e = &self->edit;

	stream_insert(&e->bad, e->records[1].start,
		      e->good.data + e->records[0].start,
		      record_size(&e->records[0]));
	/* The first of the two has other content */
	e->bad.data[e->records[0].start + REC_PAYLOAD + 8] ^= 0xff;
	stream_seal(&e->bad);
	accepted(_metadata, self, "a page twice");
}

TEST_F(stream, wrong_length_is_refused)
{
	static const __s64 deltas[] = { -1, 1, 0x7fffffff };
	struct stream_edit *e = &self->edit;
	unsigned int i, j;

	for (i = 0; i < e->nr; i++) {
		for (j = 0; j < ARRAY_LEN(deltas); j++) {
			stream_put(&e->bad, e->records[i].start + REC_LENGTH,
				   e->records[i].length + deltas[j], 4);
			stream_seal(&e->bad);
			refused(_metadata, self, -EPROTO, "record length");
		}
		stream_put(&e->bad, e->records[i].start + REC_LENGTH, 0, 4);
		refused(_metadata, self, -EPROTO, "record length 0");
	}
}

TEST_F(stream, page_beyond_the_memory_is_refused)
{
	static const __u64 indexes[] = { PAGES, PAGES + 1, 1ULL << 52, ~0ULL };
	struct stream_edit *e = &self->edit;
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(indexes); i++) {
		stream_put(&e->bad, e->records[0].start + REC_PAYLOAD,
			   indexes[i], 8);
		stream_seal(&e->bad);
		refused(_metadata, self, -ERANGE, "index of a page");

		stream_insert_record(&e->bad, e->records[0].start, REC_ZERO, 0,
				     8);
		stream_put(&e->bad, e->records[0].start + REC_PAYLOAD,
			   indexes[i], 8);
		stream_seal(&e->bad);
		refused(_metadata, self, -ERANGE, "index of a zero page");
	}
}

TEST_F(stream, zero_page_clears)
{
	struct stream_edit *e = &self->edit;
	size_t last_page = e->records[e->first_state].start;
	__u64 index = stream_get(&e->good, e->records[0].start + REC_PAYLOAD,
				 8);

	stream_insert_record(&e->bad, last_page, REC_ZERO, 0, 8);
	stream_put(&e->bad, last_page + REC_PAYLOAD, index, 8);
	stream_seal(&e->bad);
	vfio_dev_reset(&self->mtty.dev);
	ASSERT_EQ(0, __mig_load(&self->mtty.dev, &e->bad, MIG_CHUNK,
				VFIO_DEVICE_STATE_STOP));
	EXPECT_EQ(0, vfio_region_read32(&self->mtty.dev, MTTY_MIG_MEM_BAR,
					index * PAGE));
	EXPECT_NE(self->filled, mtty_digest(&self->mtty));
}

/*
 * What no device can contain must not get into one.  Every bit of the state
 * records is flipped, with the seal made right: the device either refuses it
 * for its range, or then says so by its digest.
 */
TEST_F_TIMEOUT(stream, every_bit_of_the_state_counts, 300)
{
	struct stream_edit *e = &self->edit;
	unsigned int refusals = 0, loads = 0;
	unsigned int i;
	size_t at;

	for (i = e->first_state; i < e->nr - 1; i++) {
		size_t start = e->records[i].start + REC_PAYLOAD;

		for (at = start; at < start + e->records[i].length; at++) {
			unsigned int bit = 1 << (at % 8);
			int ret;

			e->bad.data[at] ^= bit;
			stream_seal(&e->bad);
			vfio_dev_reset(&self->mtty.dev);
			ret = __mig_load(&self->mtty.dev, &e->bad, MIG_CHUNK,
					 VFIO_DEVICE_STATE_STOP);
			if (ret) {
				refusals++;
				EXPECT_EQ(-ERANGE, ret)
					TH_LOG("record %#x, byte %zu",
					       e->records[i].type, at - start);
				EXPECT_EQ(self->fresh,
					  mtty_digest(&self->mtty));
			} else {
				loads++;
				EXPECT_NE(self->filled,
					  mtty_digest(&self->mtty))
					TH_LOG("record %#x, byte %zu: ignored",
					       e->records[i].type, at - start);
			}
			e->bad.data[at] ^= bit;
		}
	}
	/* Some fields are free, and some are not */
	EXPECT_LT(0, refusals);
	EXPECT_LT(0, loads);
}

/* Where a field of the good stream is; the first record of its type has it */
static size_t field_at(const struct stream_edit *e,
		       const struct stream_field *field)
{
	unsigned int i;

	for (i = 0; i < e->nr; i++)
		if (e->records[i].type == field->type)
			return e->records[i].start + REC_PAYLOAD + field->offset;
	die("the stream has no record %#x", field->type);
}

/* Each bit of each number that the format does not let anybody set */
TEST_F_TIMEOUT(stream, bit_that_no_field_has_is_refused, 120)
{
	struct stream_edit *e = &self->edit;
	const struct stream_field *field;
	unsigned int bit, n = 0;
	size_t at, i;

	for (field = stream_fields; field->name; field++) {
		if (field->bits == STREAM_ANY)
			continue;
		at = field_at(e, field);
		for (i = 0; i < field->size * 8; i++) {
			bit = i % (field->unit * 8);
			if (field->bits & 1ULL << bit)
				continue;
			e->bad.data[at + i / 8] |= 1 << i % 8;
			stream_seal(&e->bad);
			refused(_metadata, self, -ERANGE, field->name);
			n++;
		}
	}
	EXPECT_LT(0, n);
}

/*
 * Values that a field cannot have because of what is in others, or in the
 * device. The second port has its FIFOs on and full, the first one 11
 * characters in them.
 */
TEST_F(stream, field_out_of_range_is_refused)
{
	static const struct {
		__u16 type;
		const char *field;
		size_t skip;
		size_t len;
		__u64 val;
		const char *what;
	} fields[] = {
		{ REC_UART0, "fcr", 0, 1, 0x40, "without its enable bit" },
		{ REC_UART0, "rx_count", 0, 1, 17, "beyond what rx can hold" },
		{ REC_UART1, "rx_count", 0, 1, 17, "beyond what rx can hold" },
		{ REC_UART1, "rx_count", 0, 1, 0xff, "the largest" },
		{ REC_UART1, "fcr", 0, 1, 0, "FIFOs off, and more than one" },
		{ REC_UART0, "rx", 11, 1, 1, "beyond rx_count" },
		{ REC_PCI, "config", PCI_VENDOR_ID, 2, 0x8086, "vendor" },
		{ REC_PCI, "config", PCI_HEADER_TYPE, 1, 1, "header type" },
		{ REC_PCI, "config", PCI_CAPABILITY_LIST, 1, 0xff,
		  "capability list" },
		{ REC_PCI, "config", PCI_BASE_ADDRESS_0, 1, 0x05, "UART BAR" },
		{ REC_PCI, "config", PCI_STATUS, 1, 0xff, "status" },
		{ REC_PCI, "msix", 0, 1, 0x03, "MSI-X address" },
		{ REC_DMA0, "status", 0, 4, 0xffffffff, "all of them" },
		{ REC_PRI, "nr_queued", 0, 4, 1, "of a device without" },
		{ REC_PRI, "nr_queued", 0, 4, 0xffffffff, "the largest" },
	};
	struct stream_edit *e = &self->edit;
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(fields); i++) {
		const struct stream_field *field;
		char what[64];

		field = stream_field(fields[i].type, fields[i].field);
		snprintf(what, sizeof(what), "%s, %s", field->name,
			 fields[i].what);
		ASSERT_LE(fields[i].skip + fields[i].len, field->size);
		stream_put(&e->bad, field_at(e, field) + fields[i].skip,
			   fields[i].val, fields[i].len);
		stream_seal(&e->bad);
		refused(_metadata, self, -ERANGE, what);
	}
}

/*
 * "The migration driver may alter/reset the internal device state for this
 * arc": ours does, so what the destination held is gone whatever comes then.
 */
TEST_F(stream, RESUMING_begins_with_a_reset_device)
{
	struct stream_edit *e = &self->edit;
	int data_fd, none;

	/* In STOP, with the contents that were saved */
	ASSERT_EQ(self->filled, mtty_digest(&self->mtty));
	data_fd = vfio_mig_set(&self->mtty.dev, VFIO_DEVICE_STATE_RESUMING);
	EXPECT_EQ(self->fresh, mtty_digest(&self->mtty));

	/* Not even with all but the last byte */
	e->bad.len--;
	ASSERT_EQ(0, __mig_stream_write(&e->bad, data_fd, MIG_CHUNK));
	EXPECT_EQ(self->fresh, mtty_digest(&self->mtty));
	EXPECT_EQ(-ENODATA, __vfio_mig_set(&self->mtty.dev,
					   VFIO_DEVICE_STATE_STOP, &none));
	EXPECT_EQ(self->fresh, mtty_digest(&self->mtty));
	close(data_fd);
}

TEST_F(stream, bytes_after_the_trailer_are_refused)
{
	struct stream_edit *e = &self->edit;
	__u8 byte = 0;

	mig_stream_append(&e->bad, &byte, sizeof(byte));
	refused(_metadata, self, -E2BIG, "one byte more");
	mig_stream_append(&e->bad, e->good.data, e->good.len);
	refused(_metadata, self, -E2BIG, "twice the stream");
}

TEST_F(stream, wrong_trailer_is_refused)
{
	struct stream_edit *e = &self->edit;
	size_t payload = e->good.len - TRAILER_SIZE;
	unsigned int i;

	for (i = 0; i < 8; i++) {
		e->bad.data[payload + TRAILER_DIGEST + i] ^= 1 << i;
		refused(_metadata, self, -EBADMSG, "digest");
	}
	/* Its digest right, and the total wrong */
	stream_put(&e->bad, payload + TRAILER_TOTAL, payload, 8);
	refused(_metadata, self, -EBADMSG, "total, which the digest covers");
}

/*
 * Page content and long tables are all alike: only some of their bytes are
 * tried, but all of the header and of where each record begins.
 */
static bool worth_trying(const struct stream_edit *e, size_t at)
{
	unsigned int i;

	if (at < HDR_SIZE || !(at % 251))
		return true;
	for (i = 0; i < e->nr; i++)
		if (at >= e->records[i].start &&
		    at < e->records[i].start + REC_PAYLOAD + 16)
			return true;
	return at == e->good.len - 1;
}

/* Of all that the digest covers, header and trailer included */
TEST_F(stream, any_byte_that_changed_on_the_way_is_noticed)
{
	struct stream_edit *e = &self->edit;
	size_t at;

	for (at = 0; at < e->good.len; at++) {
		if (!worth_trying(e, at))
			continue;
		e->bad.data[at] ^= 1 << (at % 8);
		vfio_dev_reset(&self->mtty.dev);
		EXPECT_GT(0, __mig_load(&self->mtty.dev, &e->bad, MIG_CHUNK,
					VFIO_DEVICE_STATE_STOP))
			TH_LOG("byte %zu of %zu", at, e->good.len);
		EXPECT_EQ(self->fresh, mtty_digest(&self->mtty))
			TH_LOG("byte %zu of %zu", at, e->good.len);
		e->bad.data[at] ^= 1 << (at % 8);
	}
}

/* "If the user provided data is found to be incomplete" */
TEST_F(stream, cut_anywhere_is_refused)
{
	struct stream_edit *e = &self->edit;
	size_t len;

	for (len = 0; len < e->good.len; len++) {
		if (!worth_trying(e, len))
			continue;
		e->bad.len = len;
		refused(_metadata, self, -ENODATA, "cut");
	}
}

/* What was cut off may still come: it was not wrong, only late */
TEST_F(stream, incomplete_can_be_completed)
{
	struct stream_edit *e = &self->edit;
	int data_fd = vfio_mig_set(&self->mtty.dev,
				   VFIO_DEVICE_STATE_RESUMING);
	struct mig_stream tail = { .data = e->good.data + 100,
				   .len = e->good.len - 100 };
	int none;

	e->bad.len = 100;
	ASSERT_EQ(0, __mig_stream_write(&e->bad, data_fd, MIG_CHUNK));
	EXPECT_EQ(-ENODATA, __vfio_mig_set(&self->mtty.dev,
					   VFIO_DEVICE_STATE_STOP, &none));
	EXPECT_EQ(-1, none);
	EXPECT_EQ(0, __mig_stream_write(&tail, data_fd, MIG_CHUNK));
	EXPECT_EQ(0, __vfio_mig_set(&self->mtty.dev, VFIO_DEVICE_STATE_STOP,
				    &none));
	EXPECT_EQ(self->filled, mtty_digest(&self->mtty));
}

/*
 * After a write that failed, nothing but a reset helps: not the rest of the
 * stream, not the whole of a good one, not a second try to leave RESUMING.
 */
TEST_F(stream, failed_write_is_sticky)
{
	struct stream_edit *e = &self->edit;
	struct mtty_regs fresh, after;
	unsigned int i;
	int data_fd, none;

	vfio_dev_reset(&self->mtty.dev);
	mtty_take_regs(&self->mtty, &fresh);

	stream_put(&e->bad, HDR_MAJOR, 2, 2);
	data_fd = vfio_mig_set(&self->mtty.dev, VFIO_DEVICE_STATE_RESUMING);
	EXPECT_EQ(-EPROTONOSUPPORT, __mig_stream_write(&e->bad, data_fd,
						       MIG_CHUNK));
	for (i = 0; i < 3; i++) {
		EXPECT_EQ(-EPROTONOSUPPORT, mig_write(data_fd, e->good.data,
						      1));
		EXPECT_EQ(-EPROTONOSUPPORT, __mig_stream_write(&e->good,
							       data_fd,
							       MIG_CHUNK));
		EXPECT_EQ(-EPROTONOSUPPORT,
			  __vfio_mig_set(&self->mtty.dev,
					 VFIO_DEVICE_STATE_STOP, &none));
		EXPECT_EQ(-EPROTONOSUPPORT,
			  __vfio_mig_set(&self->mtty.dev,
					 VFIO_DEVICE_STATE_RUNNING, &none));
		EXPECT_EQ(VFIO_DEVICE_STATE_RESUMING,
			  vfio_mig_get(&self->mtty.dev));
	}

	vfio_dev_reset(&self->mtty.dev);
	EXPECT_EQ(self->fresh, mtty_digest(&self->mtty));
	mtty_take_regs(&self->mtty, &after);
	EXPECT_EQ(NULL, mtty_regs_differ(&fresh, &after))
		TH_LOG("%s", mtty_regs_differ(&fresh, &after));
	close(data_fd);

	/* And the second session is as strict, and as willing, as the first */
	e->bad.len = e->bad.len / 2;
	stream_put(&e->bad, HDR_MAJOR, 1, 2);
	refused(_metadata, self, -ENODATA,
		"half a stream in the second session");
	accepted(_metadata, self, "a good stream in the third");
}

/* One byte at a time, an error comes with the byte that makes it one */
TEST_F(stream, error_is_told_by_the_write_that_completes_it)
{
	struct stream_edit *e = &self->edit;
	int data_fd = vfio_mig_set(&self->mtty.dev,
				   VFIO_DEVICE_STATE_RESUMING);
	size_t at;

	stream_put(&e->bad, HDR_MAJOR, 2, 2);
	for (at = 0; at < HDR_SIZE - 1; at++)
		ASSERT_EQ(1, mig_write(data_fd, e->bad.data + at, 1));
	EXPECT_EQ(-EPROTONOSUPPORT, mig_write(data_fd, e->bad.data + at, 1));
}

/* An address that cannot be read is the user's mistake, not the stream's */
TEST_F(stream, write_from_a_bad_address_can_be_tried_again)
{
	struct stream_edit *e = &self->edit;
	int data_fd = vfio_mig_set(&self->mtty.dev,
				   VFIO_DEVICE_STATE_RESUMING);
	int none;

	EXPECT_EQ(-EFAULT, mig_write(data_fd, NULL, 4096));
	EXPECT_EQ(0, __mig_stream_write(&e->good, data_fd, MIG_CHUNK));
	EXPECT_EQ(0, __vfio_mig_set(&self->mtty.dev, VFIO_DEVICE_STATE_STOP,
				    &none));
	EXPECT_EQ(self->filled, mtty_digest(&self->mtty));
}

TEST_F(stream, read_to_a_bad_address_can_be_tried_again)
{
	struct stream_edit *e = &self->edit;
	int data_fd = vfio_mig_set(&self->mtty.dev,
				   VFIO_DEVICE_STATE_STOP_COPY);

	EXPECT_EQ(-EFAULT, mig_read(data_fd, NULL, 4096));
	e->bad.len = 0;
	mig_stream_read(&e->bad, data_fd, MIG_CHUNK, 0);
	close(data_fd);
	accepted(_metadata, self, "read after EFAULT");
}

TEST_HARNESS_MAIN
