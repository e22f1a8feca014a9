// SPDX-License-Identifier: GPL-2.0
/* The kernel's virtual camera: see camera.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "camera.h"

#define NODE	"/dev/video0"

static bool failed(const char *what)
{
	fprintf(stderr, "# camera: %s: %s\n", what, strerror(errno));
	return false;
}

static bool call(const struct camera *camera, unsigned long cmd, void *arg, const char *what)
{
	return !ioctl(camera->fd, cmd, arg) || failed(what);
}

bool camera_load(void)
{
	return system("modprobe -q vivid n_devs=1 node_types=0x1 num_inputs=1 input_types=0") == 0 &&
	       system("udevadm settle 2>/dev/null; true") == 0;
}

static bool set_control(const struct camera *camera, const char *name, int value)
{
	struct v4l2_queryctrl query = { .id = V4L2_CTRL_FLAG_NEXT_CTRL };
	struct v4l2_control control = { .value = value };

	while (!ioctl(camera->fd, VIDIOC_QUERYCTRL, &query)) {
		control.id = query.id;
		if (!strcmp((const char *)query.name, name))
			return call(camera, VIDIOC_S_CTRL, &control, name);
		query.id |= V4L2_CTRL_FLAG_NEXT_CTRL;
	}
	return failed(name);
}

static bool set_size(const struct camera *camera)
{
	struct v4l2_format format = {
		.type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
		.fmt.pix = {
			.width = camera->width,
			.height = camera->height,
			.pixelformat = V4L2_PIX_FMT_YUYV,
			.field = V4L2_FIELD_NONE,
		},
	};

	if (!call(camera, VIDIOC_S_FMT, &format, "no such format"))
		return false;
	errno = EINVAL;
	return (format.fmt.pix.width == camera->width &&
		format.fmt.pix.height == camera->height &&
		format.fmt.pix.pixelformat == V4L2_PIX_FMT_YUYV &&
		format.fmt.pix.sizeimage == camera->size) || failed("it has another format");
}

/* No text, no movement. */
static bool set_picture(const struct camera *camera)
{
	struct v4l2_streamparm rate = {
		.type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
		.parm.capture.timeperframe = { .numerator = 1, .denominator = 1000 },
	};
	unsigned int input = 0;

	return call(camera, VIDIOC_S_INPUT, &input, "no input") && set_size(camera) &&
	       call(camera, VIDIOC_S_PARM, &rate, "it has no rate") &&
	       set_control(camera, "Test Pattern", 0) &&
	       set_control(camera, "OSD Text Mode", 2);
}

bool camera_request(const struct camera *camera, enum v4l2_memory memory, unsigned int nr)
{
	struct v4l2_requestbuffers request = {
		.type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
		.memory = memory,
		.count = nr,
	};

	if (!call(camera, VIDIOC_REQBUFS, &request, "no buffers"))
		return false;
	errno = ENOMEM;
	return request.count == nr || failed("another number of buffers");
}

uint8_t *camera_map(const struct camera *camera, unsigned int index)
{
	struct v4l2_buffer buffer = {
		.type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
		.memory = V4L2_MEMORY_MMAP,
		.index = index,
	};
	void *mem;

	if (!call(camera, VIDIOC_QUERYBUF, &buffer, "no such buffer"))
		return NULL;
	mem = mmap(NULL, camera->size, PROT_READ, MAP_SHARED, camera->fd, buffer.m.offset);
	if (mem != MAP_FAILED)
		return mem;
	failed("cannot map a buffer");
	return NULL;
}

bool camera_give(const struct camera *camera, enum v4l2_memory memory, unsigned int index,
		 int dmabuf)
{
	struct v4l2_buffer buffer = {
		.type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
		.memory = memory,
		.index = index,
	};

	if (memory == V4L2_MEMORY_DMABUF) {
		buffer.m.fd = dmabuf;
		buffer.length = camera->size;
	}
	return call(camera, VIDIOC_QBUF, &buffer, "it does not take a buffer");
}

bool camera_stream(const struct camera *camera, bool on)
{
	int type = V4L2_BUF_TYPE_VIDEO_CAPTURE;

	return call(camera, on ? VIDIOC_STREAMON : VIDIOC_STREAMOFF, &type,
		    on ? "it does not start" : "it does not stop");
}

int camera_next(const struct camera *camera, enum v4l2_memory memory)
{
	struct v4l2_buffer buffer = {
		.type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
		.memory = memory,
	};

	if (!call(camera, VIDIOC_DQBUF, &buffer, "no frame"))
		return -1;
	errno = EIO;
	if (buffer.flags & V4L2_BUF_FLAG_ERROR || buffer.bytesused != camera->size) {
		failed("a bad frame");
		return -1;
	}
	return (int)buffer.index;
}

/* The second one: then the first is not being written to any more. */
static bool take_frame(struct camera *camera)
{
	uint8_t *frame = camera_map(camera, 0);
	bool done;

	if (!frame)
		return false;
	done = camera_give(camera, V4L2_MEMORY_MMAP, 0, -1) &&
	       camera_give(camera, V4L2_MEMORY_MMAP, 1, -1) && camera_stream(camera, true) &&
	       camera_next(camera, V4L2_MEMORY_MMAP) >= 0 &&
	       camera_next(camera, V4L2_MEMORY_MMAP) >= 0;
	if (done)
		memcpy(camera->reference, frame, camera->size);
	munmap(frame, camera->size);
	return camera_stream(camera, false) && done;
}

bool camera_open(struct camera *camera, unsigned int width, unsigned int height)
{
	*camera = (struct camera) {
		.fd = open(NODE, O_RDWR | O_CLOEXEC),
		.width = width,
		.height = height,
		.size = (size_t)width * height * 2,
	};
	if (camera->fd < 0)
		return failed(NODE);
	camera->reference = malloc(camera->size);
	return camera->reference && set_picture(camera) &&
	       camera_request(camera, V4L2_MEMORY_MMAP, 2) && take_frame(camera) &&
	       camera_request(camera, V4L2_MEMORY_MMAP, 0);
}

bool camera_close(struct camera *camera)
{
	free(camera->reference);
	close(camera->fd);
	return system("modprobe -r vivid") == 0;
}
