/* SPDX-License-Identifier: Apache-2.0 */
/* What the dispatcher tells of what it does: one line of log per operation, events, metrics, lists. */
#include "tests/conformance/rig.h"

#include <stdlib.h>
#include <unistd.h>

static const char *const drivers[] = {"rec", NULL};

static struct rig *open_rig(uint32_t flags)
{
	struct rig *rig = calloc(1, sizeof(*rig));

	assert_non_null(rig);
	rig_open(rig, flags, drivers);
	return rig;
}

static void close_rig(struct rig *rig)
{
	rig_close(rig);
	free(rig);
}

static int fail_join(struct rig *rig, struct recorded *recorded)
{
	(void)rig;
	return strcmp(recorded->op, "join") ? 0 : ndrv_fail(recorded->call->err, NDRV_E_FORBIDDEN, "scripted");
}

/* The lines that begin an operation's. */
static uint32_t count_lines(const char *text, const char *part)
{
	uint32_t count = 0;

	for (const char *at = text; (at = strstr(at, part)); at++)
		count++;
	return count;
}

static void each_operation_is_one_line_of_log(void **state)
{
	char path[] = "/tmp/ndrv-log-XXXXXX", text[8192] = {0};
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	(void)unlink(path);
	struct rig *rig = open_rig(0);
	log_set_fd(fd);
	log_set_level(NDRV_LOG_DEBUG);
	assert_reply_ok(rig_network(rig, "rec", "n1"));
	assert_reply_ok(rig_endpoint(rig, "n1", "e1"));
	rig->act = fail_join;
	assert_reply_fails(rig_join(rig, "n1", "e1", "s"), NDRV_E_FORBIDDEN, "scripted");
	assert_reply_fails(rig_join(rig, "n2", "e1", "s"), NDRV_E_NO_NETWORK, "n2");
	assert_reply_ok(rig_op(rig, REQ_ENDPOINT_INFO, "n1", "e1"));
	close_rig(rig);
	log_set_fd(2);
	log_set_level(NDRV_LOG_ERROR);
	assert_true(pread(fd, text, sizeof(text) - 1, 0) > 0);
	(void)close(fd);
	assert_int_equal(count_lines(text, "op="), 5);
	assert_non_null(strstr(text, "op=network_create type=rec net=n1 ep=- rc=OK ms="));
	assert_non_null(strstr(text, "op=endpoint_create type=rec net=n1 ep=e1 rc=OK ms="));
	assert_non_null(strstr(text, "op=join type=rec net=n1 ep=e1 rc=FORBIDDEN ms="));
	assert_non_null(strstr(text, "op=join type=- net=n2 ep=e1 rc=NO_NETWORK ms="));
	assert_non_null(strstr(text, "by=uid 1000 pid 42: scripted"));
	assert_non_null(strstr(text, "op=endpoint_info"));
}

struct heard {
	struct event_sink sink; /* first */
	char text[1024];
};

static void hear(struct event_sink *sink, const struct ndrv_value *event)
{
	struct heard *heard = (struct heard *)(void *)sink;
	const char *what = "?", *network = "?", *endpoint = "-";
	size_t used = strlen(heard->text);

	(void)ndrv_map_string(event, "event", &what, NULL);
	(void)ndrv_map_string(event, "network", &network, NULL);
	(void)ndrv_map_string(event, "endpoint", &endpoint, NULL);
	(void)snprintf(heard->text + used, sizeof(heard->text) - used, "%s %s %s; ", what, network, endpoint);
}

static void events_tell_what_came_and_went(void **state)
{
	struct rig *rig = open_rig(RIG_QUIET);
	struct heard heard = {.sink = {.event = hear}};

	(void)state;
	dispatch_add_sink(rig->dispatch, &heard.sink);
	assert_reply_ok(rig_network(rig, "rec", "n1"));
	assert_reply_ok(rig_endpoint(rig, "n1", "e1"));
	assert_reply_ok(rig_join(rig, "n1", "e1", "s"));
	assert_reply_ok(rig_op(rig, REQ_ENDPOINT_DELETE, "n1", "e1"));
	assert_reply_ok(rig_op(rig, REQ_NETWORK_DELETE, "n1", NULL));
	dispatch_del_sink(rig->dispatch, &heard.sink);
	assert_reply_ok(rig_network(rig, "rec", "n2"));
	assert_string_equal(heard.text,
			    "network-create n1 -; endpoint-create n1 e1; join n1 e1; leave n1 e1; endpoint-delete n1 e1; "
			    "network-delete n1 -; ");
	close_rig(rig);
}

static void metrics_count_by_operation_and_result(void **state)
{
	struct rig *rig = open_rig(RIG_QUIET);
	struct request request = rig_request(rig, REQ_METRICS);

	(void)state;
	assert_reply_ok(rig_network(rig, "rec", "n1"));
	assert_reply_ok(rig_network(rig, "rec", "n2"));
	assert_reply_fails(rig_endpoint(rig, "n3", "e1"), NDRV_E_NO_NETWORK, "n3");
	struct reply reply = rig_run(rig, &request);
	assert_reply_ok(reply);
	assert_int_equal(reply.value.type, NDRV_STRING);
	const char *text = reply.value.u.string;
	assert_non_null(strstr(text, "ndrv_operations_total{op=\"network_create\",result=\"OK\"} 2\n"));
	assert_non_null(strstr(text, "ndrv_operations_total{op=\"endpoint_create\",result=\"NotFound\"} 1\n"));
	assert_non_null(strstr(text, "ndrv_operation_seconds_count{op=\"network_create\"} 2\n"));
	assert_non_null(strstr(text, "ndrv_operation_seconds_bucket{op=\"network_create\",le=\"+Inf\"} 2\n"));
	assert_non_null(strstr(text, "\nndrv_networks 2\n"));
	close_rig(rig);
}

static void lists_show_networks_endpoints_drivers_and_status(void **state)
{
	struct rig *rig = open_rig(RIG_QUIET | RIG_STORE);
	struct request request = rig_request(rig, REQ_NETWORK_LIST);
	const char *text = NULL;
	int64_t count = 0;

	(void)state;
	assert_reply_ok(rig_network(rig, "rec", "n1"));
	assert_reply_ok(rig_network(rig, "rec", "n2"));
	assert_reply_ok(rig_endpoint(rig, "n2", "e1"));
	struct reply reply = rig_run(rig, &request);
	assert_reply_ok(reply);
	assert_int_equal(ndrv_map_get(&reply.value, "networks")->count, 2);
	request.op = REQ_ENDPOINT_LIST;
	request.network = "n2";
	reply = rig_run(rig, &request);
	assert_reply_ok(reply);
	const struct ndrv_value *list = ndrv_map_get(&reply.value, "endpoints");
	assert_int_equal(list->count, 1);
	assert_int_equal(ndrv_map_string(&list->u.items[0], "address", &text, NULL), 1);
	assert_string_equal(text, "10.100.1.2/24");
	request = rig_request(rig, REQ_DRIVER_LIST);
	reply = rig_run(rig, &request);
	assert_reply_ok(reply);
	list = ndrv_map_get(&reply.value, "drivers");
	assert_int_equal(list->count, 1);
	assert_int_equal(ndrv_map_string(&list->u.items[0], "type", &text, NULL), 1);
	assert_string_equal(text, "rec");
	request = rig_request(rig, REQ_STATUS);
	reply = rig_run(rig, &request);
	assert_reply_ok(reply);
	assert_int_equal(ndrv_map_int(&reply.value, "networks", &count, NULL), 1);
	assert_int_equal(count, 2);
	assert_int_equal(ndrv_map_int(&reply.value, "endpoints", &count, NULL), 1);
	assert_int_equal(count, 1);
	request = rig_request(rig, REQ_ENDPOINT_INSPECT);
	request.network = "n2";
	request.endpoint = "e1";
	reply = rig_run(rig, &request);
	assert_reply_ok(reply);
	assert_non_null(ndrv_map_get(&reply.value, "join"));
	close_rig(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_operation_is_one_line_of_log),
		cmocka_unit_test(events_tell_what_came_and_went),
		cmocka_unit_test(metrics_count_by_operation_and_result),
		cmocka_unit_test(lists_show_networks_endpoints_drivers_and_status),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
