/* SPDX-License-Identifier: Apache-2.0 */
/* For vendors: looks at a driver file without running it, then tries it against the rules, in namespaces of its own. */
#include <getopt.h>

#include "host/cmd/check_arguments.h"

int main(int argc, char **argv)
{
	struct checking checking = {.jobs = 4};
	int status = 0;

	arena_init(&checking.arena, 64u << 20);
	check_arguments_parse(&checking, argc, argv);
	check_begin(&checking);
	for (int i = optind; i < argc; i++) {
		int each = check_file(&checking, argv[i]);
		status = each == CHECK_BAD || !status ? each : status;
	}
	if (check_end(&checking))
		status = CHECK_BAD;
	arena_reset(&checking.arena);
	return status;
}
