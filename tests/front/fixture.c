/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/front/fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/base/clock.h"
#include "tests/lib/test.h"

void fixture_start(struct fixture *fixture, const struct fixture_options *options)
{
	static const struct fixture_options none;
	struct ndrv_error error = {0};
	uint64_t timeout_ms;

	if (!options)
		options = &none;
	timeout_ms = options->request_timeout_ms ? options->request_timeout_ms : 60000;
	*fixture = (struct fixture){.listener.fd = -1};
	(void)snprintf(fixture->directory, sizeof(fixture->directory), "/tmp/ndrv-front-XXXXXX");
	assert_non_null(mkdtemp(fixture->directory));
	assert_int_equal(chmod(fixture->directory, 0755), 0); /* other users have a test, too */
	(void)snprintf(fixture->socket, sizeof(fixture->socket), "%s/control.sock", fixture->directory);
	gid_t group = options->group ? options->group : (gid_t)-1;
	assert_ok(listen_open(fixture->socket, group, &fixture->listener, &error), &error);
	fixture->fake = fake_new();
	const struct control_options control = {
		.dispatch = fixture->fake,
		.listen_fd = fixture->listener.fd,
		.group = group,
		.max_connections = options->max_connections ? options->max_connections : 1000,
		.max_connections_per_uid = options->max_connections_per_uid ? options->max_connections_per_uid : 1000,
		.request_timeout_ns = timeout_ms * NSEC_PER_MSEC,
		.max_request = 1 << 20,
	};
	assert_ok(control_start(&control, &fixture->control, &error), &error);
}

void fixture_stop(struct fixture *fixture)
{
	fake_release(fixture->fake);
	control_stop(fixture->control);
	listen_close(&fixture->listener);
	fake_free(fixture->fake);
	(void)rmdir(fixture->directory);
}

bool fixture_wait(bool (*is)(struct fixture *fixture), struct fixture *fixture)
{
	for (int i = 0; i < 2000; i++) {
		if (is(fixture))
			return true;
		(void)usleep(5000);
	}
	return false;
}
