/* SPDX-License-Identifier: Apache-2.0 */
/* Options on the way from a driver's table to its users: what `driver inspect` shows, what the shell completes, and what happens to
 * a name that is not in the table. */
#include "tests/lib/test.h"

#include <stdlib.h>

#include "tests/lib/daemon.h"
#include "tests/lib/netns.h"

static const char *const types[] = {"bridge", "macvlan", "ipvlan", "null", "host"};

static struct daemon host;
static struct netns sandbox;
static char said[65536];

static int set_up(void **state)
{
	char file[512];

	(void)state;
	netns_enter_fresh();
	netns_new(&sandbox);
	daemon_set_up(&host, "log: {level: info}\n");
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		(void)snprintf(file, sizeof(file), BUILT_DRIVERS "/%s.so", types[i]);
		daemon_add_driver(&host, types[i], file, NULL);
	}
	daemon_start(&host);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	daemon_tear_down(&host);
	netns_free(&sandbox);
	return 0;
}

static void an_inspection_shows_the_table(void **state)
{
	(void)state;
	assert_int_equal(daemon_ctl(&host, said, sizeof(said), "driver", "inspect", "bridge", NULL), 0);
	assert_non_null(strstr(said, "Options of network create -d bridge:"));
	assert_non_null(strstr(said, "com.docker.network.bridge.gateway_mode_ipv4"));
	assert_non_null(strstr(said, "nat|nat-unprotected|routed|isolated"));
	assert_non_null(strstr(said, "Whether endpoints of the network reach each other."));
	assert_non_null(strstr(said, "Options of network connect to a network of type bridge:"));
	assert_int_equal(daemon_ctl(&host, said, sizeof(said), "--json", "driver", "inspect", "macvlan", NULL), 0);
	assert_non_null(strstr(said, "\"name\": \"macvlan_mode\""));
	assert_non_null(strstr(said, "\"choices\": \"bridge|private|vepa|passthru\""));
	assert_non_null(strstr(said, "\"default\": \"bridge\""));
	assert_non_null(strstr(said, "\"maximum\": 65535"));
	/* None is shown as none. */
	assert_int_equal(daemon_ctl(&host, said, sizeof(said), "driver", "inspect", "null", NULL), 0);
	assert_null(strstr(said, "Options of"));
}

static void an_unknown_option_is_refused_with_the_nearest(void **state)
{
	static const struct {
		const char *type, *option, *says;
	} rows[] = {
		{"bridge", "com.docker.network.bridge.enable_ic=false", "com.docker.network.bridge.enable_icc"},
		{"bridge", "mtu=1400", "com.docker.network.driver.mtu"},
		{"macvlan", "parnet=eth0", "parent"},
		{"ipvlan", "ipvlan_mod=l3", "ipvlan_mode"},
		{"null", "colour=blue", "unknown option"},
		{"host", "colour=blue", "unknown option"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(daemon_ctl(&host, said, sizeof(said), "--json", "network", "create", "n", "-d", rows[i].type, "-o",
					    rows[i].option, NULL),
				 6);
		assert_non_null(strstr(said, "UNKNOWN_OPTION"));
		if (!strstr(said, rows[i].says))
			fail_msg("%s: no \"%s\" in: %s", rows[i].option, rows[i].says, said);
		assert_int_equal(daemon_ctl(&host, said, sizeof(said), "network", "ls", "-q", NULL), 0);
		assert_string_equal(said, "");
	}
	/* Of an endpoint, too. */
	assert_int_equal(daemon_ctl(&host, NULL, 0, "network", "create", "n", "-d", "bridge", "--subnet", "10.6.0.0/24", NULL), 0);
	assert_int_equal(daemon_ctl(&host, said, sizeof(said), "--json", "network", "connect", "n", "--netns", sandbox.path, "-o",
				    "com.docker.network.endpoint.ifnam=x", NULL),
			 6);
	assert_non_null(strstr(said, "com.docker.network.endpoint.ifname"));
	assert_int_equal(netns_link_count(&sandbox), 1);
}

/* What bash would offer for these words, the last of which is not complete; one a line. */
static void complete(const char *words)
{
	char command[2048];

	(void)snprintf(
		command, sizeof(command),
		"PATH=$(dirname %s):$PATH NDRV_SOCKET=%s bash -c '. %s; COMP_WORDS=(%s); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); "
		"_ndrvctl; printf \"%%s\\n\" \"${COMPREPLY[@]}\"'",
		TEST_NDRVCTL, host.socket, COMPLETION, words);
	FILE *shell = popen(command, "r");
	assert_non_null(shell);
	size_t got = fread(said, 1, sizeof(said) - 1, shell);
	said[got] = '\0';
	assert_int_equal(pclose(shell), 0);
}

static void the_shell_completes_from_the_table(void **state)
{
	(void)state;
	if (system("bash -c true"))
		skip();
	complete("ndrvctl network create n -d macvlan -o macv");
	assert_string_equal(said, "macvlan_mode=\n");
	complete("ndrvctl network create n -d bridge -o com.docker.network.bridge.gateway");
	assert_string_equal(said, "com.docker.network.bridge.gateway_mode_ipv4=\ncom.docker.network.bridge.gateway_mode_ipv6=\n");
	complete("ndrvctl network create n -d null -o x");
	assert_string_equal(said, "\n");
	assert_int_equal(daemon_ctl(&host, NULL, 0, "network", "create", "n", "-d", "bridge", "--subnet", "10.6.0.0/24", NULL), 0);
	complete("ndrvctl network connect n -o com");
	assert_string_equal(said, "com.docker.network.endpoint.ifname=\n");
	complete("ndrvctl network connect n -o com.docker.network.bridge");
	assert_string_equal(said, "\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_inspection_shows_the_table),
		TEST(an_unknown_option_is_refused_with_the_nearest),
		TEST(the_shell_completes_from_the_table),
	};

	netns_need();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
