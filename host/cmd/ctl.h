/* SPDX-License-Identifier: Apache-2.0 */
/* ndrvctl from the inside: commands are rows of a table (ctl_commands.c), each reads its options, asks the host over the control
 * socket (ctl_client.c) and prints what comes back (ctl_print.c). Running out of memory ends the process. */
#ifndef HOST_CMD_CTL_H
#define HOST_CMD_CTL_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include <ndrv/error.h>

#define CTL_GIVEN_MAX 256
#define CTL_EXIT_UNREACHABLE 1
#define CTL_EXIT_USAGE 2
#define CTL_EXIT_DEGRADED 11

struct ctl_option {
	char letter; /* 0: none */
	const char *name;
	const char *argument; /* NULL: takes none */
	const char *help;
};

struct ctl;

struct ctl_command {
	const char *name;      /* "network create" */
	const char *arguments; /* "NAME -d TYPE" */
	const char *help;
	int min, max;						  /* number of arguments */
	const struct ctl_option *options;			  /* ended by one without a name; NULL: none of its own */
	int (*run)(struct ctl *ctl, char **arguments, int count); /* the exit status */
};

extern const struct ctl_command ctl_commands[];
extern const size_t ctl_command_count;

int ctl_network_create(struct ctl *ctl, char **arguments, int count);
int ctl_network_ls(struct ctl *ctl, char **arguments, int count);
int ctl_network_inspect(struct ctl *ctl, char **arguments, int count);
int ctl_network_rm(struct ctl *ctl, char **arguments, int count);
int ctl_network_prune(struct ctl *ctl, char **arguments, int count);
int ctl_network_connect(struct ctl *ctl, char **arguments, int count);
int ctl_network_disconnect(struct ctl *ctl, char **arguments, int count);
int ctl_endpoint_ls(struct ctl *ctl, char **arguments, int count);
int ctl_endpoint_inspect(struct ctl *ctl, char **arguments, int count);
int ctl_status(struct ctl *ctl, char **arguments, int count);
int ctl_events(struct ctl *ctl, char **arguments, int count);
int ctl_reexec(struct ctl *ctl, char **arguments, int count);
int ctl_reload(struct ctl *ctl, char **arguments, int count);
int ctl_check_abi(struct ctl *ctl, char **arguments, int count);
int ctl_driver_ls(struct ctl *ctl, char **arguments, int count);
int ctl_driver_inspect(struct ctl *ctl, char **arguments, int count);
int ctl_driver_load(struct ctl *ctl, char **arguments, int count);
int ctl_driver_swap(struct ctl *ctl, char **arguments, int count);
int ctl_driver_rollback(struct ctl *ctl, char **arguments, int count);
int ctl_driver_pin(struct ctl *ctl, char **arguments, int count);
int ctl_driver_unload(struct ctl *ctl, char **arguments, int count);

int ctl_table_ls(struct ctl *ctl, char **arguments, int count);
int ctl_table_get(struct ctl *ctl, char **arguments, int count);
int ctl_table_put(struct ctl *ctl, char **arguments, int count);
int ctl_table_rm(struct ctl *ctl, char **arguments, int count);
int ctl_table_watch(struct ctl *ctl, char **arguments, int count);
int ctl_pool_ls(struct ctl *ctl, char **arguments, int count);
int ctl_pool_release(struct ctl *ctl, char **arguments, int count);
int ctl_node_ls(struct ctl *ctl, char **arguments, int count);
int ctl_node_add(struct ctl *ctl, char **arguments, int count);
int ctl_node_rm(struct ctl *ctl, char **arguments, int count);

struct ctl {
	const char *socket;
	bool json; /* exactly one JSON document on standard output, whatever happens */
	bool help;
	bool quiet; /* errors are not reported: a request that may fail */
	const struct ctl_command *command;
	struct {
		const struct ctl_option *option;
		const char *value;
	} given[CTL_GIVEN_MAX];
	unsigned given_count;
};

/* --- ctl_commands.c --- */

/* All of main(): the exit status. */
int ctl_main(struct ctl *ctl, int argc, char **argv);
bool ctl_flag(const struct ctl *ctl, const char *name);
/* The last one wins; NULL: not given. */
const char *ctl_value(const struct ctl *ctl, const char *name);
/* The next value of an option that may be repeated, from *at on (0 at first); NULL: no more. */
const char *ctl_next(const struct ctl *ctl, const char *name, unsigned *at);

/* --- ctl_print.c --- */

/* Reports wrong usage. Returns the exit status. */
int ctl_usage(const struct ctl *ctl, const char *fmt, ...) NDRV_PRINTF(2, 3);
/* Reports an error by code, kind and text. Returns the exit status, `status` if that is not 0, else the kind's. */
int ctl_error(const struct ctl *ctl, int status, const char *code, const char *kind, const char *text);
void ctl_print_json(const json_t *json);
/* As indented text. */
void ctl_print_tree(const json_t *json);

struct ctl_column {
	const char *title;
	const char *key; /* "join.interface" */
	/* Where the text is not simply the member's. `room` bytes at `text`. */
	void (*format)(const json_t *row, char *text, size_t room);
};
void ctl_print_table(const json_t *list, const struct ctl_column *columns, size_t count);
/* The member at a path of keys with dots, or NULL. */
const json_t *ctl_member(const json_t *json, const char *path);
/* Its text; numbers and booleans too; "" for what is not there. Control characters are escaped. Cut to `room`. */
const char *ctl_text(const json_t *json, const char *path, char *text, size_t room);
/* The first twelve bytes of "id", as in Docker's lists. */
void ctl_short_id(const json_t *row, char *text, size_t room);
void *ctl_memory(void *pointer); /* the pointer, or the end */

/* --- ctl_client.c --- */

/* Asks, and reports what goes wrong. `body` is taken, NULL: none. NULL: it went wrong, *ret_status is the exit status. */
json_t *ctl_call(const struct ctl *ctl, const char *method, const char *path, json_t *body, int *ret_status);
/* GETs an endless reply; calls `line` for each line until it returns false or the stream ends. The exit status. */
int ctl_stream(const struct ctl *ctl, const char *path, bool (*line)(const struct ctl *ctl, const char *text));
/* "/v1/networks/%s": each %s with what a path must not contain escaped. malloc'ed. */
char *ctl_path(const char *fmt, ...) NDRV_PRINTF(1, 2);

/* --- ctl_network.c --- */

/* Asks and prints the whole answer. `path` (malloc'ed) and `body` are taken. The exit status. */
int ctl_show(struct ctl *ctl, const char *method, char *path, json_t *body);
/* body[key] = text unless it is NULL. 0, or the exit status. */
int ctl_set(const struct ctl *ctl, json_t *body, const char *key, const char *text);
/* body["options"] from -o. 0, or the exit status. */
int ctl_options(const struct ctl *ctl, json_t *body);

/* --- ctl_connect.c --- */

/* "blue" -> "/run/netns/blue", "./x" -> absolute. */
char *ctl_netns(const char *text);

/* --- ctl_ports.c --- */

/* 1 ... max, all of the text. */
bool ctl_number(const char *text, long max, long *ret);
/* body["ports"] from -p. 0, or the exit status. */
int ctl_add_ports(const struct ctl *ctl, json_t *body);
/* "127.0.0.1:8080->80/tcp,..." out of a row's "ports"; "" for none. */
void ctl_format_ports(const json_t *row, char *text, size_t room);

#endif
