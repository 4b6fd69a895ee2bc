/* SPDX-License-Identifier: Apache-2.0 */
/* A Docker-style plugin that does as the test says: answers, hangs, hangs up, talks rubbish. Connections are served side by side.
 */
#ifndef TESTS_LIB_PLUGIN_H
#define TESTS_LIB_PLUGIN_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct plugin_reply {
	int status;	   /* 0: 200 */
	const char *body;  /* NULL: "{}" */
	const char *raw;   /* these bytes instead of an answer; then the connection is closed */
	size_t raw_bytes;  /* 0: up to the NUL */
	bool close;	   /* without an answer */
	bool hang;	   /* until the test is over */
	bool chunked;	   /* the body in chunks of three bytes */
	size_t huge;	   /* a body of so many bytes */
	bool bye;	   /* close after the answer, without having said so */
	unsigned pause_ms; /* before the answer */
};

struct fakeplugin {
	char dir[64];
	char socket[96];
	char address[112]; /* "unix://SOCKET" */
	int listen_fd;
	pthread_t thread;
	_Atomic bool stop;
	_Atomic int connections; /* accepted */
	/* What is asked: path behind the slash ("NetworkDriver.Join") and body. NULL: answers as a driver of local scope that does
	 * nothing. Runs with the lock held. */
	void (*answer)(struct fakeplugin *plugin, const char *path, const char *body, struct plugin_reply *ret);
	void *data;
	pthread_mutex_t lock;
	char log[16384]; /* "PATH BODY\n" for each request but Activate and GetCapabilities, without the newline of the body */
	size_t log_bytes;
	char head[2048]; /* of the last request */
};

/* Listens as DIR/NAME.sock; NULL `dir`: a directory of its own. The socket belongs to another process, as a plugin's does. */
void fakeplugin_start(struct fakeplugin *plugin, const char *dir, const char *name);
/* Only the listening socket, which belongs to another process. */
int fakeplugin_listen(const char *path);
/* Nobody listens any more, and what is open is closed. */
void fakeplugin_stop(struct fakeplugin *plugin);
/* The log, which is emptied; valid until the next. */
const char *fakeplugin_log(struct fakeplugin *plugin);

#endif
