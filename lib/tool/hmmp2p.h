/* SPDX-License-Identifier: GPL-2.0 */
/* What the verbs of the hmmp2p tool share. */
#ifndef HMMP2P_H
#define HMMP2P_H

#include <argp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hmm_p2p.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* Exit codes, documented in hmmp2p(1). */
enum {
	EXIT_OK = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
};

/* One run of the tool. */
struct tool {
	struct hmm_p2p *ctx;	/* NULL until tool_open() */
	bool json;
	bool bytes;		/* print sizes as plain numbers */
	bool dies_of_signal;	/* in the end, as if it had not been caught */
};

/* The verbs, one file each. Each returns an exit code. */
int verb_list(struct tool *tool, int argc, char **argv);
int verb_topo(struct tool *tool, int argc, char **argv);
int verb_map(struct tool *tool, int argc, char **argv);
int verb_migrate(struct tool *tool, int argc, char **argv);
int verb_stat(struct tool *tool, int argc, char **argv);
int verb_owner(struct tool *tool, int argc, char **argv);
int verb_drain(struct tool *tool, int argc, char **argv);
int verb_doctor(struct tool *tool, int argc, char **argv);

/* --json and --bytes, to be the first child of every verb's parser. */
extern const struct argp common_argp;

/* Prints to stderr, each returns EXIT_FAILED. */
int complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
int complain_call(int err, enum hmm_p2p_call call, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* As complain_call(), and says what the process is if it has no memory. */
int complain_process(int err, enum hmm_p2p_call call, pid_t pid);

/* These print what is wrong themselves and return an exit code. */
int tool_open(struct tool *tool);
int tool_find(struct tool *tool, const char *which,
	      struct hmm_p2p_device_info *info);
int tool_process(struct hmm_p2p_process *process, pid_t pid);

/* A process id from the command line; ends the program if it is none. */
pid_t parse_pid(const char *text, struct argp_state *state);

/* Never return NULL: without memory the program ends. */
void *xcalloc(size_t nr, size_t size);
void *xrealloc(void *ptr, size_t nr, size_t size);
char *xvasprintf(const char *fmt, va_list args);
char *xasprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
__attribute__((noreturn)) void out_of_memory(void);

/* "256M", or "268435456" with --bytes. */
#define SIZE_TEXT_MAX	32
const char *size_text(const struct tool *tool, uint64_t bytes,
		      char text[SIZE_TEXT_MAX]);

/* Devices, in order of id. */
struct device_list {
	struct hmm_p2p_device_info *devices;
	size_t nr;
};

int device_list_load(struct tool *tool, struct device_list *list);
void device_list_free(struct device_list *list);
const struct hmm_p2p_device_info *
device_list_find(const struct device_list *list, uint32_t id);

static inline const char *device_name(const struct hmm_p2p_device_info *info)
{
	return (const char *)info->out_name;
}

static inline const char *device_bus(const struct hmm_p2p_device_info *info)
{
	return (const char *)info->out_bus;
}

/* What the verbs list and topo print for a person. */
void list_print(const struct tool *tool, const struct device_list *list);
void topo_print(struct tool *tool, const struct device_list *list);

/* "0-3,8" for a NUMA node; "-" when it has none or is not known. */
#define CPUS_TEXT_MAX	4096
const char *node_cpus_text(int node, char text[CPUS_TEXT_MAX]);

/* topo --explain EXPORTER IMPORTER */
int explain(struct tool *tool, const char *exporter, const char *importer);

#endif /* HMMP2P_H */
