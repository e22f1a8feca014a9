/* SPDX-License-Identifier: GPL-2.0 */
/* Small files of the system, for which tests have others. */
#ifndef HMMP2P_FILES_H
#define HMMP2P_FILES_H

#include <dirent.h>
#include <stddef.h>
#include <sys/types.h>

/* For tests: a folder to look below instead of /. */
#define ROOT_ENV	"HMM_P2P_ROOT"

/* A path below it, to be freed. */
char *root_path(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
#define sysfs_path(...)	root_path("sys/" __VA_ARGS__)

/* Up to @size bytes of a file: how many, or -errno. */
ssize_t read_bytes(const char *path, void *buf, size_t size);

/* The first line of a small file; "" when it cannot be read. */
void read_line(const char *path, char *text, size_t size);

/* All that comes from @fd, which is closed; to be freed. */
char *read_fd(int fd);

/* All of a file, to be freed; NULL when it cannot be opened. */
char *read_text(const char *path);

#define LINE_SIZE	256

/* As read_line(), of a file whose path is freed; returns @line. */
const char *path_line(char line[LINE_SIZE], char *path);
#define sysfs_line(line, ...)	path_line(line, sysfs_path(__VA_ARGS__))

/*
 * The names in the folder @path, which is freed, in order: how many, none when there
 * is no such folder. To be freed in any case.
 */
int folder_names(char *path, struct dirent ***names);
void folder_names_free(struct dirent **names, int nr);

#endif /* HMMP2P_FILES_H */
