// SPDX-License-Identifier: GPL-2.0
/* The interconnect. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "accel.h"
#include "sockets.h"

struct hello {
	uint64_t magic;
	uint64_t uid;
	uint64_t size;
};

#define HELLO_MAGIC	0x31304b4e494c5048ull

enum { SAY_DOWN = 'd', SAY_UP = 'u' };

static void tell(struct accel *accel)
{
	pthread_mutex_lock(&accel->lock);
	accel_irq(accel, VECTOR_LINK);
	pthread_mutex_unlock(&accel->lock);
}

static int say_hello(struct accel *accel, int sock)
{
	struct hello hello = { HELLO_MAGIC, accel->uid, accel->memory_size };

	return socket_send_fd(sock, &hello, sizeof(hello), accel->memory_fd);
}

static int map_peer(struct link *link, const struct hello *hello, int fd)
{
	struct stat st;
	void *peer;

	if (hello->magic != HELLO_MAGIC || fstat(fd, &st) || !hello->size || hello->size > (uint64_t)st.st_size)
		return -EPROTO;
	peer = mmap(NULL, hello->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (peer == MAP_FAILED)
		return -errno;
	pthread_rwlock_wrlock(&link->lock);
	link->peer = peer;
	link->peer_size = hello->size;
	link->peer_uid = hello->uid;
	pthread_rwlock_unlock(&link->lock);
	return 0;
}

static void hang_up(struct link *link)
{
	pthread_rwlock_wrlock(&link->lock);
	if (link->peer)
		munmap(link->peer, link->peer_size);
	link->peer = NULL;
	link->down_there = false;
	pthread_rwlock_unlock(&link->lock);
	if (link->sock >= 0)
		close(link->sock);
	link->sock = -1;
}

static void say(const struct link *link, char word)
{
	if (link->sock >= 0 && send(link->sock, &word, 1, MSG_NOSIGNAL) != 1)
		perror("link");
}

static void hear_hello(struct accel *accel)
{
	struct link *link = &accel->link;
	struct hello hello;
	int fd = -1, err;

	err = socket_receive_fd(link->sock, &hello, sizeof(hello), &fd);
	if (!err)
		err = map_peer(link, &hello, fd);
	if (fd >= 0)
		close(fd);
	if (err) {
		hang_up(link);
		return;
	}
	if (link->down_here)
		say(link, SAY_DOWN);
	tell(accel);
}

static void hear_word(struct accel *accel)
{
	struct link *link = &accel->link;
	char word;

	if (recv(link->sock, &word, 1, 0) != 1) {
		hang_up(link);
	} else {
		pthread_rwlock_wrlock(&link->lock);
		link->down_there = word == SAY_DOWN;
		pthread_rwlock_unlock(&link->lock);
	}
	tell(accel);
}

static void welcome(struct accel *accel)
{
	struct link *link = &accel->link;

	link->sock = accept4(link->listen_fd, NULL, NULL, SOCK_CLOEXEC);
	if (link->sock >= 0 && say_hello(accel, link->sock))
		hang_up(link);
}

int link_poll_fd(const struct link *link)
{
	return link->sock >= 0 ? link->sock : link->listen_fd;
}

void link_event(struct accel *accel)
{
	struct link *link = &accel->link;

	if (link->sock < 0)
		welcome(accel);
	else if (!link->peer)
		hear_hello(accel);
	else
		hear_word(accel);
}

void link_inject(struct accel *accel, bool down)
{
	struct link *link = &accel->link;

	pthread_rwlock_wrlock(&link->lock);
	link->down_here = down;
	pthread_rwlock_unlock(&link->lock);
	if (link->peer)
		say(link, down ? SAY_DOWN : SAY_UP);
	tell(accel);
}

int link_open(struct accel *accel, const char *listen, const char *connect)
{
	struct link *link = &accel->link;

	pthread_rwlock_init(&link->lock, NULL);
	link->listen_fd = -1;
	link->sock = -1;
	link->path = listen;
	link->present = listen || connect;
	if (listen)
		link->listen_fd = socket_listen(listen);
	if (connect)
		link->sock = socket_connect(connect);
	if (listen && link->listen_fd < 0)
		return link->listen_fd;
	if (connect && link->sock < 0)
		return link->sock;
	return connect ? say_hello(accel, link->sock) : 0;
}

void link_close(struct link *link)
{
	hang_up(link);
	if (link->listen_fd >= 0) {
		close(link->listen_fd);
		unlink(link->path);
	}
	pthread_rwlock_destroy(&link->lock);
}

static bool is_up(const struct link *link)
{
	return link->peer && !link->down_here && !link->down_there;
}

bool link_state(struct link *link, uint64_t *size, uint64_t *uid)
{
	bool up;

	pthread_rwlock_rdlock(&link->lock);
	up = is_up(link);
	*size = up ? link->peer_size : 0;
	*uid = up ? link->peer_uid : 0;
	pthread_rwlock_unlock(&link->lock);
	return up;
}

int link_access(struct link *link, uint64_t addr, void *buf, size_t length, bool write)
{
	int err = STATUS_LINK;

	pthread_rwlock_rdlock(&link->lock);
	if (is_up(link)) {
		err = addr > link->peer_size || length > link->peer_size - addr ? STATUS_BOUNDS : 0;
		if (!err)
			memcpy(write ? link->peer + addr : buf, write ? buf : link->peer + addr, length);
	}
	pthread_rwlock_unlock(&link->lock);
	return err;
}
