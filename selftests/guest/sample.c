// SPDX-License-Identifier: GPL-2.0
/* A process with 64 MB of memory from malloc(), to try hmmp2p on; it stays when this has ended. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define MEGABYTES	64
#define LENGTH		((size_t)MEGABYTES << 20)

/* Each word tells where it is, so none is like another. */
static void fill(uint64_t *mem)
{
	size_t i;

	for (i = 0; i < LENGTH / sizeof(*mem); i++)
		mem[i] = i;
}

static void stay(int ready)
{
	uint64_t *mem = malloc(LENGTH);

	if (!mem)
		exit(1);
	fill(mem);
	if (write(ready, "", 1) != 1)
		exit(1);
	close(ready);
	for (;;)
		pause();
}

int main(void)
{
	int ends[2];
	pid_t pid;
	char byte;

	if (pipe(ends))
		return 1;
	pid = fork();
	if (pid < 0)
		return 1;
	if (!pid) {
		close(ends[0]);
		stay(ends[1]);
	}
	close(ends[1]);
	if (read(ends[0], &byte, 1) != 1)
		return 1;
	printf("process %d has %d MB to try hmmp2p on: 'hmmp2p migrate %d all --to DEVICE', 'hmmp2p map %d'\n",
	       (int)pid, MEGABYTES, (int)pid, (int)pid);
	return 0;
}
