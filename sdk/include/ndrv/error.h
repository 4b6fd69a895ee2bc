/* SPDX-License-Identifier: Apache-2.0 */
/* Typed errors. Kinds are libnetwork's (types/types.go); each concrete error is one row below and nowhere else.
 *
 * A function that can fail returns 0 or a negative code (-NDRV_E_...) and fills the caller's struct ndrv_error, which is always the
 * last argument and may be NULL. The text is one sentence, lower case unless libnetwork's own, without a full stop, and names the
 * object. Nothing here allocates. Numbers are ABI: never reused, never renumbered; a number this side does not know counts as
 * INTERNAL. Context is added on the way out with ndrv_wrap(); the code, kind and flags stay. */
#ifndef NDRV_ERROR_H
#define NDRV_ERROR_H

#include <ndrv/version.h>

NDRV_BEGIN_DECLS

/* X(number, NAME, wire name) */
#define NDRV_KINDS(X)                           \
	X(1, NOT_FOUND, "NotFound")             \
	X(2, FORBIDDEN, "Forbidden")            \
	X(3, NOT_IMPLEMENTED, "NotImplemented") \
	X(4, BAD_REQUEST, "BadRequest")         \
	X(5, NO_SERVICE, "NoService")           \
	X(6, TIMEOUT, "Timeout")                \
	X(7, RETRY, "Retry")                    \
	X(8, INTERNAL, "Internal")

enum {
	NDRV_KIND_OK = 0,
#define NDRV_X(number, name, text) NDRV_KIND_##name = number,
	NDRV_KINDS(NDRV_X)
#undef NDRV_X
};

/* X(number, NAME, KIND, text). A text has at most one %s: the object's id or name. Numbers 1..8 are the kinds themselves, for
 * errors that need no row of their own. The first five named ones are the seed's (driverapi/errors.go), with its texts. */
#define NDRV_ERRORS(X)                                                                                   \
	X(1, NOT_FOUND, NOT_FOUND, "%s not found")                                                       \
	X(2, FORBIDDEN, FORBIDDEN, "%s is forbidden")                                                    \
	X(3, NOT_IMPLEMENTED, NOT_IMPLEMENTED, "The API is not implemented yet")                         \
	X(4, BAD_REQUEST, BAD_REQUEST, "invalid %s")                                                     \
	X(5, NO_SERVICE, NO_SERVICE, "%s is not available")                                              \
	X(6, TIMEOUT, TIMEOUT, "%s timed out")                                                           \
	X(7, RETRY, RETRY, "%s is busy, try again")                                                      \
	X(8, INTERNAL, INTERNAL, "internal error: %s")                                                   \
	X(16, NO_NETWORK, NOT_FOUND, "No network (%s) exists")                                           \
	X(17, NO_ENDPOINT, NOT_FOUND, "No endpoint (%s) exists")                                         \
	X(18, ENDPOINT_EXISTS, FORBIDDEN, "Endpoint (%s) already exists (Only one endpoint allowed)")    \
	X(19, ACTIVE_REGISTRATION, FORBIDDEN, "Driver already registered for type \"%s\"")               \
	X(20, NETWORK_EXISTS, FORBIDDEN, "Network (%s) already exists")                                  \
	X(21, NO_DRIVER, NOT_FOUND, "unknown driver \"%s\"")                                             \
	X(22, ACTIVE_ENDPOINTS, FORBIDDEN, "network %s has active endpoints")                            \
	X(23, ENDPOINT_JOINED, FORBIDDEN, "endpoint %s has already joined a sandbox")                    \
	X(24, NOT_JOINED, BAD_REQUEST, "endpoint %s has not joined a sandbox")                           \
	X(25, NETWORK_FULL, FORBIDDEN, "network %s is full")                                             \
	X(26, NETWORK_BUSY, RETRY, "network %s is busy with a call that passed its deadline, try again") \
	X(27, POOL_EXHAUSTED, NO_SERVICE, "no available addresses in pool %s")                           \
	X(28, POOL_OVERLAP, FORBIDDEN, "pool %s overlaps with other one on this address space")          \
	X(29, ADDRESS_IN_USE, FORBIDDEN, "address %s is already in use")                                 \
	X(30, ADDRESS_OUT_OF_RANGE, BAD_REQUEST, "requested address %s is not within the pool")          \
	X(31, NO_POOL, NOT_FOUND, "no such pool: %s")                                                    \
	X(32, STALE_HANDLE, FORBIDDEN, "%s was used after its call had returned")                        \
	X(33, ALREADY_SET, FORBIDDEN, "%s is already set and cannot be modified")                        \
	X(34, CANCELLED, TIMEOUT, "%s was cancelled by its caller")                                      \
	X(35, DRIVER_REFUSED, BAD_REQUEST, "driver file %s is refused")                                  \
	X(36, NO_SANDBOX, NOT_FOUND, "no network namespace at %s")                                       \
	X(37, BAD_SANDBOX, BAD_REQUEST, "%s is not a network namespace that can be used as a sandbox")   \
	X(38, KERNEL_LACKS, NOT_IMPLEMENTED, "this kernel has no %s")                                    \
	X(39, SCOPE, FORBIDDEN, "%s is not allowed for a driver of this scope")                          \
	X(40, DENIED, FORBIDDEN, "%s is denied by the configuration")                                    \
	X(41, PERMISSION, FORBIDDEN, "%s needs more rights than the caller has")                         \
	X(42, LINK_EXISTS, FORBIDDEN, "interface %s already exists")                                     \
	X(43, NO_LINK, NOT_FOUND, "no interface %s")                                                     \
	X(44, STATE, INTERNAL, "state file %s cannot be used")                                           \
	X(45, CONFIG, BAD_REQUEST, "%s")                                                                 \
	X(46, UNKNOWN_OPTION, BAD_REQUEST, "unknown option \"%s\"")                                      \
	X(47, NAME_EXISTS, FORBIDDEN, "network with name %s already exists")                             \
	X(48, DRIVER_IN_USE, FORBIDDEN, "driver \"%s\" has networks")                                    \
	X(49, SHUTTING_DOWN, NO_SERVICE, "%s: the host is shutting down")                                \
	X(50, PORT_IN_USE, FORBIDDEN, "port %s is already in use")

enum {
	NDRV_OK = 0,
#define NDRV_X(number, name, kind, text) NDRV_E_##name = number,
	NDRV_ERRORS(NDRV_X)
#undef NDRV_X
};

#define NDRV_ERROR_TEXT_MAX 320

/* The error is "maskable" in libnetwork's sense: the caller treats the operation as done (a network being restored, for instance).
 */
#define NDRV_ERROR_MASKABLE 1u

/* Caller-owned, fixed size, valid when zeroed. */
struct ndrv_error {
	int32_t code;	   /* NDRV_E_..., positive; 0: no error */
	uint32_t kind;	   /* NDRV_KIND_... of that code */
	uint32_t flags;	   /* NDRV_ERROR_MASKABLE */
	int32_t sys_errno; /* the kernel's or libc's errno where there was one, else 0 */
	char text[NDRV_ERROR_TEXT_MAX];
};

/* Fills `err` with `code` and the formatted sentence, returns -code. */
int ndrv_fail(struct ndrv_error *err, int code, const char *fmt, ...) NDRV_PRINTF(3, 4);
/* The same with the row's own text for `object` ("No network (n1) exists"). `object` may be NULL for texts without %s. */
int ndrv_fail_object(struct ndrv_error *err, int code, const char *object);
/* The same from an errno (positive), which is mapped by one table in sdk/lib/error.c; the text gets ": <errno's description>". */
int ndrv_fail_errno(struct ndrv_error *err, int sys_errno, const char *fmt, ...) NDRV_PRINTF(3, 4);
/* Puts "context: " before the text. Returns rc, so that `return ndrv_wrap(err, rc, ...)` reads well. rc 0: nothing happens. */
int ndrv_wrap(struct ndrv_error *err, int rc, const char *fmt, ...) NDRV_PRINTF(3, 4);
/* Sets NDRV_ERROR_MASKABLE on the error just made; returns rc. */
int ndrv_maskable(struct ndrv_error *err, int rc);
void ndrv_error_clear(struct ndrv_error *err);

/* Kind of a code (sign ignored); INTERNAL for an unknown one; OK for 0. */
uint32_t ndrv_error_kind(int code);
/* "NO_NETWORK", or "INTERNAL" for an unknown code, "OK" for 0. Static strings. */
const char *ndrv_error_name(int code);
/* "NotFound" ...; "Internal" for an unknown kind, "OK" for 0. Static strings. */
const char *ndrv_kind_name(uint32_t kind);
/* The code of an errno, as ndrv_fail_errno uses it. */
int ndrv_error_from_errno(int sys_errno);

NDRV_END_DECLS

#endif
