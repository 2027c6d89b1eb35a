// SPDX-License-Identifier: GPL-2.0-only
/*
 * What pds_core exports to its clients.
 *
 * Its admin queue is not here: pdsc_adminq_post() has the command carried out and gives
 * the completion.
 */
#include <linux/cleanup.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/notifier.h>
#include <linux/string.h>

#include "pds.h"
#include "vfio_dev.h"

static BLOCKING_NOTIFIER_HEAD(events);

/* As pds_core translates them */
static int to_errno(enum pds_core_status_code status)
{
	switch (status) {
	case PDS_RC_SUCCESS:
		return 0;
	case PDS_RC_EAGAIN:
		return -EAGAIN;
	case PDS_RC_EBUSY:
		return -EBUSY;
	case PDS_RC_EEXIST:
		return -EEXIST;
	case PDS_RC_ENOENT:
		return -ENOENT;
	case PDS_RC_ENOMEM:
		return -ENOMEM;
	case PDS_RC_ENOSPC:
		return -ENOSPC;
	case PDS_RC_ERANGE:
		return -ERANGE;
	case PDS_RC_EINVAL:
	case PDS_RC_ENOSUPP:
		return -EINVAL;
	case PDS_RC_BAD_ADDR:
		return -EFAULT;
	case PDS_RC_EVFID:
		return -ENODEV;
	case PDS_RC_ECLIENT:
		return -ECHILD;
	default:
		return -EIO;
	}
}

/**
 * pdsc_get_pf_struct - the card of a VF
 * @vf_pdev: the VF
 *
 * Return: the card, or an error if the PF has no driver.
 */
void *pdsc_get_pf_struct(struct pci_dev *vf_pdev)
{
	struct standin_vf *vf = standin_vf_of(vf_pdev);
	int ret = vf ? standin_call(vf, "get_pf_struct") : 0;

	if (ret)
		return ERR_PTR(ret);
	return pci_iov_get_pf_drvdata(vf_pdev, standin_pf_driver());
}
EXPORT_SYMBOL_GPL(pdsc_get_pf_struct);

/* Clients */

/* By the name of a client for migration: that ends with the domain and the VF's address */
static struct pds_vf *vf_by_name(struct pdsc *pdsc, const char *name)
{
	unsigned int address, i;
	int domain;

	if (sscanf(name, PDS_VFIO_LM_DEV_NAME ".%d-%u", &domain, &address) != 2 ||
	    domain != pci_domain_nr(pdsc->pf->pdev->bus))
		return NULL;
	for (i = 0; i < pdsc->pf->nr_vfs; i++) {
		struct pci_dev *pdev __free(pci_dev_put) = standin_vf_pdev(&pdsc->pf->vfs[i]);

		if (pdev && pci_dev_id(pdev) == address)
			return &pdsc->vfs[i];
	}
	return NULL;
}

static struct pds_vf *vf_by_client(struct pdsc *pdsc, u16 client)
{
	unsigned int i;

	guard(mutex)(&pdsc->clients);
	for (i = 0; client && i < pdsc->pf->nr_vfs; i++)
		if (pdsc->vfs[i].client == client)
			return &pdsc->vfs[i];
	return NULL;
}

/**
 * pds_client_register - somebody wants to send commands
 * @pf: the card
 * @devname: his name
 *
 * Return: his number, which is greater than 0, or an error.
 */
int pds_client_register(struct pdsc *pf, char *devname)
{
	struct pds_vf *vf = vf_by_name(pf, devname);
	int ret;

	if (!vf)
		return to_errno(PDS_RC_ENOENT);
	ret = standin_call(vf->vf, "client_register");
	if (ret)
		return ret;
	guard(mutex)(&pf->clients);
	if (!standin_expect(vf->vf, !vf->client, "a second client"))
		return to_errno(PDS_RC_EEXIST);
	vf->client = ++pf->last_client;
	return vf->client;
}
EXPORT_SYMBOL_GPL(pds_client_register);

/**
 * pds_client_unregister - a client will send no more
 * @pf: the card
 * @client_id: his number
 *
 * Nothing of his is left: nobody else could end the logging that he began.
 *
 * Return: 0, or an error.
 */
int pds_client_unregister(struct pdsc *pf, u16 client_id)
{
	struct pds_vf *vf = vf_by_client(pf, client_id);
	int ret;

	if (!vf)
		return to_errno(PDS_RC_ECLIENT);
	ret = standin_call(vf->vf, "client_unregister");
	if (ret)
		return ret;
	guard(mutex)(&vf->commands);
	scoped_guard(mutex, &pf->clients)
		vf->client = 0;
	guard(mutex)(&vf->vf->lock);
	pds_log_end(vf);
	return 0;
}
EXPORT_SYMBOL_GPL(pds_client_unregister);

/* Commands */

static const struct command {
	u8 opcode;
	const char *name;
	typeof(pds_save) *function;
} commands[] = {
	{ PDS_LM_CMD_HOST_VF_STATUS, "host_vf_status", pds_host_vf_status },
	{ PDS_LM_CMD_STATE_SIZE, "state_size", pds_state_size },
	{ PDS_LM_CMD_SUSPEND, "suspend", pds_suspend },
	{ PDS_LM_CMD_SUSPEND_STATUS, "suspend_status", pds_suspend_status },
	{ PDS_LM_CMD_RESUME, "resume", pds_resume },
	{ PDS_LM_CMD_SAVE, "save", pds_save },
	{ PDS_LM_CMD_RESTORE, "restore", pds_restore },
	{ PDS_LM_CMD_DIRTY_STATUS, "dirty_status", pds_dirty_status },
	{ PDS_LM_CMD_DIRTY_ENABLE, "dirty_enable", pds_dirty_enable },
	{ PDS_LM_CMD_DIRTY_DISABLE, "dirty_disable", pds_dirty_disable },
	{ PDS_LM_CMD_DIRTY_READ_SEQ, "dirty_read_seq", pds_dirty_read_seq },
	{ PDS_LM_CMD_DIRTY_WRITE_ACK, "dirty_write_ack", pds_dirty_write_ack },
};

static const struct command *find_command(u8 opcode)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(commands); i++)
		if (commands[i].opcode == opcode)
			return &commands[i];
	return NULL;
}

static enum pds_core_status_code carry_out(struct pdsc *pdsc, struct pds_vf *vf,
					   const struct command *command,
					   const union pds_core_adminq_cmd *cmd,
					   union pds_core_adminq_comp *comp)
{
	/* Every command for a VF has its number there. */
	u16 id = le16_to_cpu(cmd->lm_state_size.vf_id);

	if (!standin_expect(vf->vf, id == vf->vf->id, "a command for somebody else's VF"))
		return PDS_RC_EVFID;
	guard(mutex)(&vf->commands);
	return command->function(pdsc, vf, cmd, comp);
}

/**
 * pdsc_adminq_post - have a command carried out
 * @pdsc: the card
 * @cmd: the command: a client's, wrapped
 * @comp: the completion
 * @fast_poll: how to wait for it, which takes no time here
 *
 * Return: 0, or an error: the completion's status, or what a test asked for.
 */
int pdsc_adminq_post(struct pdsc *pdsc, union pds_core_adminq_cmd *cmd,
		     union pds_core_adminq_comp *comp, bool fast_poll)
{
	union pds_core_adminq_cmd inner = {};
	const struct command *command;
	struct pds_vf *vf;
	int ret;

	*comp = (union pds_core_adminq_comp) {};
	vf = vf_by_client(pdsc, le16_to_cpu(cmd->client_request.client_id));
	if (!vf) {
		comp->status = PDS_RC_ECLIENT;
		return to_errno(comp->status);
	}
	memcpy(&inner, cmd->client_request.client_cmd, sizeof(cmd->client_request.client_cmd));
	command = find_command(inner.opcode);
	if (!standin_expect(vf->vf, cmd->opcode == PDS_AQ_CMD_CLIENT_CMD && command,
			    "a command that is none of a client's for migration")) {
		comp->status = PDS_RC_EOPCODE;
		return to_errno(comp->status);
	}
	ret = standin_call(vf->vf, command->name);
	if (ret)
		return ret;
	comp->status = carry_out(pdsc, vf, command, &inner, comp);
	return to_errno(comp->status);
}
EXPORT_SYMBOL_GPL(pdsc_adminq_post);

/* Events */

/* Whose it is does not matter to pds_core, but to a test that wants the call to fail. */
static struct standin_vf *vf_of_block(struct notifier_block *block)
{
	struct pds_vfio_pci_device *device = container_of(block, struct pds_vfio_pci_device, nb);

	return standin_vf_of(device->vfio_coredev.pdev);
}

/**
 * pdsc_register_notify - somebody wants to be told of events
 * @nb: who
 *
 * Return: 0, or what a test asked for.
 */
int pdsc_register_notify(struct notifier_block *nb)
{
	struct standin_vf *vf = vf_of_block(nb);
	int ret = vf ? standin_call(vf, "register_notify") : 0;

	return ret ?: blocking_notifier_chain_register(&events, nb);
}
EXPORT_SYMBOL_GPL(pdsc_register_notify);

/**
 * pdsc_unregister_notify - somebody wants to be told no more
 * @nb: who
 */
void pdsc_unregister_notify(struct notifier_block *nb)
{
	struct standin_vf *vf = vf_of_block(nb);

	/* It has no way to fail. */
	if (vf)
		standin_call(vf, "unregister_notify");
	blocking_notifier_chain_unregister(&events, nb);
}
EXPORT_SYMBOL_GPL(pdsc_unregister_notify);

/**
 * pds_tell - tell who wants to know that the firmware was reset
 * @state: 0: it will be, 1: it was, 2: it could not be
 */
void pds_tell(u8 state)
{
	union pds_core_notifyq_comp event = {
		.reset = {
			.ecode = cpu_to_le16(PDS_EVENT_RESET),
			.state = state,
		},
	};

	blocking_notifier_call_chain(&events, PDS_EVENT_RESET, &event);
}
