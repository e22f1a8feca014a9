/* SPDX-License-Identifier: GPL-2.0 */
/* What somebody writes to a file of debugfs. */
#ifndef _HMM_P2P_LINE_H
#define _HMM_P2P_LINE_H

#include <linux/uaccess.h>

/**
 * struct line - what was written at once
 * @text: with a NUL behind it
 */
struct line {
	char text[128];
};

/* Return: 0; -EINVAL when it is too long, -EFAULT. */
static inline int line_read(struct line *line, const char __user *user, size_t len)
{
	if (len >= sizeof(line->text))
		return -EINVAL;
	if (copy_from_user(line->text, user, len))
		return -EFAULT;
	line->text[len] = 0;
	return 0;
}

#endif /* _HMM_P2P_LINE_H */
