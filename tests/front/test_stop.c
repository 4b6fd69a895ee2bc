/* SPDX-License-Identifier: Apache-2.0 */
/* A front that ends and begins again on the same listening socket, as under a service manager, while clients ask without a pause.
 */
#include "tests/lib/test.h"

#include <stdlib.h>
#include <unistd.h>

#include "host/base/clock.h"
#include "tests/front/fixture.h"
#include "tests/lib/hammer.h"

static void who_asks_while_fronts_come_and_go_is_answered(void **state)
{
	struct fixture fixture;
	struct hammer hammer;
	struct ndrv_error error = {0};
	int rounds = getenv("NDRV_SOAK") ? 2000 : 200;

	(void)state;
	fixture_start(&fixture, NULL);
	const struct control_options options = {
		.dispatch = fixture.fake,
		.listen_fd = fixture.listener.fd,
		.group = (gid_t)-1,
		.max_connections = 1000,
		.max_connections_per_uid = 1000,
		.request_timeout_ns = 60 * NSEC_PER_SEC,
		.max_request = 1 << 20,
	};
	hammer_start(&hammer, fixture.socket, "null");
	for (int i = 0; i < rounds; i++) {
		fake_set_async(fixture.fake, i % 2);
		(void)usleep((useconds_t)(1000 + i % 7 * 500));
		control_stop(fixture.control);
		assert_ok(control_start(&options, &fixture.control, &error), &error);
	}
	hammer_stop(&hammer);
	hammer_print(&hammer, "fronts come and go");
	assert_int_equal(hammer.total.cut, 0);
	assert_int_equal(hammer.total.unconnected, 0);
	assert_true(hammer.total.requests > (unsigned)rounds);
	fixture_stop(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_asks_while_fronts_come_and_go_is_answered),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
