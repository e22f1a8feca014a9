/* SPDX-License-Identifier: GPL-2.0 */
/* The configuration space. The thread that receives messages is the only one that uses it. */
#ifndef ACCEL_CONFIG_H
#define ACCEL_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONFIG_SIZE	4096

struct config {
	uint8_t space[CONFIG_SIZE];
	uint8_t writable[CONFIG_SIZE];
};

/* @window: bytes of BAR 2, a power of two. Also what a reset does. */
void config_init(struct config *config, uint64_t window);

/* @offset and @length are within CONFIG_SIZE. True when the function is to be reset. */
bool config_write(struct config *config, size_t offset, const uint8_t *data, size_t length);
bool config_is_master(const struct config *config);

#endif /* ACCEL_CONFIG_H */
