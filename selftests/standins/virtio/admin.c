// SPDX-License-Identifier: GPL-2.0-only
/*
 * The device's admin commands (virtio 1.4, 2.12).
 *
 * What a command gives is what the specification says where it says so; what it leaves
 * open is refused.  A number of the specification's is a number of Linux's, so that a
 * command fails with an errno here and the ring turns it into a status.
 */
#include <linux/cleanup.h>
#include <linux/minmax.h>
#include <linux/string.h>

#include "virtio.h"

/* What the driver left out is zero, as the caller made it. */
static void read_data(const struct command *command, void *data, size_t size)
{
	memcpy(data, command->data, min(size, command->size));
}

static int refuse(struct command *command, u16 qualifier, int error)
{
	command->qualifier = qualifier;
	return error;
}

static int invalid_field(struct command *command)
{
	return refuse(command, STATUS_Q_INVALID_FIELD, -EINVAL);
}

static void give(struct command *command, const void *result, size_t size)
{
	memcpy(command->result, result, min(size, command->room));
	command->used = size;
}

/* Which commands there are, and which the driver will use */

static int list_query(struct command *command)
{
	__le64 list = cpu_to_le64(ADMIN_COMMANDS);

	give(command, &list, sizeof(list));
	return 0;
}

static int list_use(struct command *command)
{
	__le64 list = 0;

	read_data(command, &list, sizeof(list));
	if (le64_to_cpu(list) & ~ADMIN_COMMANDS)
		return invalid_field(command);
	guard(mutex)(&command->owner->lock);
	command->owner->used = le64_to_cpu(list);
	return 0;
}

/* Capabilities */

static const struct virtio_dev_parts_cap our_limits = {
	.get_parts_resource_objects_limit = MAX_OBJECTS,
	.set_parts_resource_objects_limit = MAX_OBJECTS,
};

static int cap_id_list_query(struct command *command)
{
	struct virtio_admin_cmd_query_cap_id_result result = {
		.supported_caps[0] = cpu_to_le64(BIT_ULL(VIRTIO_DEV_PARTS_CAP)),
	};

	give(command, &result, sizeof(result));
	return 0;
}

static int device_cap_get(struct command *command)
{
	struct virtio_admin_cmd_cap_get_data data = {};

	read_data(command, &data, sizeof(data));
	if (le16_to_cpu(data.id) != VIRTIO_DEV_PARTS_CAP)
		return refuse(command, STATUS_Q_INVALID_FIELD, -ENXIO);
	give(command, &our_limits, sizeof(our_limits));
	return 0;
}

static bool has_objects(struct owner *owner)
{
	unsigned int i;

	for (i = 0; i < MAX_OBJECTS; i++)
		if (owner->objects[i].vf)
			return true;
	return false;
}

static int driver_cap_set(struct command *command)
{
	struct {
		struct virtio_admin_cmd_cap_set_data head;
		struct virtio_dev_parts_cap limits;
	} data = {};
	struct owner *owner = command->owner;

	read_data(command, &data, sizeof(data));
	if (le16_to_cpu(data.head.id) != VIRTIO_DEV_PARTS_CAP)
		return refuse(command, STATUS_Q_INVALID_FIELD, -ENXIO);
	if (data.limits.get_parts_resource_objects_limit > MAX_OBJECTS ||
	    data.limits.set_parts_resource_objects_limit > MAX_OBJECTS)
		return invalid_field(command);
	guard(mutex)(&owner->lock);
	if (has_objects(owner))
		return refuse(command, STATUS_Q_INVALID_COMMAND, -EBUSY);
	owner->limits = data.limits;
	return 0;
}

/* Resource objects */

static unsigned int limit_of(const struct owner *owner, u8 kind)
{
	return kind == VIRTIO_RESOURCE_OBJ_DEV_PARTS_TYPE_GET ?
	       owner->limits.get_parts_resource_objects_limit :
	       owner->limits.set_parts_resource_objects_limit;
}

static unsigned int count_objects(const struct owner *owner, u8 kind)
{
	unsigned int i, count = 0;

	for (i = 0; i < MAX_OBJECTS; i++)
		if (owner->objects[i].vf && owner->objects[i].kind == kind)
			count++;
	return count;
}

static int obj_create(struct command *command)
{
	struct {
		struct virtio_admin_cmd_resource_obj_create_data head;
		struct virtio_resource_obj_dev_parts parts;
	} data = {};
	struct owner *owner = command->owner;
	struct object *object;
	u32 id;

	read_data(command, &data, sizeof(data));
	id = le32_to_cpu(data.head.hdr.id);
	if (le16_to_cpu(data.head.hdr.type) != VIRTIO_RESOURCE_OBJ_DEV_PARTS ||
	    data.head.flags || data.parts.type > VIRTIO_RESOURCE_OBJ_DEV_PARTS_TYPE_SET)
		return invalid_field(command);

	guard(mutex)(&owner->lock);
	if (!standin_expect(command->vf, id < limit_of(owner, data.parts.type),
			    "an object is made whose number is beyond the limit"))
		return invalid_field(command);
	object = &owner->objects[id];
	if (!standin_expect(command->vf, !object->vf, "an object is made that is there"))
		return refuse(command, STATUS_Q_INVALID_FIELD, -EEXIST);
	if (count_objects(owner, data.parts.type) >= limit_of(owner, data.parts.type))
		return refuse(command, STATUS_Q_INVALID_COMMAND, -ENOSPC);
	object->vf = command->vf;
	object->kind = data.parts.type;
	object->kept = false;
	return 0;
}

/* With the owner's lock held */
static struct object *find_object(struct command *command,
				  const struct virtio_admin_cmd_resource_obj_cmd_hdr *header)
{
	u32 id = le32_to_cpu(header->id);
	struct object *object;

	if (le16_to_cpu(header->type) != VIRTIO_RESOURCE_OBJ_DEV_PARTS)
		return NULL;
	object = id < MAX_OBJECTS ? &command->owner->objects[id] : NULL;
	if (!standin_expect(command->vf, object && object->vf == command->vf,
			    "an object is used that it has not"))
		return NULL;
	return object;
}

/* 0 if there is an object to do this with */
static int check_object(struct command *command,
			const struct virtio_admin_cmd_resource_obj_cmd_hdr *header, u8 kind)
{
	struct object *object;

	guard(mutex)(&command->owner->lock);
	object = find_object(command, header);
	if (!object)
		return refuse(command, STATUS_Q_INVALID_FIELD, -ENXIO);
	if (!standin_expect(command->vf, object->kind == kind,
			    "an object is used for what it was not made for"))
		return invalid_field(command);
	return 0;
}

static int obj_destroy(struct command *command)
{
	struct virtio_admin_cmd_resource_obj_cmd_hdr data = {};
	struct object *object;

	read_data(command, &data, sizeof(data));
	guard(mutex)(&command->owner->lock);
	object = find_object(command, &data);
	if (!object)
		return refuse(command, STATUS_Q_INVALID_FIELD, -ENXIO);
	object->vf = NULL;
	return 0;
}

/* A command that a test lets fail is not the driver's to be blamed for. */
static void excuse(struct command *command)
{
	struct virtio_admin_cmd_resource_obj_cmd_hdr data = {};
	struct object *object;

	read_data(command, &data, sizeof(data));
	guard(mutex)(&command->owner->lock);
	object = find_object(command, &data);
	if (object)
		object->kept = true;
}

/* Device parts */

static int dev_parts_metadata_get(struct command *command)
{
	struct virtio_admin_cmd_dev_parts_metadata_data data = {};
	struct virtio_admin_cmd_dev_parts_metadata_result result = {};
	int ret;

	read_data(command, &data, sizeof(data));
	ret = check_object(command, &data.hdr, VIRTIO_RESOURCE_OBJ_DEV_PARTS_TYPE_GET);
	if (ret)
		return ret;
	/* The PF's driver asks for nothing else. */
	if (data.type != VIRTIO_ADMIN_CMD_DEV_PARTS_METADATA_TYPE_SIZE)
		return invalid_field(command);
	if (command->room < sizeof(result.parts_size))
		return refuse(command, STATUS_Q_INVALID_COMMAND, -ENOMEM);
	result.parts_size.size = cpu_to_le32(parts_size(command->vf));
	give(command, &result, sizeof(result.parts_size));
	return 0;
}

/* While it runs, too: "the device MUST support getting the device parts multiple times". */
static int dev_parts_get(struct command *command)
{
	struct virtio_admin_cmd_dev_parts_get_data data = {};
	size_t size = parts_size(command->vf);
	int ret;

	read_data(command, &data, sizeof(data));
	ret = check_object(command, &data.hdr, VIRTIO_RESOURCE_OBJ_DEV_PARTS_TYPE_GET);
	if (ret)
		return ret;
	if (data.type != VIRTIO_ADMIN_CMD_DEV_PARTS_GET_TYPE_ALL)
		return invalid_field(command);
	if (command->room < size)
		return refuse(command, STATUS_Q_INVALID_COMMAND, -ENOMEM);
	parts_get(command->vf, command->result);
	command->used = size;
	return 0;
}

static bool is_running(struct standin_vf *vf)
{
	guard(mutex)(&vf->lock);
	return vf->running;
}

static int dev_parts_set(struct command *command)
{
	struct virtio_admin_cmd_dev_parts_set_data data = {};
	int ret;

	read_data(command, &data, sizeof(data));
	ret = check_object(command, &data.hdr, VIRTIO_RESOURCE_OBJ_DEV_PARTS_TYPE_SET);
	if (ret)
		return ret;
	if (!standin_expect(command->vf, !is_running(command->vf), "parts are set while it runs"))
		return refuse(command, STATUS_Q_INVALID_COMMAND, -EBUSY);
	if (command->size <= sizeof(data) ||
	    parts_set(command->vf, command->data + sizeof(data), command->size - sizeof(data)))
		return invalid_field(command);
	return 0;
}

/* To stop what is stopped, and to let run what runs, succeeds. */
static int dev_mode_set(struct command *command)
{
	struct virtio_admin_cmd_dev_mode_set_data data = {};

	read_data(command, &data, sizeof(data));
	if (data.flags & ~BIT(VIRTIO_ADMIN_CMD_DEV_MODE_F_STOPPED))
		return invalid_field(command);
	if (data.flags)
		standin_suspend(command->vf);
	else
		standin_resume(command->vf);
	return 0;
}

/**
 * struct admin - a command that the device has
 * @name: what the PF's driver calls it, for a test that lets it fail; NULL: it has to do
 *	with no VF
 * @run: carries it out
 */
static const struct admin {
	const char *name;
	int (*run)(struct command *command);
} admin[] = {
	[VIRTIO_ADMIN_CMD_LIST_QUERY] = { NULL, list_query },
	[VIRTIO_ADMIN_CMD_LIST_USE] = { NULL, list_use },
	[VIRTIO_ADMIN_CMD_CAP_ID_LIST_QUERY] = { NULL, cap_id_list_query },
	[VIRTIO_ADMIN_CMD_DEVICE_CAP_GET] = { NULL, device_cap_get },
	[VIRTIO_ADMIN_CMD_DRIVER_CAP_SET] = { NULL, driver_cap_set },
	[VIRTIO_ADMIN_CMD_RESOURCE_OBJ_CREATE] = { "obj_create", obj_create },
	[VIRTIO_ADMIN_CMD_RESOURCE_OBJ_DESTROY] = { "obj_destroy", obj_destroy },
	[VIRTIO_ADMIN_CMD_DEV_PARTS_METADATA_GET] = {
		"dev_parts_metadata_get", dev_parts_metadata_get
	},
	[VIRTIO_ADMIN_CMD_DEV_PARTS_GET] = { "dev_parts_get", dev_parts_get },
	[VIRTIO_ADMIN_CMD_DEV_PARTS_SET] = { "dev_parts_set", dev_parts_set },
	[VIRTIO_ADMIN_CMD_DEV_MODE_SET] = { "mode_set", dev_mode_set },
};

/*
 * For the group of the owner alone the kernel's driver asks for no list, and says of none
 * that it would use it; those that it sends then are taken nevertheless, or no device of
 * this kind could work with it.
 */
static bool is_used(struct owner *owner, u16 opcode, u16 group)
{
	guard(mutex)(&owner->lock);
	return opcode <= VIRTIO_ADMIN_CMD_LIST_USE || group == VIRTIO_ADMIN_GROUP_TYPE_SELF ||
	       owner->used & BIT_ULL(opcode);
}

/* Commands about what the owner can do are of its own group. */
static bool in_group(u16 opcode, u16 group)
{
	if (opcode <= VIRTIO_ADMIN_CMD_LIST_USE)
		return true;
	return (group == VIRTIO_ADMIN_GROUP_TYPE_SELF) == !admin[opcode].name;
}

/**
 * admin_command - carry a command out
 * @command: all but its group and its number.  Gets the VF, and what it gives
 * @header: of the command
 *
 * Return: 0, or the error that is its status.
 */
int admin_command(struct command *command, const struct virtio_admin_cmd_hdr *header)
{
	struct standin_pf *pf = command->owner->pf;
	u64 member = le64_to_cpu(header->group_member_id);
	u16 group = le16_to_cpu(header->group_type);
	u16 opcode = le16_to_cpu(header->opcode);
	int ret;

	if (group > VIRTIO_ADMIN_GROUP_TYPE_SRIOV)
		return refuse(command, STATUS_Q_INVALID_GROUP, -EINVAL);
	if (opcode >= ARRAY_SIZE(admin) || !admin[opcode].run || !in_group(opcode, group) ||
	    !is_used(command->owner, opcode, group))
		return refuse(command, STATUS_Q_INVALID_OPCODE, -EINVAL);
	if (!admin[opcode].name)
		return admin[opcode].run(command);
	if (!member || member > pf->nr_vfs)
		return refuse(command, STATUS_Q_INVALID_MEMBER, -EINVAL);
	command->vf = &pf->vfs[member - 1];

	ret = standin_call(command->vf, admin[opcode].name);
	if (ret && opcode == VIRTIO_ADMIN_CMD_RESOURCE_OBJ_DESTROY)
		excuse(command);
	return ret ? refuse(command, STATUS_Q_INVALID_COMMAND, ret) : admin[opcode].run(command);
}

/**
 * admin_reset - the PF's driver resets the device
 * @owner: the device
 *
 * All objects are gone by that.  The driver has to have destroyed them before: no VF is
 * left that would need one.
 */
void admin_reset(struct owner *owner)
{
	unsigned int i;

	guard(mutex)(&owner->lock);
	for (i = 0; i < MAX_OBJECTS; i++) {
		struct object *object = &owner->objects[i];

		WARN(object->vf && !object->kept, "standin: object %u was left behind\n", i);
		object->vf = NULL;
	}
	owner->used = 0;
	memset(&owner->limits, 0, sizeof(owner->limits));
}
