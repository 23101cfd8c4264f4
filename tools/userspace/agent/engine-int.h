/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/* Declarations shared by the files of the engine. */
#ifndef REKEYD_ENGINE_INT_H
#define REKEYD_ENGINE_INT_H

#include <sys/queue.h>

#include "binding.h"
#include "cookie.h"
#include "engine.h"
#include "frame.h"
#include "user-limits.h"
#include "log.h"
#include "policy.h"
#include "record.h"

#define RESEND_FIRST_MS		250
#define RESEND_MAX_MS		4000
#define ANSWER_KEEP_MS		60000
#define ANSWER_REPEAT_MS	100
#define REQUEST_REPEAT_MS	100	/* minimum, however many cookies come */
#define ANSWERS_MAX		4096
#define ANSWERS_EACH		(ANSWERS_MAX / 16)	/* per peer name */
#define ASSEMBLY_KEEP_MS	10000
#define ASSEMBLIES_MAX		256	/* in the clear, and again under keys */
#define ASSEMBLIES_EACH		8
#define BUSY_RETRY_MS		250	/* doubled each time */
#define CONFIRM_WAIT_MS		60000	/* as the kernel does for an epoch */
#define WANTED_APART_MS		1000	/* gap between re-keys on request */
#define SEALED_TRIES		4	/* then the kernel asks the peer */
#define WANT_TRIES		5	/* with a cookie, then without again */
#define HELLO_TRIES		2	/* then another address, if any */
#define ALLOC_TRIES		5	/* then another address, if any */
#define REQUEST_RENEW_MS	10000	/* the peer refuses after 20 s */
#define ANSWER_CHAINS		256
#define EXCHANGE_CHAINS		1024
#define EXCHANGES_PER_MS	256	/* visited on average */
#define NOTICES_EACH_SECOND	10
#define VERSION_PEERS		16
#define VERSION_LOG_MS		3600000

/* Code of a refusal, in REFUSED, REKEY_REFUSED and ABORT. */
enum refusal {
	REFUSE_NOT_SERVED = 1,
	REFUSE_AUTH,
	REFUSE_POLICY,
	REFUSE_CRYPTO,		/* key exchange, cipher */
	REFUSE_CLOCK,
	REFUSE_CREDENTIALS,	/* credentials of the refusing side */
	REFUSE_FULL,
	REFUSE_QOS,
	REFUSE_MALFORMED,
	REFUSE_INTERNAL,
	REFUSE_BUSY,
	REFUSE_ANEW,
	REFUSE_CANCELLED,
	REFUSE_NO_FLOW,
	REFUSE_NOT_RECOVERABLE,
	REFUSE_NONE_LOST,	/* neither side lost the keys */
	REFUSE_BEHIND,		/* epoch or exchange number too low */
};

enum exchange_kind {
	EXCHANGE_ALLOC,
	EXCHANGE_REKEY,
	EXCHANGE_WANT,		/* a responder without keys asks for a re-key */
};

/* An exchange that this side began. */
struct exchange {
	TAILQ_ENTRY(exchange) entry;
	LIST_ENTRY(exchange) by_flow;
	LIST_ENTRY(exchange) by_token;	/* if there is a token */
	enum exchange_kind kind;
	uint32_t flow;
	uint32_t uid;			/* allocation: user of the program */
	uint64_t began;
	bool resolving;			/* waits for the DNS */
	bool in_clear;			/* over CTRL, with a cookie */
	unsigned int tries;		/* at the current place */
	struct ipcp_nl_peer peer;
	struct sockaddr_storage *places;	/* allocation: all addresses */
	size_t nplaces;
	size_t place;			/* index of @peer */
	struct message msg;		/* points into @run; or HELLO */
	struct oap_run *run;		/* NULL until there is a request */
	uint64_t made;			/* uptime when @run was made */
	struct binding bind;		/* as requested */
	uint32_t generation;		/* generation of the flow's keys */
	bool asked;			/* the peer is asked about its keys */
	bool after_silence;		/* the peer was asked, and silent */
	bool raised;			/* raised to the peer's numbers */
	bool same_denier;		/* denial has the known certificate */
	struct blob blob;		/* name, auth, identity */
	uint8_t cookie[COOKIE_LEN];
	bool has_cookie;
	bool sent;			/* the responder may have answered */
	uint64_t sent_at;
	uint64_t resend_at;
	uint64_t deadline;
	bool gone;			/* the provider of @peer is gone */
	bool limited;			/* the program's limit is @deadline */
	uint32_t wait;
	struct assembly in;
	int error;			/* from the first address that failed */
	char why[2 * REASON_LEN];	/* text of @error, or why no answer */
};

/* An answer of this side, kept for repetition. */
struct answer {
	TAILQ_ENTRY(answer) entry;	/* sorted by time */
	LIST_ENTRY(answer) chain;	/* by token */
	bool sealed;
	bool rekey;
	uint32_t flow;			/* 0: refused */
	struct ipcp_nl_peer peer;	/* allocation */
	char who[OAP_NAME_MAX + 1];	/* owner of the used share; or empty */
	uint32_t eid;			/* allocation: eid of the initiator */
	uint64_t time;			/* allocation: time of the request */
	struct message msg;		/* owned */
	uint64_t expires;
	uint64_t repeated;
};

/* A request that is not complete yet. */
struct incoming {
	TAILQ_ENTRY(incoming) entry;
	uint32_t flow;			/* 0: in CTRL, from @peer */
	struct ipcp_nl_peer peer;
	struct assembly in;
	uint64_t expires;
};

TAILQ_HEAD(exchanges, exchange);
LIST_HEAD(exchange_chain, exchange);
TAILQ_HEAD(answers, answer);
LIST_HEAD(answer_chain, answer);
TAILQ_HEAD(incomings, incoming);
TAILQ_HEAD(helds, held);

/* Hosts with agents of other versions, and when each was logged. */
struct versions {
	uint64_t since;			/* start of the second of @told */
	unsigned int told;		/* notices sent in this second */
	unsigned int missed;		/* not logged, since @peers is full */
	struct version_peer {
		struct sockaddr_storage addr;
		uint64_t logged;
	} peers[VERSION_PEERS];
};

struct engine {
	const struct engine_ops *ops;
	void *ctx;
	const struct config *conf;
	struct oap_env *oap;
	struct cookie_jar jar;
	struct exchanges exchanges;
	struct exchange_chain by_flow[EXCHANGE_CHAINS];
	struct exchange_chain by_token[EXCHANGE_CHAINS];
	unsigned int nexchanges;
	uint64_t exchange_due;		/* when the first is due, or earlier */
	uint64_t exchange_rest;		/* do not visit exchanges before */
	struct answers answers;
	struct answer_chain chains[ANSWER_CHAINS];
	uint64_t salt;			/* salt of the hash chains */
	struct incomings incomings;
	unsigned int nrekeys;		/* re-keys among the exchanges */
	unsigned int nanswers;
	struct helds held;
	unsigned int nheld;
	uint64_t claim_at;
	struct record record;
	struct user_limits failed_allocs;	/* logged for local programs */
	struct user_limits done_allocs;
	struct log_limit refusals;	/* logged for requests of strangers */
	struct log_limit refused_peers;	/* logged for identified peers */
	struct log_limit answered_strangers;	/* allocations that were not refused */
	struct log_limit answered_peers;
	struct log_limit again;		/* re-keys after refusals */
	struct log_limit failed_rekeys;	/* of this side */
	struct log_limit recovered;	/* re-keys of this side after failures */
	struct versions versions;
};

static inline uint64_t engine_now(const struct engine *e)
{
	return e->ops->now(e->ctx);
}

/* Schedule an extra claim of flows, see engine_claim_at(). */
static inline void engine_claim_soon(struct engine *e, uint64_t after_ms)
{
	uint64_t at = engine_now(e) + after_ms;

	if (at < e->claim_at)
		e->claim_at = at;
}

/* peer.c */
bool peer_equal(const struct sockaddr_storage *a,
		const struct sockaddr_storage *b);
bool peer_same_host(const struct sockaddr_storage *a,
		    const struct sockaddr_storage *b);
void peer_renewed(struct engine *e, uint32_t flow, struct blob *blob,
		  const struct oap_identity *peer);

/* refusal.c */
void refusal_printable(char *text);
size_t refusal_write(uint8_t buf[1 + REASON_LEN], enum refusal code,
		     const char *text);
enum refusal refusal_read(const uint8_t *p, size_t len, char *text);
enum refusal refusal_of(enum oap_code code);
int refusal_errno(enum refusal code);
int refusal_errno_of_oap(enum oap_code code);
int refusal_errno_of_status(int status);

/* send.c */
int send_message(struct engine *e, uint32_t flow,
		  const struct ipcp_nl_peer *peer,
		  const struct message *msg, const uint8_t *cookie);
void send_refusal(struct engine *e, uint32_t flow,
		  const struct ipcp_nl_peer *peer, enum msg_type type,
		  uint64_t token, const uint8_t *cookie, enum refusal code,
		  const char *text);

/* versions.c */
bool versions_take(struct engine *e, uint32_t flow,
		   const struct ipcp_nl_peer *peer, const uint8_t *p, size_t len);

/* incoming.c */
bool incoming_add(struct engine *e, uint32_t flow,
		  const struct ipcp_nl_peer *peer,
		  const struct frame *frame, struct assembly *msg);
void incoming_gone(struct engine *e, uint32_t flow);
uint64_t incoming_tick(struct engine *e, uint64_t now);
void incoming_free(struct engine *e);

/* exchange.c */
struct exchange *exchange_new(struct engine *e, uint32_t flow,
			      enum exchange_kind kind, uint32_t timeout);
void exchange_free(struct engine *e, struct exchange *x);
struct exchange *exchange_find(struct engine *e, uint32_t flow, uint64_t token);
struct exchange *exchange_of_flow(struct engine *e, uint32_t flow,
				  enum exchange_kind kind);
void exchange_due(struct engine *e, uint64_t at);
bool exchange_token(struct engine *e, struct exchange *x);
enum oap_code exchange_request(struct engine *e, struct exchange *x,
			       struct oap_err *err);
bool exchange_is_stale(struct engine *e, const struct exchange *x);
void exchange_send(struct engine *e, struct exchange *x);
bool exchange_complete(struct exchange *x, uint8_t *seed, struct oap_err *err);

/* Add the name that the peer has proved; valid as long as @peer. */
void exchange_name_peer(struct ipcp_nl_params *params,
			const struct oap_identity *peer);

/* answers.c */
struct answer *answers_find(struct engine *e, uint32_t flow,
			    const struct ipcp_nl_peer *peer, uint64_t token);
struct answer *answers_of_flow(struct engine *e, uint32_t eid,
			       const struct ipcp_nl_peer *peer);
void answers_send(struct engine *e, const struct answer *from);
void answers_repeat(struct engine *e, struct answer *a, uint32_t flow,
		    const struct ipcp_nl_peer *peer,
		    const struct frame *frame);
void answers_drop(struct engine *e, struct answer *a);
void answers_gone(struct engine *e, uint32_t flow);
uint64_t answers_tick(struct engine *e, uint64_t now);
void answers_free(struct engine *e);

/* allocate.c */
void allocate_begin(struct engine *e, const struct ipcp_nl_upcall *up);
void allocate_resolved(struct engine *e, uint32_t flow,
		       const struct sockaddr_storage *addrs, size_t count,
		       const char *why);
bool allocate_cookie(struct engine *e, struct exchange *x,
		     const struct ipcp_nl_peer *peer);
void allocate_done(struct engine *e, struct exchange *x);
void allocate_failed(struct engine *e, struct exchange *x, int error,
		     enum refusal code, const char *text);
void allocate_refused(struct engine *e, struct exchange *x, int error,
		      enum refusal code, const char *text);
void allocate_abort(struct engine *e, struct exchange *x, enum refusal code,
		    const char *text);
void allocate_timeout(struct engine *e, struct exchange *x);
void allocate_resend(struct engine *e, struct exchange *x);

/* rekey.c */
struct exchange *rekey_begin(struct engine *e, const struct ipcp_nl_claim *claim);
void rekey_drop(struct engine *e, struct exchange *x);
void rekey_failed(struct engine *e, struct exchange *x, enum outcome_kind kind,
		  const char *text);
void rekey_done(struct engine *e, struct exchange *x);
void rekey_refused(struct engine *e, struct exchange *x, enum refusal code,
		   const char *why);
void rekey_timeout(struct engine *e, struct exchange *x);
void rekey_wanted(struct engine *e, uint32_t id);

/* recover.c */
bool recover_renew(struct engine *e, struct exchange *x);
void recover_resend(struct engine *e, struct exchange *x);
void recover_asked(struct engine *e, struct exchange *x);
void recover_flow(struct engine *e, uint32_t flow);
void recover_denied(struct engine *e, struct exchange *x,
		    const struct binding *denial);

/* want.c */
bool want_needed(const struct ipcp_nl_flow *flow);
void want_rekey(struct engine *e, const struct ipcp_nl_flow *flow);
bool want_hears(const struct exchange *x, const struct ipcp_nl_peer *peer);
bool want_cookie(struct engine *e, struct exchange *x,
		 const struct ipcp_nl_peer *peer);
void want_resend(struct engine *e, struct exchange *x);
void want_timeout(struct engine *e, struct exchange *x);
void want_denied(struct engine *e, struct exchange *x,
		 const struct binding *denial);

/* denial.c */
struct oap_run *denial_make(struct engine *e, enum role role, const char *name,
			    const struct binding *denial);
bool denial_read(struct engine *e, struct exchange *x, struct binding *denial);
bool denial_is_final(enum refusal code);
void denial_end_flow(struct engine *e, struct exchange *x,
		     const struct binding *denial);

/* responder.c */
void responder_hello(struct engine *e, const struct ipcp_nl_peer *peer,
		     const struct frame *frame);
void responder_frame(struct engine *e, uint32_t flow,
		     const struct ipcp_nl_peer *peer,
		     const struct frame *frame);
void responder_abort(struct engine *e, const struct ipcp_nl_peer *peer,
		     const struct frame *frame);
void responder_asked(struct engine *e, uint32_t flow);
void responder_drop(struct engine *e);
void responder_gone(struct engine *e, uint32_t flow);
uint64_t responder_tick(struct engine *e, uint64_t now);
void responder_free(struct engine *e);

/* initiator.c */
void initiator_cookie(struct engine *e, const struct ipcp_nl_peer *peer,
		      const struct frame *frame);
void initiator_answer(struct engine *e, uint32_t flow,
		      const struct frame *frame);
void initiator_asked(struct engine *e, uint32_t flow);
void initiator_drop(struct engine *e, const char *why);
void initiator_gone(struct engine *e, uint32_t flow);
uint64_t initiator_tick(struct engine *e, uint64_t now);
void initiator_free(struct engine *e);

#endif /* REKEYD_ENGINE_INT_H */
