// SPDX-License-Identifier: GPL-2.0
/* Small files of the system, for which tests have others. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "files.h"
#include "hmmp2p.h"

char *root_path(const char *fmt, ...)
{
	const char *root = secure_getenv(ROOT_ENV);
	char *rest, *path;
	va_list args;

	va_start(args, fmt);
	rest = xvasprintf(fmt, args);
	va_end(args);
	path = xasprintf("%s/%s", root ? root : "", rest);
	free(rest);
	return path;
}

ssize_t read_bytes(const char *path, void *buf, size_t size)
{
	size_t used = 0;
	ssize_t len;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	do {
		len = read(fd, (char *)buf + used, size - used);
		if (len < 0)
			used = -errno;
		else
			used += len;
	} while (len > 0 && used < size);
	close(fd);
	return used;
}

void read_line(const char *path, char *text, size_t size)
{
	ssize_t len = read_bytes(path, text, size - 1);

	text[len > 0 ? len : 0] = '\0';
	text[strcspn(text, "\n")] = '\0';
}

#define READ_STEP	65536

char *read_fd(int fd)
{
	char *text = xrealloc(NULL, 1, READ_STEP + 1);
	size_t used = 0;
	ssize_t len;

	while ((len = read(fd, text + used, READ_STEP)) > 0) {
		used += len;
		text = xrealloc(text, 1, used + READ_STEP + 1);
	}
	close(fd);
	text[used] = '\0';
	return text;
}

char *read_text(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? NULL : read_fd(fd);
}

const char *path_line(char line[LINE_SIZE], char *path)
{
	read_line(path, line, LINE_SIZE);
	free(path);
	return line;
}

static int is_no_dot(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

int folder_names(char *path, struct dirent ***names)
{
	int nr = scandir(path, names, is_no_dot, versionsort);

	free(path);
	if (nr >= 0)
		return nr;
	*names = NULL;
	return 0;
}

void folder_names_free(struct dirent **names, int nr)
{
	while (nr)
		free(names[--nr]);
	free(names);
}
