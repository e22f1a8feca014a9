// SPDX-License-Identifier: GPL-2.0
/* The mappings of a process, from /proc/PID/maps. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hmmp2p.h"
#include "maps.h"

bool maps_parse_line(char *line, struct mapping *mapping)
{
	unsigned long inode;
	char perms[5];
	int name = 0;

	line[strcspn(line, "\n")] = '\0';
	if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %*x %*x:%*x %lu %n",
		   &mapping->start, &mapping->end, perms, &inode, &name) < 4 ||
	    !name || strlen(perms) != 4)
		return false;
	mapping->accessible = perms[0] == 'r' || perms[1] == 'w';
	mapping->is_private = perms[3] == 'p';
	mapping->has_file = inode;
	mapping->name = xasprintf("%s", line[name] ? line + name : "[anon]");
	return true;
}

static void maps_add(struct maps *maps, const struct mapping *mapping)
{
	maps->mappings = xrealloc(maps->mappings, maps->nr + 1,
				  sizeof(*maps->mappings));
	maps->mappings[maps->nr++] = *mapping;
}

static int maps_read(FILE *file, struct maps *maps)
{
	struct mapping mapping;
	char *line = NULL;
	size_t size = 0;
	int err = 0;

	errno = 0;
	while (getline(&line, &size, file) >= 0)
		if (maps_parse_line(line, &mapping))
			maps_add(maps, &mapping);
	if (ferror(file))
		err = errno ? -errno : -EIO;
	free(line);
	return err;
}

int maps_load(pid_t pid, struct maps *maps)
{
	char path[64];
	FILE *file;
	int fd, err;

	*maps = (struct maps) { 0 };
	snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	file = fdopen(fd, "r");
	if (!file)
		out_of_memory();
	err = maps_read(file, maps);
	fclose(file);
	if (err)
		maps_free(maps);
	return err;
}

void maps_free(struct maps *maps)
{
	while (maps->nr)
		free(maps->mappings[--maps->nr].name);
	free(maps->mappings);
	*maps = (struct maps) { 0 };
}

/* The kernel's own mappings have names but no file: [vdso], [vvar]... */
static bool is_special(const char *name)
{
	return name[0] == '[' && strcmp(name, "[heap]") &&
	       strcmp(name, "[stack]") && strncmp(name, "[anon", 5);
}

bool mapping_is_anonymous(const struct mapping *mapping)
{
	return mapping->is_private && !mapping->has_file &&
	       !is_special(mapping->name);
}
