/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/*
 * The protocol between agents, without I/O of its own: allocation and
 * re-keying, on both sides. The program passes in upcalls, messages, claims and
 * time; the engine acts through struct engine_ops.
 */
#ifndef REKEYD_ENGINE_H
#define REKEYD_ENGINE_H

#include "config.h"

struct engine;

/**
 * struct engine_ops - operations that the engine calls
 * @now: get the monotonic time in milliseconds
 * @uptime: get the time since boot in milliseconds; time in suspend counts
 * @reason: describe the last failure of another operation
 * @resolve: look up the agent of a name in the DNS; engine_resolved() follows,
 *	but not from within this call
 * @resolve_cancel: cancel a lookup
 * @flow_find: find the flow with an endpoint id on this side
 *
 * The other operations are the netlink commands of the same names. They return
 * 0 or a negative errno.
 */
struct engine_ops {
	uint64_t (*now)(void *ctx);
	uint64_t (*uptime)(void *ctx);
	const char *(*reason)(void *ctx);
	int (*resolve)(void *ctx, uint32_t flow, uint32_t uid,
		       const char *name, uint16_t port);
	void (*resolve_cancel)(void *ctx, uint32_t flow);
	int (*ctrl_send)(void *ctx, const struct ipcp_nl_peer *peer,
			 const uint8_t *p, size_t len);
	int (*sealed_send)(void *ctx, uint32_t id, const uint8_t *p,
			   size_t len);
	int (*flow_get)(void *ctx, uint32_t id, struct ipcp_nl_flow *flow);
	int (*flow_find)(void *ctx, uint32_t eid, struct ipcp_nl_flow *flow);
	int (*flow_new)(void *ctx, const char *name,
			const struct ipcp_nl_peer *peer, uint32_t peer_eid,
			const struct ipcp_nl_qos *qos,
			struct ipcp_nl_made *made);
	int (*flow_allocate)(void *ctx, uint32_t id,
			     const struct ipcp_nl_peer *peer,
			     uint32_t peer_eid, uint32_t cipher,
			     const struct ipcp_nl_seed *seed,
			     const struct ipcp_nl_params *params);
	int (*flow_set)(void *ctx, uint32_t id,
			const struct ipcp_nl_params *params);
	int (*flow_del)(void *ctx, uint32_t id, uint32_t error,
			const char *reason);
	int (*seed_set)(void *ctx, uint32_t id,
			const struct ipcp_nl_seed *seed);
	int (*rekey_clear)(void *ctx, uint32_t id, uint32_t exchange,
			   uint32_t retry_after);
	int (*rekey_ask)(void *ctx, uint32_t id, uint32_t exchange);
	int (*rekey_claim_fresh)(void *ctx, uint32_t id,
				 const struct ipcp_nl_numbers *peer,
				 struct ipcp_nl_claim *claim);
	int (*rekey_request)(void *ctx, uint32_t id);
	int (*flow_direct)(void *ctx, uint32_t id);
};

struct engine *engine_new(const struct engine_ops *ops, void *ctx,
			  const struct config *conf, struct oap_env *oap);
void engine_free(struct engine *e);
void engine_set_config(struct engine *e, const struct config *conf,
		       struct oap_env *oap);

/**
 * engine_drop_runs() - abandon the exchanges in progress
 * @why: reason for the programs
 *
 * Allocations fail; re-keys are cleared and will be claimed again. Pending
 * requests of peers are dropped; the peers repeat them.
 */
void engine_drop_runs(struct engine *e, const char *why);

/**
 * engine_copied() - start over after the machine was copied
 *
 * The other copy continues with the same secrets and random numbers: no exchange
 * may complete in both.
 */
void engine_copied(struct engine *e);

/* Upcalls */
void engine_alloc(struct engine *e, const struct ipcp_nl_upcall *upcall);
/**
 * engine_resolved() - pass on an answer from the DNS
 * @flow: as given to resolve
 * @addrs: addresses of the agent, best first
 * @count: number of addresses; 0 if there are none
 * @why: the reason if @count is 0
 */
void engine_resolved(struct engine *e, uint32_t flow,
		     const struct sockaddr_storage *addrs, size_t count,
		     const char *why);
void engine_cancel(struct engine *e, uint32_t flow);

/*
 * Call engine_seen() for each flow that exists, then engine_sweep(): the upcall
 * that tells of the end of a flow may be lost.
 */
void engine_seen(struct engine *e, uint32_t flow);
void engine_sweep(struct engine *e);
void engine_ctrl(struct engine *e, const struct ipcp_nl_peer *peer,
		 const uint8_t *p, size_t len);
void engine_sealed(struct engine *e, uint32_t flow, const uint8_t *p,
		   size_t len);

/**
 * engine_room() - return how many more flows may be claimed now
 *
 * Limits concurrent re-keys, see max-exchanges.
 */
unsigned int engine_room(const struct engine *e);

/* Re-key a claimed flow. */
void engine_rekey(struct engine *e, const struct ipcp_nl_claim *claim);

/**
 * engine_wants() - check whether engine_want() has to ask for a flow
 *
 * True if the responder is here, and the flow is due or the age of its keys is
 * at least three quarters of its limit.
 */
bool engine_wants(const struct ipcp_nl_flow *flow);

/* Ask the initiator for a new seed, for a flow whose responder is here. */
void engine_want(struct engine *e, const struct ipcp_nl_flow *flow);

/**
 * engine_due() - pass on the event that a flow is due
 *
 * Like engine_want(). An operator's request for a re-key ends the wait that
 * follows a failed attempt. The request stays among the reasons of the flow: a
 * scan of all flows does not end the wait again.
 */
void engine_due(struct engine *e, const struct ipcp_nl_flow *flow);

/**
 * engine_asked() - report that the kernel has asked the peer about its keys
 *
 * The kernel has the result. Without this call the engine checks for the result
 * itself after some seconds.
 */
void engine_asked(struct engine *e, uint32_t flow);

/**
 * engine_tick() - do the work that is due
 *
 * Return: time of the next call, in monotonic milliseconds.
 */
uint64_t engine_tick(struct engine *e);

/**
 * engine_claim_at() - return the time of the next extra claim
 *
 * Return: monotonic milliseconds; UINT64_MAX if there is no need.
 */
uint64_t engine_claim_at(const struct engine *e);

/*
 * Drop the request for an extra claim: all due flows are about to be claimed.
 */
void engine_claims(struct engine *e);

#endif /* REKEYD_ENGINE_H */
