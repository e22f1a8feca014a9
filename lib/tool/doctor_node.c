// SPDX-License-Identifier: GPL-2.0
/* hmmp2p doctor: the device node, and whose it is. */
#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "doctor.h"

static char *node_path(void)
{
	const char *path = secure_getenv(HMM_P2P_DEVICE_ENV);

	return path && *path ? xasprintf("%s", path) : root_path("%s", HMM_P2P_DEVICE_PATH + 1);
}

static char *group_name(gid_t gid)
{
	const struct group *group = getgrgid(gid);

	return group ? xasprintf("%s", group->gr_name) : xasprintf("%u", (unsigned int)gid);
}

/* There is somebody who may: a group of its own, or root alone. */
static void find_forbidden(struct doctor *doctor, const struct stat *st)
{
	char *group = group_name(st->st_gid), *cure;

	if (st->st_gid && st->st_mode & 0060)
		cure = xasprintf("'usermod -aG %s USER' and log in again, or run as root", group);
	else
		cure = xasprintf("run as root, or give the node to a group: 'make install' has a rule for udev by which it belongs to the group hmm_p2p, then 'udevadm trigger'");
	find(doctor, FINDING_MISSING, cure,
	     "permission for this user to open the node, which belongs to group %s with mode %04o",
	     group, st->st_mode & 07777);
	free(cure);
	free(group);
}

static void find_no_node(struct doctor *doctor)
{
	if (module_state(doctor, "hmm_p2p_uapi") == MODULE_THERE)
		find(doctor, FINDING_MISSING,
		     "the module is there, so let udev make it ('udevadm trigger'), or in a container let the host's node in",
		     "the device node");
	else
		find(doctor, FINDING_MISSING, "it comes with the module hmm_p2p_uapi",
		     "the device node");
}

static void find_closed(struct doctor *doctor, int err)
{
	char *path = node_path();
	struct stat st;

	if (err == -ENOENT)
		find_no_node(doctor);
	else if (err == -EACCES && !stat(path, &st))
		find_forbidden(doctor, &st);
	else
		find(doctor, FINDING_MISSING, hmm_p2p_errno_text(err, HMM_P2P_CALL_OPEN),
		     "a device node that can be opened");
	free(path);
}

void examine_node(struct doctor *doctor)
{
	struct hmm_p2p_info info;
	int err = hmm_p2p_open(&doctor->tool->ctx);

	if (!err)
		err = hmm_p2p_get_info(doctor->tool->ctx, &info);
	if (err)
		find_closed(doctor, err);
	else
		find(doctor, FINDING_OK, NULL, "the device node, with ABI version %u",
		     info.out_abi_version);
}
