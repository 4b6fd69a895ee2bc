/* SPDX-License-Identifier: Apache-2.0 */
/* `ndrvd --check`: validates a configuration and says what it would do, without doing it. */
#ifndef HOST_CMD_CHECK_H
#define HOST_CMD_CHECK_H

#include "host/config/config.h"

/* Reads the configuration and inspects each driver file without running it; prints a line per finding. Exit status: 0 all is well,
 * 1 something would be refused. */
int check_config(const char *path, const struct config_overrides *overrides);
/* Whether this program could take over from the one that runs with the same arguments: reads configuration, state and the driver
 * files that networks need, changes nothing. Ends with the line that reexec_check() waits for, or with the reason why not. */
int check_state(const char *path, const struct config_overrides *overrides);
/* Starts as this program would, but on directories that hold a copy of the state, claims nothing, listens nowhere, and ends as soon
 * as it could serve. The host whose kernel objects they are is at rest meanwhile. Ends with the line that reexec_trial() waits for.
 */
int check_start(const char *path, const struct config_overrides *overrides);

#endif
