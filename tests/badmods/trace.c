/* SPDX-License-Identifier: Apache-2.0 */
/* Leaves a file behind when it is loaded. */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static void __attribute__((constructor)) leave_a_trace(void)
{
	const char *path = getenv("BADMODS_WITNESS");
	int fd = path ? open(path, O_WRONLY | O_CREAT, 0600) : -1;
	if (fd >= 0)
		close(fd);
}
