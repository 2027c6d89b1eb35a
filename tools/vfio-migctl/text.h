/* SPDX-License-Identifier: GPL-2.0-only */
/* Numbers as people write and read them. */
#ifndef VFIO_MIGCTL_TEXT_H
#define VFIO_MIGCTL_TEXT_H

#include <stdbool.h>
#include <linux/types.h>

#define KIB	1024ULL
#define MIB	(KIB * KIB)
#define GIB	(KIB * MIB)

double now_ms(void);
const char *size_text(double bytes);
const char *rate_text(__u64 bytes, double ms);
bool number_of(const char *text, __u64 max, __u64 *val);
bool seconds_of(const char *text, double *ms);

#endif /* VFIO_MIGCTL_TEXT_H */
