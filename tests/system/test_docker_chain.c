/* SPDX-License-Identifier: Apache-2.0 */
/* Two hosts on one machine, one as Docker's end of the plugin protocol, one as the plugin's:
 *	ndrvctl -> ndrvd (remote) -> socket -> ndrvd (Docker front) -> bridge
 * Real traffic through it, and the same answers as from the bridge directly. */
#include "tests/lib/test.h"

#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tests/lib/cable.h"
#include "tests/lib/daemon.h"
#include "tests/lib/netns.h"
#include "tests/lib/world.h"

static struct daemon platform, plugin;
static struct netns a, b;
static char plugins[80];

static int set_up(void **state)
{
	char yaml[512];

	(void)state;
	netns_enter_fresh();
	netns_new(&a);
	netns_new(&b);
	daemon_set_up(&plugin, "");
	(void)snprintf(plugins, sizeof(plugins), "%s/plugins", plugin.dir);
	(void)snprintf(yaml, sizeof(yaml),
		       "instance: plug\nownership: {link_group: 30000}\naddress_pools: []\n"
		       "docker: {plugin_dir: %s, expose: {nbridge: bridge, nnull: 'null'}}\n",
		       plugins);
	FILE *file = fopen(plugin.config, "w");
	assert_non_null(file);
	assert_true(fputs(yaml, file) >= 0);
	assert_int_equal(fclose(file), 0);
	daemon_add_driver(&plugin, "bridge", BUILT_DRIVERS "/bridge.so", NULL);
	daemon_add_driver(&plugin, "null", BUILT_DRIVERS "/null.so", NULL);
	daemon_start(&plugin);
	daemon_set_up(&platform, "instance: plat\nownership: {link_group: 31000}\n");
	(void)snprintf(yaml, sizeof(yaml), "config: {plugin_dirs: [%s], spec_dirs: [], scan: 1, retry: 10}\n", plugins);
	daemon_add_driver(&platform, "remote", BUILT_DRIVERS "/remote.so", yaml);
	daemon_add_driver(&platform, "bridge", BUILT_DRIVERS "/bridge.so", NULL);
	daemon_start(&platform);
	return 0;
}

static int tear_down(void **state)
{
	char command[160];

	(void)state;
	daemon_tear_down(&platform);
	(void)snprintf(command, sizeof(command), "rm -rf '%s'", plugins);
	(void)system(command);
	daemon_tear_down(&plugin);
	netns_free(&a);
	netns_free(&b);
	return 0;
}

/* --- words --- */

static json_t *ask(const struct daemon *daemon, int want, const char *command)
{
	static char out[65536];
	const char *words[24] = {NULL};
	char copy[512], *save = NULL;
	unsigned count = 0;

	(void)snprintf(copy, sizeof(copy), "%s", command);
	for (char *word = strtok_r(copy, " ", &save); word && count < 23; word = strtok_r(NULL, " ", &save))
		words[count++] = word;
	int status = daemon_ctl(daemon, out, sizeof(out), "--json", words[0], words[1], words[2], words[3], words[4], words[5],
				words[6], words[7], words[8], words[9], words[10], words[11], words[12], words[13], words[14],
				words[15], words[16], NULL);
	if (status != want)
		fail_msg("%s: exit status %d, not %d: %s", command, status, want, out);
	json_t *document = json_loads(out, JSON_DECODE_ANY, NULL);
	if (!document)
		fail_msg("%s: %s", command, out);
	return document;
}

static void run(const struct daemon *daemon, int want, const char *line)
{
	json_decref(ask(daemon, want, line));
}

static void connect_to(const struct daemon *daemon, const char *network, const struct netns *ns, const char *endpoint,
		       const char *more)
{
	char command[512];

	(void)snprintf(command, sizeof(command), "network connect %.32s --netns %.100s --endpoint %s %s", network, ns->path,
		       endpoint, more);
	run(daemon, 0, command);
}

static uint32_t endpoints_of(const struct daemon *daemon)
{
	json_t *document = ask(daemon, 0, "endpoint ls");
	json_t *list = json_object_get(document, "endpoints");
	uint32_t count = (uint32_t)json_array_size(list ? list : document);

	json_decref(document);
	return count;
}

/* The platform plugs the sandbox without knowing of the plugin's bridge, so it cannot wait for that port to forward: a first packet
 * may be lost, as with dockerd. */
static void assert_reaches(const struct netns *from, const char *to)
{
	bool came = false;

	for (int i = 0; i < 5 && !came; i++)
		came = netns_ping(from, to);
	if (!came)
		fail_msg("%s is not reached", to);
}

/* --- tests --- */

static void traffic_goes_through_the_chain_as_without_it(void **state)
{
	static const char *const types[] = {"bridge", "nbridge"};

	(void)state;
	for (int i = 0; i < 2; i++) {
		char line[256];
		(void)snprintf(line, sizeof(line), "network create n%d -d %s --subnet 10.7%d.0.0/24 --ipv6 --subnet fd07:%d::/64",
			       i, types[i], i, i);
		run(&platform, 0, line);
		(void)snprintf(line, sizeof(line), "n%d", i);
		connect_to(&platform, line, &a, "one", "");
		connect_to(&platform, line, &b, "two", i ? "--ip 10.71.0.77" : "--ip 10.70.0.77");
		assert_reaches(&a, i ? "10.71.0.77" : "10.70.0.77");
		assert_reaches(&a, i ? "fd07:1::3" : "fd07:0::3");
		assert_reaches(&a, i ? "10.71.0.1" : "10.70.0.1");
		assert_true(netns_tcp(&a, &b, i ? "10.71.0.77" : "10.70.0.77", 200000));
		assert_true(netns_has_route(&a, "0.0.0.0/0", i ? "10.71.0.1" : "10.70.0.1", "eth0"));
		assert_true(netns_has_address(&b, "eth0", i ? "10.71.0.77/24" : "10.70.0.77/24"));
		/* Both hosts know of it. */
		assert_int_equal(endpoints_of(&platform), 2);
		assert_int_equal(endpoints_of(&plugin), i ? 2 : 0);
		(void)snprintf(line, sizeof(line), "network disconnect n%d one", i);
		run(&platform, 0, line);
		(void)snprintf(line, sizeof(line), "network rm --force n%d", i);
		run(&platform, 0, line);
		assert_int_equal(netns_link_count(&a), 1);
		assert_int_equal(netns_link_count(&b), 1);
	}
	assert_int_equal(endpoints_of(&plugin), 0);
	assert_int_equal(netns_link_count(NULL), 1);
}

static void errors_come_through_with_code_and_text(void **state)
{
	(void)state;
	/* The bridge itself says so, two sockets away. */
	json_t *direct =
		ask(&platform, 6, "network create x -d bridge --subnet 10.72.0.0/24 -o com.docker.network.driver.mtu=68000");
	json_t *chain =
		ask(&platform, 6, "network create x -d nbridge --subnet 10.72.0.0/24 -o com.docker.network.driver.mtu=68000");
	char *one = json_dumps(direct, JSON_SORT_KEYS), *other = json_dumps(chain, JSON_SORT_KEYS);
	assert_string_equal(one, other);
	free(one);
	free(other);
	json_decref(direct);
	json_decref(chain);
	run(&platform, 3, "network inspect x");
	run(&plugin, 0, "network ls");
	assert_int_equal(netns_link_count(NULL), 1);
}

/* The portmap goes out with Join and ProgramExternalConnectivity, the ports that were chosen come back with EndpointOperInfo. */
static void ports_are_published_through_the_chain(void **state)
{
	struct ndrv_error err = {0};
	struct ndrv_prefix own;
	struct netns outside;
	struct ndrv_link link;

	(void)state;
	netns_new(&outside);
	cable_lay(&outside);
	struct ndrv_nl *nl = netns_nl(NULL);
	assert_ok(ndrv_prefix_parse("10.5.0.9/24", &own, &err), &err);
	assert_ok(ndrv_link_get(nl, "p0", 0, &link, &err), &err);
	assert_ok(ndrv_address_add(nl, "p0", link.index, &own, &err), &err);
	ndrv_nl_close(nl);
	run(&platform, 0, "network create n1 -d nbridge --subnet 10.76.0.0/24");
	connect_to(&platform, "n1", &a, "one", "-p 18080:80 -p 53");
	assert_true(world_talks(SOCK_STREAM, &outside, "10.5.0.9", 18080, &a, 80, NULL));
	json_t *inspected = ask(&platform, 0, "endpoint inspect one --network n1");
	char *text = json_dumps(inspected, JSON_COMPACT);
	long port = world_number(text, "host_port");
	if (port <= 0)
		fail_msg("no ports in %s", text);
	free(text);
	json_decref(inspected);
	run(&platform, 0, "network disconnect n1 one");
	assert_true(world_silent(SOCK_STREAM, &outside, "10.5.0.9", 18080, &a, 80));
	run(&platform, 0, "network rm n1");
	netns_free(&outside);
}

/* The listening socket and what is said through it survive; the platform notices nothing but a pause. */
static void the_plugin_is_upgraded_and_restarted_under_the_platform(void **state)
{
	(void)state;
	run(&platform, 0, "network create n1 -d nbridge --subnet 10.73.0.0/24");
	connect_to(&platform, "n1", &a, "one", "");
	run(&plugin, 0, "reexec");
	connect_to(&platform, "n1", &b, "two", "");
	assert_reaches(&a, "10.73.0.3");
	(void)daemon_stop(&plugin, SIGTERM);
	assert_reaches(&a, "10.73.0.3");
	/* Gone for a moment: the call waits for it. */
	daemon_start(&plugin);
	run(&platform, 0, "network disconnect n1 two");
	connect_to(&platform, "n1", &b, "three", "");
	assert_reaches(&b, "10.73.0.2");
	(void)daemon_stop(&plugin, SIGKILL);
	daemon_start(&plugin);
	(void)daemon_stop(&platform, SIGTERM);
	daemon_start(&platform);
	run(&platform, 0, "network rm --force n1");
	assert_int_equal(endpoints_of(&plugin), 0);
	assert_int_equal(netns_link_count(NULL), 1);
	assert_int_equal(netns_link_count(&a), 1);
}

/* The driver that speaks to plugins is itself replaced while its types have networks. */
static void remote_is_swapped_under_its_networks(void **state)
{
	(void)state;
	run(&platform, 0, "network create n1 -d nbridge --subnet 10.75.0.0/24");
	connect_to(&platform, "n1", &a, "one", "");
	run(&platform, 0, "driver swap nbridge " BUILT_DRIVERS "/remote.so");
	connect_to(&platform, "n1", &b, "two", "");
	assert_reaches(&a, "10.75.0.3");
	run(&platform, 0, "driver rollback nbridge");
	run(&platform, 0, "network disconnect n1 one");
	run(&platform, 0, "network disconnect n1 two");
	run(&platform, 0, "network rm n1");
	assert_int_equal(endpoints_of(&plugin), 0);
}

static void a_platform_whose_plugin_is_down_says_so(void **state)
{
	char line[256];

	(void)state;
	run(&platform, 0, "network create n1 -d nbridge --subnet 10.74.0.0/24");
	(void)daemon_stop(&plugin, SIGTERM);
	(void)daemon_stop(&platform, SIGTERM);
	daemon_start(&platform); /* its types and networks are there all the same */
	(void)snprintf(line, sizeof(line), "network connect n1 --netns %s", a.path);
	json_t *document = ask(&platform, 7, line);
	assert_non_null(
		strstr(json_string_value(json_object_get(json_object_get(document, "error"), "message")), "plugin nbridge"));
	json_decref(document);
	daemon_start(&plugin);
	connect_to(&platform, "n1", &a, "one", "");
	assert_reaches(&a, "10.74.0.1");
	run(&platform, 0, "network rm --force n1");
}

int main(void)
{
	netns_need();
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(traffic_goes_through_the_chain_as_without_it), T(errors_come_through_with_code_and_text),
		T(ports_are_published_through_the_chain),	 T(the_plugin_is_upgraded_and_restarted_under_the_platform),
		T(remote_is_swapped_under_its_networks),	 T(a_platform_whose_plugin_is_down_says_so),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
