/* SPDX-License-Identifier: Apache-2.0 */
/* The floor for bench_nat: one element into a map by libnftnl and libmnl and nothing else. A program of its own, so that those
 * libraries stand in no process of ours; built only where they are installed. */
#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <libnftnl/common.h>
#include <libnftnl/set.h>
#include <libnftnl/table.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ROUNDS 300

static struct mnl_socket *sock;
static uint32_t port, seq = 1;
static char buffer[1 << 16];

static double now_us(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

static void transact(struct mnl_nlmsg_batch *batch)
{
	static char answer[1 << 16];
	ssize_t n;

	nftnl_batch_end(mnl_nlmsg_batch_current(batch), seq++);
	(void)mnl_nlmsg_batch_next(batch);
	if (mnl_socket_sendto(sock, mnl_nlmsg_batch_head(batch), mnl_nlmsg_batch_size(batch)) < 0)
		exit(1);
	n = mnl_socket_recvfrom(sock, answer, sizeof(answer));
	if (n < 0 || mnl_cb_run(answer, (size_t)n, 0, port, NULL, NULL) < 0)
		exit(1);
	mnl_nlmsg_batch_stop(batch);
}

static struct mnl_nlmsg_batch *begin(void)
{
	struct mnl_nlmsg_batch *batch = mnl_nlmsg_batch_start(buffer, sizeof(buffer));

	nftnl_batch_begin(mnl_nlmsg_batch_current(batch), seq++);
	(void)mnl_nlmsg_batch_next(batch);
	return batch;
}

static void make_map(void)
{
	struct mnl_nlmsg_batch *batch = begin();
	struct nftnl_table *table = nftnl_table_alloc();
	struct nftnl_set *set = nftnl_set_alloc();
	struct nlmsghdr *message;

	nftnl_table_set_str(table, NFTNL_TABLE_NAME, "floor");
	message = nftnl_nlmsg_build_hdr(mnl_nlmsg_batch_current(batch), NFT_MSG_NEWTABLE, NFPROTO_INET, NLM_F_CREATE, seq++);
	nftnl_table_nlmsg_build_payload(message, table);
	(void)mnl_nlmsg_batch_next(batch);
	nftnl_set_set_str(set, NFTNL_SET_TABLE, "floor");
	nftnl_set_set_str(set, NFTNL_SET_NAME, "ports");
	nftnl_set_set_u32(set, NFTNL_SET_ID, 1);
	nftnl_set_set_u32(set, NFTNL_SET_FLAGS, NFT_SET_MAP);
	nftnl_set_set_u32(set, NFTNL_SET_KEY_TYPE, 12 << 6 | 13); /* inet_proto . inet_service */
	nftnl_set_set_u32(set, NFTNL_SET_KEY_LEN, 8);
	nftnl_set_set_u32(set, NFTNL_SET_DATA_TYPE, 7 << 6 | 13); /* ipv4_addr . inet_service */
	nftnl_set_set_u32(set, NFTNL_SET_DATA_LEN, 8);
	message = nftnl_nlmsg_build_hdr(mnl_nlmsg_batch_current(batch), NFT_MSG_NEWSET, NFPROTO_INET, NLM_F_CREATE | NLM_F_ACK,
					seq++);
	nftnl_set_nlmsg_build_payload(message, set);
	(void)mnl_nlmsg_batch_next(batch);
	transact(batch);
	nftnl_set_free(set);
	nftnl_table_free(table);
}

static void change(unsigned number, int add)
{
	struct mnl_nlmsg_batch *batch = begin();
	struct nftnl_set *set = nftnl_set_alloc();
	struct nftnl_set_elem *element = nftnl_set_elem_alloc();
	uint8_t key[8] = {6, 0, 0, 0, (uint8_t)((10000 + number) >> 8), (uint8_t)(10000 + number)};
	uint8_t data[8] = {10, 1, (uint8_t)(number >> 8), (uint8_t)number, 0, 80};
	struct nlmsghdr *message;

	nftnl_set_set_str(set, NFTNL_SET_TABLE, "floor");
	nftnl_set_set_str(set, NFTNL_SET_NAME, "ports");
	nftnl_set_elem_set(element, NFTNL_SET_ELEM_KEY, key, sizeof(key));
	if (add)
		nftnl_set_elem_set(element, NFTNL_SET_ELEM_DATA, data, sizeof(data));
	nftnl_set_elem_add(set, element);
	message = nftnl_nlmsg_build_hdr(mnl_nlmsg_batch_current(batch), add ? NFT_MSG_NEWSETELEM : NFT_MSG_DELSETELEM, NFPROTO_INET,
					(uint16_t)(NLM_F_ACK | (add ? NLM_F_CREATE | NLM_F_EXCL : 0)), seq++);
	nftnl_set_elems_nlmsg_build_payload(message, set);
	(void)mnl_nlmsg_batch_next(batch);
	transact(batch);
	nftnl_set_free(set);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median_of(unsigned first, int add)
{
	static double values[ROUNDS];

	for (unsigned i = 0; i < ROUNDS; i++) {
		double start = now_us();
		change(first + i, add);
		values[i] = now_us() - start;
	}
	qsort(values, ROUNDS, sizeof(*values), by_value);
	return values[ROUNDS / 2];
}

int main(void)
{
	static const unsigned sizes[] = {1, 100, 1000, 10000};
	unsigned there = 0;

	sock = mnl_socket_open(NETLINK_NETFILTER);
	if (!sock || mnl_socket_bind(sock, 0, MNL_SOCKET_AUTOPID) < 0)
		return 1;
	port = mnl_socket_get_portid(sock);
	make_map();
	for (size_t s = 0; s < sizeof(sizes) / sizeof(*sizes); s++) {
		for (; there < sizes[s]; there++)
			change(there, 1);
		double add = median_of(20000, 1), del = median_of(20000, 0);
		printf("%f %f\n", add, del);
	}
	return 0;
}
