/* SPDX-License-Identifier: GPL-2.0 */
/* Unix stream sockets with a path. A descriptor, or -errno. */
#ifndef ACCEL_SOCKETS_H
#define ACCEL_SOCKETS_H

#include <stddef.h>

/* Whatever was left at @path goes. */
int socket_listen(const char *path);
int socket_connect(const char *path);

/* 0, or -errno. */
int socket_send_fd(int sock, const void *data, size_t length, int fd);
int socket_receive_fd(int sock, void *data, size_t length, int *fd);

#endif /* ACCEL_SOCKETS_H */
