/* SPDX-License-Identifier: GPL-2.0 */
/* The mappings of a process, from /proc/PID/maps. */
#ifndef HMMP2P_MAPS_H
#define HMMP2P_MAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct mapping {
	uint64_t start, end;
	bool accessible;	/* readable or writable */
	bool is_private;
	bool has_file;
	char *name;		/* "[anon]" when the kernel gives none */
};

struct maps {
	struct mapping *mappings;
	size_t nr;
};

/* 0 or -errno; on success to be freed. */
int maps_load(pid_t pid, struct maps *maps);
void maps_free(struct maps *maps);

/* Parse one line; false when it is none. The name is allocated. */
bool maps_parse_line(char *line, struct mapping *mapping);

/* Memory from malloc(), mmap() or the stack: what can live on a device. */
bool mapping_is_anonymous(const struct mapping *mapping);

#endif /* HMMP2P_MAPS_H */
