/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The kernel's virtual camera (vivid), whose frames are all alike: colour bars. Needs
 * nothing of the project's. What fails says why, and returns false.
 */
#ifndef GUEST_CAMERA_H
#define GUEST_CAMERA_H

#include <linux/videodev2.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * struct camera - a capture device that shows colour bars
 * @fd: its node
 * @width: pixels of a line
 * @height: lines
 * @size: bytes of a frame: YUYV
 * @reference: a frame of it in RAM
 */
struct camera {
	int fd;
	unsigned int width;
	unsigned int height;
	size_t size;
	uint8_t *reference;
};

/* Whether this kernel has one. */
bool camera_load(void);

/* As many frames a second as it can make of that size. */
bool camera_open(struct camera *camera, unsigned int width, unsigned int height);
bool camera_close(struct camera *camera);

/* @nr: 0 gives them back. */
bool camera_request(const struct camera *camera, enum v4l2_memory memory, unsigned int nr);

/* A buffer of the camera's own that this process may read, or NULL. */
uint8_t *camera_map(const struct camera *camera, unsigned int index);

/* @dmabuf: the buffer, for V4L2_MEMORY_DMABUF. */
bool camera_give(const struct camera *camera, enum v4l2_memory memory, unsigned int index,
		 int dmabuf);
bool camera_stream(const struct camera *camera, bool on);

/* Waits for a frame. Return: the buffer that has it, or -1. */
int camera_next(const struct camera *camera, enum v4l2_memory memory);

#endif /* GUEST_CAMERA_H */
