// SPDX-License-Identifier: GPL-2.0
/* The control socket: faults that a test orders, one command a line, each answered by "ok" or "error". */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "accel.h"
#include "control.h"
#include "sockets.h"

/* A way out that runs nothing: what dies does not say goodbye. */
#define EXIT_INJECTED	3

struct client {
	int fd;
	size_t length;
	char line[128];
};

static bool parse_number(const char *text, uint32_t *value)
{
	unsigned long number;
	char *end;

	errno = 0;
	number = strtoul(text, &end, 0);
	*value = number;
	return end != text && !*end && !errno && number <= UINT32_MAX && *text != '-';
}

static bool set_dma_error(struct accel *accel, const char *word)
{
	return parse_number(word, &accel->dma_error);
}

static bool set_hang(struct accel *accel, const char *word, bool hung)
{
	if (!strcmp(word, "copy"))
		accel->copy.hung = hung;
	else if (!strcmp(word, "compute"))
		accel->jobs.hung = hung;
	else
		return false;
	return true;
}

static bool hang(struct accel *accel, const char *word)
{
	return set_hang(accel, word, true);
}

static bool resume(struct accel *accel, const char *word)
{
	return set_hang(accel, word, false);
}

/* Are so many of them under way? It changes nothing. */
static bool has_jobs(struct accel *accel, const char *word)
{
	uint32_t number;

	return parse_number(word, &number) && accel->jobs.working >= number;
}

static bool limit_faults(struct accel *accel, const char *word)
{
	return parse_number(word, &accel->faults.limit);
}

static bool lose_interrupt(struct accel *accel, const char *word)
{
	uint32_t vector;

	if (!parse_number(word, &vector) || vector >= NR_VECTORS)
		return false;
	accel->irq_lost[vector]++;
	return true;
}

/*
 * As if it were killed, but for what QEMU has just sent: that is read first. A socket that is closed with something unread
 * resets the connection, and of that QEMU 11.1 dies (an assertion in error_setv()).
 */
static bool end(struct accel *accel, const char *word)
{
	char unread[4096];

	(void)word;
	shutdown(accel->dma.sock, SHUT_RDWR);
	while (recv(accel->dma.sock, unread, sizeof(unread), MSG_DONTWAIT) > 0)
		;
	_exit(EXIT_INJECTED);
}

static bool set_link(struct accel *accel, const char *word)
{
	bool down = !strcmp(word, "down");

	if (!accel->link.present || (!down && strcmp(word, "up")))
		return false;
	/* The side thread is who may; the lock is for registers. */
	pthread_mutex_unlock(&accel->lock);
	link_inject(accel, down);
	pthread_mutex_lock(&accel->lock);
	return true;
}

/* Under accel->lock. */
static const struct command {
	const char *name;
	bool (*run)(struct accel *accel, const char *word);
} commands[] = {
	{ "dma-error", set_dma_error },
	{ "hang", hang },
	{ "resume", resume },
	{ "jobs", has_jobs },
	{ "fault-queue", limit_faults },
	{ "lose-interrupt", lose_interrupt },
	{ "link", set_link },
	{ "exit", end },
};

static bool obey(struct accel *accel, char *line)
{
	char *save, *name = strtok_r(line, " ", &save), *word = strtok_r(NULL, "", &save);
	bool done = false;
	size_t i;

	pthread_mutex_lock(&accel->lock);
	for (i = 0; name && i < sizeof(commands) / sizeof(*commands); i++)
		if (!strcmp(name, commands[i].name))
			done = commands[i].run(accel, word ? word : "");
	pthread_cond_broadcast(&accel->changed);
	ring_wake(&accel->copy);
	ring_wake(&accel->jobs);
	pthread_mutex_unlock(&accel->lock);
	return done;
}

static void answer(const struct client *client, bool done)
{
	const char *text = done ? "ok\n" : "error\n";

	if (send(client->fd, text, strlen(text), MSG_NOSIGNAL) < 0)
		perror("control");
}

static void hang_up(struct client *client)
{
	close(client->fd);
	client->fd = -1;
	client->length = 0;
}

/* A line that does not fit ends the conversation. */
static void read_lines(struct accel *accel, struct client *client)
{
	size_t room = sizeof(client->line) - client->length;
	ssize_t got = recv(client->fd, client->line + client->length, room, 0);
	char *newline;

	if (got <= 0) {
		hang_up(client);
		return;
	}
	client->length += got;
	while ((newline = memchr(client->line, '\n', client->length))) {
		size_t line = newline + 1 - client->line;

		*newline = '\0';
		answer(client, obey(accel, client->line));
		client->length -= line;
		memmove(client->line, client->line + line, client->length);
	}
	if (client->length == sizeof(client->line))
		hang_up(client);
}

static void control_event(struct accel *accel, struct client *client)
{
	if (client->fd >= 0)
		read_lines(accel, client);
	else
		client->fd = accept4(accel->control_fd, NULL, NULL, SOCK_CLOEXEC);
}

static void *side_main(void *arg)
{
	struct accel *accel = arg;
	struct client client = { .fd = -1 };
	struct pollfd fds[3];

	do {
		fds[0] = (struct pollfd) { .fd = accel->quit_fd, .events = POLLIN };
		fds[1] = (struct pollfd) { .fd = link_poll_fd(&accel->link), .events = POLLIN };
		fds[2] = (struct pollfd) { .fd = client.fd >= 0 ? client.fd : accel->control_fd, .events = POLLIN };
		if (poll(fds, 3, -1) < 0)
			continue;
		if (fds[1].revents)
			link_event(accel);
		if (fds[2].revents)
			control_event(accel, &client);
	} while (!fds[0].revents);
	if (client.fd >= 0)
		close(client.fd);
	return NULL;
}

int control_open(struct accel *accel, const char *path)
{
	accel->control_fd = -1;
	accel->control_path = path;
	if (path)
		accel->control_fd = socket_listen(path);
	if (path && accel->control_fd < 0)
		return accel->control_fd;
	accel->quit_fd = eventfd(0, EFD_CLOEXEC);
	if (accel->quit_fd < 0)
		return -errno;
	return -pthread_create(&accel->side_thread, NULL, side_main, accel);
}

void control_close(struct accel *accel)
{
	eventfd_write(accel->quit_fd, 1);
	pthread_join(accel->side_thread, NULL);
	close(accel->quit_fd);
	if (accel->control_fd >= 0) {
		close(accel->control_fd);
		unlink(accel->control_path);
	}
}
