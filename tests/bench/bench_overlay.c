/* SPDX-License-Identifier: Apache-2.0 */
/* What a peer costs: rows through event_notify of the overlay driver, beside `bridge -batch` and `ip -batch` entering the same in
 * a VXLAN link and bridge of their own, in one run. Then the same rows replayed (with the kernel's list read, up to 10,000), and
 * dropped. */
#include "tests/lib/test.h"

#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/base/clock.h"
#include "tests/lib/fakehost.h"

#define TABLE "overlay_peer_table"
#define MOST 100000u
#define ROW_BYTES 96
#define VTEPS 1000u

static struct fakehost host;
static struct fakenet net;
static struct ndrv_table_event *events;
static char (*keys)[16];
static uint8_t (*values)[ROW_BYTES];

/* On a machine that has other things to do, the time of the CPU says more than the clock. */
static double cpu_us(int whose)
{
	struct rusage usage;

	(void)getrusage(whose, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

static void need(int rc)
{
	if (rc) {
		fprintf(stderr, "bench_overlay: %s\n", host.err.text);
		exit(1);
	}
}

/* --- rows --- */

static void address_of(unsigned i, char text[24])
{
	(void)snprintf(text, 24, "10.%u.%u.%u", 32 + (i >> 16), (i >> 8) & 255, i & 255);
}

static void mac_of(unsigned i, char text[24])
{
	(void)snprintf(text, 24, "02:42:0a:%02x:%02x:%02x", 32 + (i >> 16), (i >> 8) & 255, i & 255);
}

static void vtep_of(unsigned i, char text[24])
{
	(void)snprintf(text, 24, "198.18.%u.%u", (i % VTEPS) / 250, (i % VTEPS) % 250 + 1);
}

static size_t put(uint8_t *at, unsigned field, const char *text)
{
	at[0] = (uint8_t)(field << 3 | 2);
	at[1] = (uint8_t)strlen(text);
	memcpy(at + 2, text, strlen(text));
	return strlen(text) + 2;
}

static void make_rows(void)
{
	events = calloc(MOST, sizeof(*events));
	keys = calloc(MOST, sizeof(*keys));
	values = calloc(MOST, sizeof(*values));
	if (!events || !keys || !values)
		abort();
	for (unsigned i = 0; i < MOST; i++) {
		char text[28];
		size_t bytes;

		(void)snprintf(keys[i], sizeof(keys[i]), "e%u", i);
		address_of(i + 2, text);
		(void)strcat(text, "/12");
		bytes = put(values[i], 1, text);
		mac_of(i + 2, text);
		bytes += put(values[i] + bytes, 2, text);
		vtep_of(i, text);
		bytes += put(values[i] + bytes, 3, text);
		events[i] = (struct ndrv_table_event){
			.key = keys[i], .value = values[i], .value_bytes = (uint32_t)bytes, .revision = i + 1, .owner = "other"};
	}
}

/* Tells `count` rows in batches; with `flags` on the first and last. Returns microseconds. */
static double tell(unsigned count, unsigned batch_size, bool replay)
{
	uint64_t start = clock_ns();

	for (unsigned at = 0; at < count || (!count && !at); at += batch_size) {
		unsigned n = count - at < batch_size ? count - at : batch_size;
		struct ndrv_table_batch batch = {
			.size = sizeof(batch), .table = TABLE, .count = n, .element_size = sizeof(*events), .events = events + at};

		if (replay && at == 0)
			batch.flags |= NDRV_BATCH_SYNC_BEGIN;
		if (replay && at + n >= count)
			batch.flags |= NDRV_BATCH_SYNC_END;
		need(host.ops->event_notify(host.self, fakehost_call(&host, 0), &net.view, &batch));
	}
	return (double)(clock_ns() - start) / 1000.0;
}

/* --- the tools --- */

static double run(const char *tool, const char *file)
{
	char *const argv[] = {(char *)(uintptr_t)tool, (char *)(uintptr_t) "-batch", (char *)(uintptr_t)file, NULL};
	uint64_t start = clock_ns();
	int status = -1;
	pid_t pid;

	if (posix_spawnp(&pid, tool, NULL, NULL, argv, environ) || waitpid(pid, &status, 0) != pid || status) {
		fprintf(stderr, "bench_overlay: %s -batch failed\n", tool);
		exit(1);
	}
	return (double)(clock_ns() - start) / 1000.0;
}

static void write_batches(unsigned count, const char *fdb, const char *neigh)
{
	FILE *a = fopen(fdb, "we"), *b = fopen(neigh, "we");

	if (!a || !b)
		abort();
	for (unsigned i = 0; i < count; i++) {
		char address[24], mac[24], vtep[24];

		address_of(i + 2, address);
		mac_of(i + 2, mac);
		vtep_of(i, vtep);
		fprintf(a, "fdb replace %s dev vxtool dst %s self master static\n", mac, vtep);
		fprintf(b, "neigh replace %s lladdr %s dev brtool nud permanent\n", address, mac);
	}
	(void)fclose(a);
	(void)fclose(b);
}

static int fill(struct nl_msg *msg, const void *data)
{
	(void)data;
	return nla_put_u32(msg, IFLA_VXLAN_ID, 99) || nla_put_u8(msg, IFLA_VXLAN_LEARNING, 0) ||
	       nla_put_u16(msg, IFLA_VXLAN_PORT, __builtin_bswap16(4789));
}

/* Fresh links for the tools. */
static void make_tool_links(struct ndrv_nl *nl)
{
	struct ndrv_link_spec bridge = {.kind = "bridge", .name = "brtool", .up = 1}, vxlan = {.kind = "vxlan", .name = "vxtool"};
	struct ndrv_link made;

	(void)ndrv_link_delete(nl, "vxtool", 0, NULL);
	(void)ndrv_link_delete(nl, "brtool", 0, NULL);
	need(ndrv_link_create(nl, &bridge, NULL, NULL, &made, &host.err));
	vxlan.master = made.index;
	need(ndrv_link_create(nl, &vxlan, fill, NULL, &made, &host.err));
	need(ndrv_link_set(nl, "vxtool", 0, &(struct ndrv_link_change){.up = 1}, &host.err));
}

/* --- all of it --- */

struct count {
	unsigned fdb, neighbours;
};

static void count_one(const struct nlmsghdr *reply, void *data)
{
	struct count *count = data;
	const struct ndmsg *nd;
	struct nlmsghdr *m;

	memcpy(&m, &reply, sizeof(m));
	if (!m)
		return;
	nd = nlmsg_data(m);
	if (nd->ndm_family == AF_BRIDGE)
		count->fdb += (nd->ndm_flags & NTF_SELF) && (nd->ndm_state & NUD_NOARP);
	else
		count->neighbours += (nd->ndm_state & NUD_PERMANENT) != 0;
}

/* Entries of VXLAN and neighbours, of the driver and the tools together. */
static struct count count_all(struct ndrv_nl *nl)
{
	struct count count = {0};

	for (int i = 0; i < 2; i++) {
		struct ndmsg nd = {.ndm_family = i ? AF_INET : AF_BRIDGE};
		struct nl_msg *msg = nlmsg_alloc_simple(RTM_GETNEIGH, 0);

		if (nlmsg_append(msg, &nd, sizeof(nd), NLMSG_ALIGNTO))
			abort();
		need(ndrv_nl_dump(nl, msg, count_one, &count, &host.err));
	}
	return count;
}

static void measure(unsigned count, unsigned batch_size)
{
	char fdb[64], neigh[64];
	struct ndrv_nl *nl = netns_nl(NULL);
	double ours, tools, replayed, dropped, ours_cpu, tools_cpu;
	struct count found;

	(void)snprintf(fdb, sizeof(fdb), "/tmp/bench-overlay-fdb.%d", (int)getpid());
	(void)snprintf(neigh, sizeof(neigh), "/tmp/bench-overlay-neigh.%d", (int)getpid());
	write_batches(count, fdb, neigh);
	make_tool_links(nl);
	ours_cpu = cpu_us(RUSAGE_SELF);
	ours = tell(count, batch_size, false);
	ours_cpu = cpu_us(RUSAGE_SELF) - ours_cpu;
	tools_cpu = cpu_us(RUSAGE_CHILDREN);
	tools = run("bridge", fdb);
	tools += run("ip", neigh);
	tools_cpu = cpu_us(RUSAGE_CHILDREN) - tools_cpu;
	found = count_all(nl);
	replayed = tell(count, batch_size, true);
	dropped = tell(0, batch_size, true);
	print_message(
		"%6u peers, batches of %6u: %6.2f us each, bridge and ip -batch %6.2f us, ratio %.2f; of CPU %5.2f and %5.2f us, "
		"ratio %.2f; replay %5.2f us, drop %5.2f us\n",
		count, batch_size, ours / count, tools / count, ours / tools, ours_cpu / count, tools_cpu / count,
		ours_cpu / tools_cpu, replayed / count, dropped / count);
	if (found.fdb < 2 * count || found.neighbours < 2 * count)
		print_message("       only %u forwarding entries and %u neighbours of %u are there\n", found.fdb, found.neighbours,
			      2 * count);
	(void)unlink(fdb);
	(void)unlink(neigh);
	ndrv_nl_close(nl);
}

static void peers(void **state)
{
	struct ndrv_discovery self = {.size = sizeof(self),
				      .type = NDRV_DISCOVER_NODE,
				      .address = "192.0.2.1",
				      .bind_address = "",
				      .self = 1,
				      .provider = "",
				      .store_address = ""};

	static const struct ndrv_network_ops no_tables = {.size = sizeof(uint32_t)};

	(void)state;
	netns_enter_fresh();
	fakehost_open(&host, "overlay");
	fakenet_init(&net, &host, "n1", "10.32.0.0/12", "10.32.0.1/12", NULL, NULL);
	net.view.ops = &no_tables;
	fakenet_label(&net, "com.docker.network.driver.overlay.vxlanid_list", "4096");
	need(host.ops->discover_new(host.self, fakehost_call(&host, 0), &self));
	need(fakenet_create(&net));
	make_rows();
	measure(10000, 128);
	measure(10000, 10000);
	measure(MOST, 128);
	measure(MOST, MOST);
	need(fakenet_delete(&net, 0));
	fakehost_close(&host);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(peers)};

	netns_need();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
