/* SPDX-License-Identifier: Apache-2.0 */
/* What each operation does; called by job_step() after the checks of op_table.c, with the turn where the op has a network. The
 * error goes to job->reply.error. Everything in job->reply is in the job's arena. */
#ifndef HOST_DISPATCH_HANDLERS_H
#define HOST_DISPATCH_HANDLERS_H

struct job;

int run_network_allocate(struct job *job);
int run_network_free(struct job *job);
int run_network_create(struct job *job);
int run_network_delete(struct job *job);
int run_endpoint_create(struct job *job);
int run_endpoint_delete(struct job *job);
int run_endpoint_info(struct job *job);
int run_join(struct job *job);
int run_leave(struct job *job);
int run_program_external(struct job *job);
int run_revoke_external(struct job *job);
int run_event_notify(struct job *job);
int run_discover_new(struct job *job);
int run_discover_delete(struct job *job);
int run_decode_table_entry(struct job *job);
int run_gw_alloc_check(struct job *job);
int run_ipv6_release(struct job *job);
int run_health(struct job *job);

int run_connect(struct job *job);
int run_disconnect(struct job *job);
int run_network_list(struct job *job);
int run_network_inspect(struct job *job);
int run_network_prune(struct job *job);
int run_endpoint_list(struct job *job);
int run_endpoint_inspect(struct job *job);
int run_driver_list(struct job *job);
int run_status(struct job *job);
int run_metrics(struct job *job);

int run_table_list(struct job *job);
int run_table_get(struct job *job);
int run_table_write(struct job *job);
int run_node_list(struct job *job);
int run_node_add(struct job *job);
int run_node_remove(struct job *job);
int run_pool_list(struct job *job);
int run_pool_request(struct job *job);
int run_pool_release(struct job *job);
int run_address_request(struct job *job);
int run_address_release(struct job *job);

#endif
