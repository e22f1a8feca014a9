// SPDX-License-Identifier: GPL-2.0
/* Messages: whole ones, whatever the stream cuts them into. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "message.h"

void message_close(struct message *message)
{
	while (message->nr_fds--)
		if (message->fd[message->nr_fds] >= 0)
			close(message->fd[message->nr_fds]);
	message->nr_fds = 0;
}

static void keep_fd(struct message *message, int fd)
{
	if (message->nr_fds < MESSAGE_FDS) {
		message->fd[message->nr_fds++] = fd;
		return;
	}
	close(fd);
	message->error = -EINVAL;
}

static void take_fds(struct message *message, struct msghdr *msg)
{
	struct cmsghdr *c;

	for (c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		size_t at, bytes = c->cmsg_len - CMSG_LEN(0);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (at = 0; at + sizeof(int) <= bytes; at += sizeof(int)) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + at, sizeof(fd));
			keep_fd(message, fd);
		}
	}
	if (msg->msg_flags & MSG_CTRUNC)
		message->error = -EINVAL;
}

static int receive_bytes(int sock, struct message *message, void *to, size_t length)
{
	char control[CMSG_SPACE(MESSAGE_FDS * sizeof(int))];
	size_t done = 0;

	while (done < length) {
		struct iovec iov = { (char *)to + done, length - done };
		struct msghdr msg = {
			.msg_iov = &iov,
			.msg_iovlen = 1,
			.msg_control = control,
			.msg_controllen = sizeof(control),
		};
		ssize_t got = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got && errno != ECONNRESET ? -errno : -EPIPE;
		take_fds(message, &msg);
		done += got;
	}
	return 0;
}

int message_receive(int sock, struct message *message)
{
	int err;

	message->nr_fds = 0;
	message->error = 0;
	err = receive_bytes(sock, message, &message->header, sizeof(message->header));
	if (err)
		return err;
	/* With a size that cannot be, nobody knows where the next message begins. */
	if (message->header.size < sizeof(message->header) ||
	    message->header.size - sizeof(message->header) > MESSAGE_PAYLOAD)
		return -EPROTO;
	message->length = message->header.size - sizeof(message->header);
	return receive_bytes(sock, message, message->payload, message->length);
}

static void attach_fd(struct msghdr *msg, char *control, size_t size, int fd)
{
	struct cmsghdr *c;

	memset(control, 0, size);
	msg->msg_control = control;
	msg->msg_controllen = size;
	c = CMSG_FIRSTHDR(msg);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
}

static void skip_sent(struct msghdr *msg, size_t bytes)
{
	while (msg->msg_iovlen && bytes >= msg->msg_iov->iov_len) {
		bytes -= msg->msg_iov->iov_len;
		msg->msg_iov++;
		msg->msg_iovlen--;
	}
	if (msg->msg_iovlen) {
		msg->msg_iov->iov_base = (char *)msg->msg_iov->iov_base + bytes;
		msg->msg_iov->iov_len -= bytes;
	}
	msg->msg_control = NULL;	/* went with the first byte */
	msg->msg_controllen = 0;
}

static int send_all(int sock, struct msghdr *msg)
{
	while (msg->msg_iovlen) {
		ssize_t sent = sendmsg(sock, msg, MSG_NOSIGNAL);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return errno == ECONNRESET ? -EPIPE : -errno;
		skip_sent(msg, sent);
	}
	return 0;
}

int message_send(int sock, pthread_mutex_t *lock, struct message_out *out)
{
	char control[CMSG_SPACE(sizeof(int))];
	struct iovec iov[] = {
		{ &out->header, sizeof(out->header) },
		{ (void *)out->part[0], out->length[0] },
		{ (void *)out->part[1], out->length[1] },
	};
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 3 };
	int err;

	out->header.size = sizeof(out->header) + out->length[0] + out->length[1];
	if (out->fd >= 0)
		attach_fd(&msg, control, sizeof(control), out->fd);
	pthread_mutex_lock(lock);
	err = send_all(sock, &msg);
	pthread_mutex_unlock(lock);
	return err;
}
