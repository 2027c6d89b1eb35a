/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What all stand-ins share.
 *
 * A stand-in is a card whose firmware is a few functions, and a module that exports
 * what the VFIO driver's parent exports: the PF's driver, or the firmware's interface.
 * A VF of it is a model: some bytes of state, which are all that a guest can see of
 * it, and whether it runs.
 *
 * The functions that a stand-in exports are called by the driver under test.  Each
 * begins with standin_call(), so that a test can let it fail, take long, or wait.
 */
#ifndef STANDINS_STANDIN_H
#define STANDINS_STANDIN_H

#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/wait.h>

#include "../bus/swpci.h"

struct standin;
struct standin_pf;

/**
 * struct standin_vf - the model of a VF
 * @pf: whose it is
 * @id: its number, from 0 on
 * @lock: serialises what the firmware does with this VF, as firmware does: over
 *	everything below.  The functions here take it themselves; a stand-in may take
 *	it around accesses of its own to @state
 * @state: what a guest can see of it, and what migrates; registers that no function
 *	of the stand-in answers lie here: BAR 0 begins at its first byte
 * @size: of @state, in bytes
 * @running: it works.  A VF that is suspended changes nothing by itself, and does no DMA
 * @quiet: one that runs begins no DMA to other devices.  For hardware that can be suspended
 *	in two steps and runs in between; one that does not run is quiet, whatever stands here
 * @priv: the stand-in's
 */
struct standin_vf {
	struct standin_pf *pf;
	unsigned int id;
	struct mutex lock;
	u8 *state;
	size_t size;
	bool running;
	bool quiet;
	void *priv;

	/* private: the library's */
	struct dentry *dir;
	struct list_head calls;
	wait_queue_head_t wait;
};

/**
 * struct standin_pf - a card
 * @standin: what kind
 * @pdev: the PF, bound to the driver that the library registers
 * @vfs: its VFs, whether they are enabled or not
 * @nr_vfs: how many
 * @priv: the stand-in's
 */
struct standin_pf {
	const struct standin *standin;
	struct pci_dev *pdev;
	struct standin_vf *vfs;
	unsigned int nr_vfs;
	void *priv;
};

/**
 * struct standin - a kind of card
 * @name: of the PF's driver
 * @card: for the bus.  Its ops are the library's unless the stand-in has some
 * @size: of a VF's state, in bytes
 * @probe: the PF is bound; before its VFs are there.  May set the PF's drvdata, which
 *	is what the VFIO driver finds by pci_iov_get_pf_drvdata()
 * @remove: the PF is unbound; its VFs are gone
 * @reset: a VF was reset by a function level reset: its state is the first one, and it
 *	runs and is not quiet.  Called with its lock held
 * @written: a VF wrote to memory: for those that log it themselves.  Called with the
 *	VF's lock held
 * @mask: clear the bits of what a guest cannot set as it likes, or does not find again
 *	after a migration.  By default it can rely on all of @state
 * @read: a register of a BAR, for what is not simply state or memory; vf is NULL for
 *	the PF's.  False: it is.  Called with no lock held, but for the table of MSI-X,
 *	where it may not sleep
 * @write: the same
 *
 * Each function may be missing.
 */
struct standin {
	const char *name;
	struct swpci_card card;
	size_t size;
	int (*probe)(struct standin_pf *pf);
	void (*remove)(struct standin_pf *pf);
	void (*reset)(struct standin_vf *vf);
	void (*written)(struct standin_vf *vf, dma_addr_t iova, size_t size);
	void (*mask)(const struct standin_vf *vf, u8 *mask);
	bool (*read)(struct standin_pf *pf, struct standin_vf *vf, unsigned int bar, u64 offset,
		     unsigned int size, u64 *value);
	bool (*write)(struct standin_pf *pf, struct standin_vf *vf, unsigned int bar, u64 offset,
		      unsigned int size, u64 value);
};

int standin_register(const struct standin *standin, struct module *owner);
void standin_unregister(void);
struct pci_driver *standin_pf_driver(void);

struct standin_pf *standin_pf_of(struct pci_dev *pdev);
struct standin_vf *standin_vf_of(struct pci_dev *pdev);
struct pci_dev *standin_vf_pdev(struct standin_vf *vf);

int standin_call(struct standin_vf *vf, const char *name);
void standin_suspend(struct standin_vf *vf);
void standin_resume(struct standin_vf *vf);
size_t standin_image_size(const struct standin_vf *vf);
void standin_save(struct standin_vf *vf, void *image);
int standin_load(struct standin_vf *vf, const void *image, size_t size);

/**
 * standin_expect - a call that firmware could never see
 * @vf: the VF
 * @condition: what has to hold
 * @what: what is wrong if it does not
 *
 * Tells a mistake of the driver from one of the stand-in: the kernel warns, and the
 * run of the tests fails.
 *
 * Return: whether it holds.
 */
#define standin_expect(vf, condition, what)						\
	(!WARN(!(condition), "standin: VF %u: %s\n", (vf)->id, what))

#endif /* STANDINS_STANDIN_H */
