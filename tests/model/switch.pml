/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/*
 * Model of the two-sided epoch switch, for spin. Documentation/switch-model.md
 * describes the abstractions, the bounds, and what the model leaves out.
 *
 * Sizes:
 *   EPOCHS  re-keys
 *   XCH     exchange numbers
 *   SLOTS   RX slots of a side
 *   LOSSES  losses of all keys, at either side; undefined: no losses, no
 *           questions and no fresh exchanges
 * Parts that are searched separately:
 *   OWNER_HEARD  no question and no answer to a question is lost
 *   SLOW_AGENT   keys may be lost while the responder's agent makes a seed
 *   THIEVES      a thief has the peer's certificate
 * Rules removed or changed:
 *   NO_DONE      CONFIRM has no DONE, and nothing waits for it
 *   NO_GATE      CONFIRM has DONE, but the next seed does not wait for it
 *   NO_EXCHANGE  the kernels compare no exchange numbers
 *   R_DEADLINE   the responder promotes at the grace deadline, too
 *   DONE_ALWAYS  DONE is not only in answers
 *   NEW_ONLY     a CONFIRM of an older epoch is not answered
 *   EARLY_END    linger begins at the first packet in the new epoch of any kind
 *   NO_WORKER    queued packets are not opened before their key is wiped
 *   NO_REFUSAL   the initiator's kernel takes a seed without a claim for it
 *   NO_QUESTION    a side with keys accepts or claims fresh without asking
 *   CLAIM_KEEPS    an answer does not end the permission once fresh is claimed
 *   ASK_IN_TX      the question is asked in the epoch of DATA
 *   NEWEST_ONLY    only the newest epoch is promoted, or retires the others
 *   NO_CHAIN_ID    the carrier determines what a seed is mixed with
 *   GUESS_CHAIN    the state of a side determines what a seed is mixed with
 *   NO_GENERATION  a seed made before the keys were lost is accepted
 * For the search:
 *   NO_RECOVERY  do not check that every state can recover, to find other
 *                properties that a weakened model violates
 *   SHORTEST     search breadth first, for a short counterexample
 *   REACH        fail when all epochs and exchange numbers are used and both
 *                sides rest: shows that this state is reachable
 */

#ifndef EPOCHS
#define EPOCHS 2
#endif
#ifndef XCH
#define XCH 3
#endif
#ifndef SLOTS
#define SLOTS 4
#endif

/* The recovery needs further epochs, and up to ROUNDS rounds of timers. */
#ifdef LOSSES
#define NE	(EPOCHS + 4)
#else
#define NE	(EPOCHS + 2)
#endif
#define NSEEDS	(XCH + 6)
#define ROUNDS	10
#define HOPS	8	/* CONFIRMs that one question may cause */

#define I	0
#define R	1
#define PEER(k)	(1 - (k))
#define NAME(k)	('I' + 9 * (k))

/*
 * A chain is named by the root that it is derived from. A root is named by its
 * seed, or by another number if the initiator mixed the seed with another chain
 * than the responder. A chain id is the chain.
 */
#define FRESH	255	/* no chain */
#define NOTHING	254	/* wiped */
#define ROOT(sd, from)	((from) == mixed[sd] -> (sd) : (sd) + 16)
#define THIEF	100	/* number of the thief's exchange */

/* Flags of CONFIRM. No rule reads SEEN, so it is left out. */
#define SENDING	1
#define DONE	2

/* The properties; spin's message has the name of a violated one. */
bool key_used_past_its_life;
bool nonce_reused;
bool never_same_epoch_again;
bool old_key_stays;
bool seeds_differ;
bool undecryptable;
bool thief_moves_flow;
bool seed_older_than_the_loss;
#ifdef REACH
bool reached_the_end;
#endif

#define BROKEN(p)	p = true; assert(!p)

/* One end of the flow in its kernel. A key is named by epoch and root. */
typedef side {
	byte newest;	/* epoch parked last */
	byte tx;	/* epoch of DATA and SEALED */
	byte txlo;	/* TX keys are held for txlo..newest */
	byte rxlo;	/* RX keys are held for rxlo..newest */
	byte obs;	/* newest epoch with an authentic packet of the peer */
	byte saw;	/* newest epoch with DATA or SENDING of the peer */
	byte done;	/* newest epoch with DONE of the peer */
	byte ring;	/* bit e: ciphertext of epoch e is queued to be read */
	bool closed;	/* the key of rxlo takes no packet and will be wiped */
	bool pend;	/* the newest epoch is not taken yet */
	byte fresh;	/* bit e: epoch e is fresh, not yet with the peer */
	byte floor;	/* nothing sent in older ones since the loss of keys */
	byte chain;	/* what the next seed is mixed with */
	byte before;	/* chain mixed into the newest epoch, if replaceable */
	byte silent;	/* exchange for which the peer was silent, 0 for none */
	bool quiet;	/* ghost: the peer was asked, and not heard since */
	byte root[NE];
	short used	/* ghost: bit sd: seed sd has made keys here */
};
side s[2];

/* The initiator's kernel; its agent needs no further state. */
byte nextx;	/* exchange number given out last */
byte inflight;	/* exchange that is claimed, 0 for none */
bool due;	/* a claim was made and has brought no seed yet */
bool mayfresh;	/* the claim is for fresh, with permission */

/* The responder's kernel and agent. */
byte lastx;	/* exchange number of the seed parked last */
byte seeds;	/* seeds made so far; a seed is identified by its number */
bool cached;	/* the agent still knows its answer to lastx */
bool answer;	/* the agent has parked and not answered yet */

/*
 * All messages ever sent by the agents. Each may arrive at any time after that,
 * in any order, once, repeatedly or never. The request of an exchange counts as
 * sent from the claim on: an agent that dies before sending is equivalent to a
 * lost message.
 */
short responses;	/* bit sd: response with seed sd */
bool anew;		/* "start anew", for the exchange in flight */
byte asked[NSEEDS];	/* by exchange number: the epoch asked for */
byte source[NSEEDS];	/* by seed: the exchange that made it */
byte chainid[NSEEDS];	/* by exchange number: the chain id in its messages */
byte mixed[NSEEDS];	/* by seed: the chain that the responder mixed it with */

/*
 * Losses of keys so far, and packets that a side sent before it lost its keys
 * or retired an epoch at once: bit r is for the keys of root r.
 */
byte losses;
int latedata[2], lateprobe[2], latedone[2];
#ifdef SLOW_AGENT
byte work;	/* exchange for which the responder's agent makes a seed */
bool oldwork;	/* the work began before the keys were lost */
#endif

/*
 * Scratch variables of the atomic steps, not part of the state. A breadth first
 * search of spin cannot leave them out of the state.
 */
#ifdef SHORTEST
#define hidden
#endif
hidden byte q, p, ep, w, sd, fl, hops, rounds, phase, from, rt, le, nx;
hidden byte carrier;	/* CTRL, not SEALED */

#define HAS_TX(k, e)	(s[k].txlo <= (e) && (e) <= s[k].newest)
#define HAS_RX(k, e)	(s[k].rxlo <= (e) && (e) <= s[k].newest)
/* TAKES: the RX key accepts packets. MATCH: both sides have the same key. */
#define TAKES(k, e)	(HAS_RX(k, e) && !(s[k].closed && (e) == s[k].rxlo))
#define MATCH(e)	(s[I].root[e] == s[R].root[e])
#define EMPTY(k)	(s[k].rxlo > s[k].newest)
#define SENDS(k)	(s[k].tx >= s[k].floor)	/* it has an epoch for DATA */
/* Side k has keys that the peer has, too, as far as k can know. */
#define KEYS(k)		(!EMPTY(k) && (SENDS(k) || s[k].obs >= s[k].floor))
/* The peer can open a CONFIRM of side k in epoch e. */
#define REACHES(k, e)	(HAS_TX(k, e) && TAKES(PEER(k), e) && MATCH(e))
#define TAKEN(k, e)	((e) < s[k].newest || ((e) == s[k].newest && !s[k].pend))

/* Keys. */

/* Side k seals a packet in epoch e. */
inline seal(k, e)
{
	if
	:: !HAS_TX(k, e) -> BROKEN(key_used_past_its_life)
	:: else
	fi;
	if
	:: HAS_RX(PEER(k), e) && !MATCH(e) -> BROKEN(seeds_differ)
	:: else
	fi
}

/* An authentic packet of the peer arrived that is newer than the question. */
inline heard(k)
{
	s[k].quiet = 0;
	s[k].silent = 0;
#ifndef CLAIM_KEEPS
	mayfresh = mayfresh && (k) != I
#endif
}

/* A packet of the peer authenticated in epoch e; data: DATA or SENDING. */
inline authentic(k, e, data)
{
	if
	:: s[k].obs < e ->
		s[k].obs = e;
		heard(k);
		if
		:: e == s[k].newest -> s[k].before = NOTHING
		:: else
		fi
	:: else
	fi;
	if
	:: (data) && s[k].saw < e -> s[k].saw = e
	:: else
	fi
}

/* A reader or the worker opens the queued packets of epoch e. */
inline open_ring(k, e)
{
	if
	:: !HAS_RX(k, e) -> BROKEN(key_used_past_its_life)
	:: else
	fi;
	s[k].ring = s[k].ring & ~(1 << (e));
	authentic(k, e, 1)
}

/* Older RX keys linger from here on. */
#ifdef EARLY_END
#define LINGERS(k)	(s[k].rxlo < s[k].obs)
#else
#define LINGERS(k)	(s[k].rxlo < s[k].saw)
#endif

/* The worker: open queued packets, then wipe the oldest RX key. */
inline wipe_rx(k)
{
	w = s[k].rxlo;
#ifndef NO_WORKER
	if
	:: s[k].ring & (1 << w) -> open_ring(k, w)
	:: else
	fi;
#endif
	s[k].rxlo = w + 1;
	s[k].closed = 0
}

/*
 * Make new key objects of seed sd, mixed with the chain from; their counters
 * start at 0. s[k].newest still tells a new epoch from a replaced one.
 */
inline make_keys(k, e, sd, from)
{
	rt = ROOT(sd, from);
	if
	:: s[k].used & (1 << (sd)) -> BROKEN(nonce_reused)
	:: else
	fi;
	s[k].used = s[k].used | (1 << (sd));
	if
	:: (k) == R && (EMPTY(k) || s[k].newest < e) -> s[k].before = s[k].chain
	:: else
	fi;
	s[k].chain = rt;
	s[k].fresh = (s[k].fresh & ~(1 << e)) |
		     (from == FRESH && !EMPTY(k) -> 1 << e : 0);
	s[k].silent = 0;
	s[k].quiet = 0;
	if
	:: EMPTY(k) ->
		s[k].rxlo = e; s[k].txlo = e; s[k].floor = e; s[k].tx = e - 1;
		s[k].obs = e - 1; s[k].saw = e - 1; s[k].done = e - 1
	:: else
	fi;
	s[k].root[e] = rt;
	s[k].newest = e;
	s[k].pend = 1
}

inline park(k, e, sd, from)
{
	printf("%c parks epoch %d with seed %d on chain %d\n", NAME(k), e, sd,
	       from);
	if
	:: !EMPTY(k) && s[k].rxlo + SLOTS <= e ->
		printf("%c: its slot was that of epoch %d, which is wiped\n",
		       NAME(k), s[k].rxlo);
		wipe_rx(k)
	:: else
	fi;
	make_keys(k, e, sd, from)
}

/* Note what side k has sent in its epochs, since it may arrive later. */
inline leave_all(k)
{
	le = s[k].floor;
	do
	:: le <= s[k].newest ->
		if
		:: le <= s[k].tx -> latedata[k] = latedata[k] | (1 << s[k].root[le])
		:: else
		fi;
		if
		:: s[k].obs >= le || (k == I && TAKEN(k, le)) ->
			lateprobe[k] = lateprobe[k] | (1 << s[k].root[le])
		:: else
		fi;
		if
		:: s[k].saw >= le -> latedone[k] = latedone[k] | (1 << s[k].root[le])
		:: else
		fi;
		le++
	:: else -> break
	od
}

#ifdef R_DEADLINE
#define BY_DEADLINE(k)	1
#else
#define BY_DEADLINE(k)	((k) == I)
#endif
#define WAITS(k)	(!EMPTY(k) && !s[k].pend && s[k].tx < s[k].newest)
#define OBSERVED(k)	(!EMPTY(k) && s[k].obs == s[k].newest)

/*
 * The peer was observed in an epoch that this side has taken and does not send
 * in yet. A newer epoch may be parked, which the peer need not have; so the
 * older one counts as taken.
 */
#ifdef NEWEST_ONLY
#define FOLLOWS(k)	(WAITS(k) && OBSERVED(k))
#else
#define FOLLOWS(k) \
	(!EMPTY(k) && s[k].obs > s[k].tx && TAKEN(k, s[k].obs))
#endif

/* Send DATA in epoch e from here on; older TX keys are wiped. */
inline promote(k, e)
{
	printf("%c promotes: it sends in epoch %d\n", NAME(k), e);
	s[k].tx = e;
	s[k].txlo = e
}

/* Side k loses all keys, and keeps its epoch and exchange numbers. */
inline lose_keys(k)
{
	leave_all(k);
	le = 0;
	do
	:: le < NE -> s[k].root[le] = 0; le++
	:: else -> break
	od;
	nx = s[k].newest;
	s[k].rxlo = nx + 1; s[k].txlo = nx + 1; s[k].floor = nx + 1;
	s[k].tx = nx; s[k].obs = nx; s[k].saw = nx; s[k].done = nx;
	s[k].ring = 0; s[k].closed = 0; s[k].pend = 0; s[k].fresh = 0;
	s[k].chain = FRESH; s[k].before = NOTHING;
	s[k].silent = 0; s[k].quiet = 0;
	if
	:: k == I -> inflight = 0; anew = 0; mayfresh = 0
	:: else
	fi;
#ifdef SLOW_AGENT
	if
	:: k == R && work -> oldwork = 1
	:: else
	fi;
#endif
	due = 1
}

/*
 * The peer was observed in a fresh epoch, so it has no older keys: take the
 * seed, and retire all older epochs at once. A newer epoch may be parked by
 * then, which the peer need not have.
 */
#ifdef NEWEST_ONLY
#define RECOVERED(k, e)	(s[k].obs == (e) && (e) == s[k].newest)
#else
#define RECOVERED(k, e)	(s[k].obs >= (e) && (e) <= s[k].newest)
#endif
inline maybe_recovered(k)
{
	nx = NE - 1;
	do
	:: nx > 0 && !((s[k].fresh & (1 << nx)) && RECOVERED(k, nx)) -> nx--
	:: else -> break
	od;
	if
	:: nx > 0 ->
		printf("%c: the peer is in the fresh epoch %d\n", NAME(k), nx);
		leave_all(k);
		s[k].pend = s[k].pend && nx < s[k].newest;
		if
		:: s[k].tx < nx -> promote(k, nx)
		:: else
		fi;
		do
		:: s[k].rxlo < nx -> wipe_rx(k)
		:: else -> break
		od;
		s[k].floor = nx;
		s[k].fresh = s[k].fresh & ~((2 << nx) - 1)
	:: else
	fi
}

/* CONFIRM: when a side asks, flags of an answer, which ones are answered. */

/* The responder does not ask before it has observed the initiator there. */
#ifdef LOSSES
#define MAY_ASK(k)	((k) == I || OBSERVED(k))
#else
#define MAY_ASK(k)	1
#endif
#ifdef NO_DONE
#define UNSURE(k)	(MAY_ASK(k) && !s[k].pend && s[k].saw < s[k].newest)
#define TELL(k, e)	0
#define ANSWERS(f)	(!((f) & SENDING))
#else
#define UNSURE(k)	(MAY_ASK(k) && !s[k].pend && s[k].done < s[k].newest)
#define TELL(k, e)	(s[k].saw >= (e) -> DONE : 0)
#define ANSWERS(f)	(!((f) & DONE))
#endif
#ifdef DONE_ALWAYS
#define ASK(k)		TELL(k, s[k].newest)
#else
#define ASK(k)		0
#endif
#ifdef NEW_ONLY
#define ANSWERED_IN(k, e)	((e) == s[k].newest)
#else
#define ANSWERED_IN(k, e)	HAS_TX(k, e)
#endif
#if defined(NO_DONE) || defined(NO_GATE)
#define SETTLED(k)	1
#else
#define SETTLED(k)	(s[k].done == s[k].newest)
#endif

/*
 * Packets have no state: the packets that a side may have sent in an epoch
 * follow from its state. They may arrive at any time, in any order, repeatedly
 * or never, until the receiver's linger of that epoch is over. After that only
 * packets arrive that the sender still sends in the epoch.
 */
#define ON_ITS_WAY(k, e) \
	((e) >= s[PEER(k)].floor && (e) <= s[PEER(k)].tx && \
	 ((e) == s[PEER(k)].tx || (e) > s[k].rxlo || \
	  ((e) == s[k].rxlo && !s[k].closed)))
/* A CONFIRM without SENDING in e: of a side that took e, or as an answer. */
#ifdef LOSSES
#define CONFIRMS(k, e)	((k) == I || s[k].obs >= (e))
#else
#define CONFIRMS(k, e)	1
#endif
#define PROBED(k, e) \
	(CONFIRMS(PEER(k), e) && (e) >= s[PEER(k)].floor && (e) <= s[PEER(k)].newest && \
	 (TAKEN(PEER(k), e) || TAKEN(k, e)) && MATCH(e))
/* The peer may have answered a question of k with DONE. */
#ifdef NO_DONE
#define TOLD(k, e)	0
#else
#define TOLD(k, e) \
	((e) >= s[PEER(k)].floor && TAKEN(k, e) && \
	 (e) <= s[PEER(k)].newest && s[PEER(k)].saw >= (e) && MATCH(e))
#endif
/* Packets that the peer sent before it lost its keys, under k's key of e. */
#define LATE(m, k, e)	((m[PEER(k)] >> s[k].root[e]) & 1)

inline must_take(k, e)
{
	if
	:: e >= s[k].floor && TAKES(k, e) && !MATCH(e) -> BROKEN(seeds_differ)
	/* The peer may still send in a lost or retired epoch for a time. */
	:: e >= s[k].floor && !TAKES(k, e) ->
		printf("%c cannot open a packet of epoch %d\n", NAME(k), e);
		BROKEN(undecryptable)
	:: else
	fi
}

/* The agents. */

/*
 * The newest epoch is DONE, or "lost": promoted, but not DONE for a time. So it
 * is promoted in any case; the timer of "lost" may have any length.
 */
#define MAY_CLAIM	(!inflight && !s[I].pend && !EMPTY(I) && s[I].tx == s[I].newest)

/* The initiator claims an exchange; id: chain of the newest epoch, or FRESH. */
inline claim(id)
{
	nextx++;
	inflight = nextx;
	asked[nextx] = s[I].newest + 1;
	chainid[nextx] = id;
	mayfresh = (id == FRESH && KEYS(I));
	s[I].silent = 0;
	due = 1;
	printf("I claims epoch %d, exchange %d, chain %d\n", asked[nextx],
	       nextx, id)
}

/*
 * MIX: the chain that the seed of exchange x is mixed with, as the exchange
 * says. MAY_MIX: the side holds that chain. A fresh seed needs permission on a
 * side with keys.
 */
#define HELD(k, x) \
	(EMPTY(k) -> FRESH : \
	 (asked[x] == s[k].newest -> s[k].before : s[k].chain))
#ifdef NO_QUESTION
#define PERMITTED(k, x)	1
#else
#define PERMITTED(k, x)	((k) == I -> mayfresh : s[R].silent == (x))
#endif
#define MAY_FRESH(k, x)	(!KEYS(k) || PERMITTED(k, x))
#ifdef GUESS_CHAIN
#define MIX(k, x)	HELD(k, x)
#define MAY_MIX(k, x) \
	(chainid[x] == FRESH -> MAY_FRESH(k, x) : !EMPTY(k))
#else
#ifdef NO_CHAIN_ID
#define MIX(k, x)	(carrier -> FRESH : HELD(k, x))
#define MAY_MIX(k, x)	(carrier -> MAY_FRESH(k, x) : !EMPTY(k))
#else
#define MIX(k, x)	chainid[x]
#define MAY_MIX(k, x) \
	(chainid[x] == FRESH -> MAY_FRESH(k, x) : \
	 (!EMPTY(k) && HELD(k, x) == chainid[x]))
#endif
#endif

#ifdef NO_REFUSAL
#define CLAIMED(x)	1
#else
#define CLAIMED(x)	((x) == inflight && asked[x] == s[I].newest + 1)
#endif

/* The initiator's agent gets a response with seed sn: store_pending. */
inline i_response(sn)
{
	if
	:: CLAIMED(source[sn]) && MAY_MIX(I, source[sn]) ->
		from = MIX(I, source[sn]);
		park(I, asked[source[sn]], sn, from);
		inflight = 0;
		mayfresh = 0;
		anew = 0;
		due = 0
	:: else	/* not claimed, or not any more: refused */
	fi
}

/* The exchange number is never used again; a silence permits one claim. */
inline end_claim()
{
	s[I].quiet = s[I].quiet && !mayfresh;
	inflight = 0;
	mayfresh = 0;
	anew = 0
}

/* "Start anew" is ignored if the exchange is parked or given up. */
inline i_anew()
{
	printf("I is told to start exchange %d anew\n", inflight);
	end_claim()
}

/* An agent that still has its answer recognizes a repeated request anyway. */
#ifdef NO_EXCHANGE
#define REPEATED(x)	(cached && (x) == lastx)
#define NEWER(x)	1
#define NEW_SEEDS	(seeds < XCH)
#else
#define REPEATED(x)	((x) == lastx)
#define NEWER(x)	((x) > lastx)
#define NEW_SEEDS	1
#endif

/* Without keys any epoch is the next. A peer without keys never sends DONE. */
#define NEXT(x) \
	(EMPTY(R) || (asked[x] == s[R].newest + 1 && \
		      (SETTLED(R) || chainid[x] == FRESH)))
#define AGAIN(x)	(asked[x] == s[R].newest && !OBSERVED(R))

inline r_stored(x)
{
	source[seeds] = x;
	lastx = x;
	cached = 1;
	answer = 1
}

/* The responder's agent gets a request: make a seed, store_pending. */
inline r_request(x)
{
	if
	:: REPEATED(x) ->	/* EALREADY */
		if
		:: cached -> answer = 1
		:: else ->
			printf("R says: start exchange %d anew\n", x);
			anew = (inflight == (x))
		fi
	:: else ->
	if
	:: NEWER(x) && NEXT(x) && MAY_MIX(R, x) ->
		seeds++;
		from = MIX(R, x);
		mixed[seeds] = from;
		park(R, asked[x], seeds, from);
		r_stored(x)
	:: else ->
	if
	:: NEWER(x) && AGAIN(x) && MAY_MIX(R, x) ->
		seeds++;
		printf("R parks epoch %d with seed %d in place of %d\n",
		       asked[x], seeds, s[R].root[asked[x]]);
		if	/* are packets queued under the old key? */
		:: s[R].ring & (1 << asked[x]) -> BROKEN(undecryptable)
		:: else
		fi;
		from = MIX(R, x);
		mixed[seeds] = from;
		make_keys(R, asked[x], seeds, from);
		r_stored(x)
	:: else	/* stale, wrong epoch, or EBUSY: refused */
	fi fi fi
}

inline r_answer()
{
	printf("R answers exchange %d with seed %d\n", lastx, seeds);
	responses = responses | (1 << seeds);
	answer = 0
}

/*
 * The question: side k asks in an epoch, and no newer packet arrives for three
 * seconds. Asking and silence are one step, since no rule depends on a question
 * that is not decided. The answer is in the epoch of the question. A peer that
 * asks by itself counts as heard, too.
 */
#ifdef ASK_IN_TX
#define ASKS_IN(k)	s[k].tx
#else
#define ASKS_IN(k)	(s[k].obs > s[k].tx -> s[k].obs : s[k].tx)
#endif
#define CAN_ANSWER(k) \
	((REACHES(k, ASKS_IN(k)) && REACHES(PEER(k), ASKS_IN(k))) || \
	 (UNSURE(PEER(k)) && REACHES(PEER(k), s[PEER(k)].newest)))
#ifdef OWNER_HEARD
#define MAY_BE_SILENT(k)	!CAN_ANSWER(k)
#else
#define MAY_BE_SILENT(k)	1
#endif

inline silence(k, x)
{
	printf("%c asks for exchange %d, and the peer is silent\n", NAME(k), x);
	s[k].silent = x;
	s[k].quiet = 1
}

/*
 * A thief with the peer's certificate begins, or answers, a fresh exchange. No
 * rule is violated if the peer was silent; the flow is the thief's then. But if
 * no packet of the question is lost, a peer whose data can be opened must not
 * appear silent.
 */
inline thief(k)
{
	if
	:: !s[k].quiet -> BROKEN(thief_moves_flow)
	:: else
	fi
}

inline thief_asks(k, x)
{
#ifdef OWNER_HEARD
	if
	:: SENDS(PEER(k)) && REACHES(PEER(k), s[PEER(k)].tx) ->
		BROKEN(thief_moves_flow)
	:: else
	fi;
#endif
	silence(k, x)
}

/*
 * "Never the same epoch again": from any state the recovery drops all packets
 * in flight, then lets every timer fire and drops nothing more. It checks that
 * both sides come to rest in one epoch and retire the older ones, then does one
 * more re-key. The model can do all these steps, too, so they are a way out of
 * that state.
 */
#ifdef NO_DONE
#define REST(k)	(s[k].tx == s[k].newest)
#else
#define REST(k)	(s[k].tx == s[k].newest && s[k].done == s[k].newest)
#endif
#define IN_STEP \
	(!EMPTY(I) && !EMPTY(R) && s[I].newest == s[R].newest && \
	 MATCH(s[I].newest) && REST(I) && REST(R) && !due && !answer)
/* The linger of older RX keys has begun. */
#define OLD_GONE	(s[I].saw == s[I].newest && s[R].saw == s[R].newest)

inline maybe_promote(k)
{
	if
	:: FOLLOWS(k) -> promote(k, s[k].obs)
	:: else
	fi
}

/* Side q asks in its newest epoch; answers go both ways until none is due. */
inline question()
{
	ep = s[q].newest;
	fl = (s[q].tx == ep -> SENDING : 0) + ASK(q);
	p = q;
	hops = 0;
	do
	:: hops < HOPS ->
		hops++;
		seal(p, ep);
		printf("%c sends CONFIRM %d in epoch %d\n", NAME(p), fl, ep);
		p = PEER(p);
		if
		:: !TAKES(p, ep) || !MATCH(ep) ->
			if
			:: (fl & SENDING) && ep >= s[p].floor ->
				BROKEN(undecryptable)
			:: else
			fi;
			break
		:: else
		fi;
		authentic(p, ep, fl & SENDING);
		maybe_recovered(p);
		if
		:: (fl & DONE) && s[p].done < ep -> s[p].done = ep
		:: else
		fi;
		if
		:: at_once -> maybe_promote(p)
		:: else
		fi;
		if
		:: !ANSWERS(fl) || !ANSWERED_IN(p, ep) -> break
		:: else
		fi;
		fl = (s[p].tx == ep -> SENDING : 0) + TELL(p, ep)
	:: else -> break
	od
}

/* Side q: the program reads, the worker wipes, the timers fire. */
inline timers()
{
	ep = s[q].rxlo;
	do
	:: ep <= s[q].newest ->
		if
		:: s[q].ring & (1 << ep) -> open_ring(q, ep)
		:: else
		fi;
		ep++
	:: else -> break
	od;
	maybe_recovered(q);
	do
	:: LINGERS(q) -> wipe_rx(q)
	:: else -> break
	od;
	s[q].pend = 0;
	maybe_promote(q);
	if
	:: WAITS(q) && BY_DEADLINE(q) -> promote(q, s[q].newest)
	:: else
	fi;
	if
	:: UNSURE(q) -> question()
	:: else
	fi
}

/* SEALED gets from I to R, and the answer back. */
#ifdef LOSSES
#define RELAYED \
	(SENDS(I) && REACHES(I, s[I].tx) && SENDS(R) && REACHES(R, s[R].tx))
#else
#define RELAYED	1
#endif

inline exchange()
{
	if	/* SEALED is unanswered, or a seed over CTRL would be refused */
	:: inflight && (chainid[inflight] == FRESH -> !MAY_FRESH(I, inflight) :
						      !RELAYED) ->
		end_claim()
	:: else
	fi;
	if
	:: !inflight && !s[I].pend && !KEYS(I) && (due || EMPTY(I)) ->
		claim(FRESH)
	:: else ->
	if
	:: due && MAY_CLAIM && SETTLED(I) && RELAYED -> claim(s[I].chain)
	:: else ->
	if
	:: !inflight && !s[I].pend && KEYS(I) && (due || EMPTY(R)) &&
	   !RELAYED && !CAN_ANSWER(I) ->
		silence(I, 1);
		claim(FRESH)
	:: else
	fi fi fi;
	if
	:: inflight && chainid[inflight] == FRESH && KEYS(R) &&
	   inflight > lastx && !CAN_ANSWER(R) ->
		silence(R, inflight)
	:: else
	fi;
	if
	:: inflight ->
		anew = 0;
		carrier = (chainid[inflight] == FRESH);
		r_request(inflight);
		if
		:: anew -> i_anew()
		:: else
		fi
	:: else
	fi;
	if	/* R was heard, and refuses the exchange */
	:: inflight && chainid[inflight] == FRESH && inflight != lastx ->
		end_claim()
	:: else
	fi;
	if
	:: answer ->
		r_answer();
		if
		:: inflight && inflight == lastx ->
			sd = seeds;
			i_response(sd)
		:: else
		fi
	:: else
	fi
}

inline forget(k)
{
	s[k].newest = 0; s[k].tx = 0; s[k].txlo = 0; s[k].rxlo = 0;
	s[k].obs = 0; s[k].saw = 0; s[k].done = 0; s[k].ring = 0;
	s[k].closed = 0; s[k].pend = 0; s[k].used = 0; s[k].fresh = 0;
	s[k].floor = 0; s[k].chain = 0; s[k].before = 0; s[k].silent = 0;
	s[k].quiet = 0; latedata[k] = 0; lateprobe[k] = 0; latedone[k] = 0;
	ep = 0;
	do
	:: ep < NE -> s[k].root[ep] = 0; ep++
	:: else -> break
	od
}

#ifndef NO_RECOVERY
/* at_once: check for promotion when a packet arrives, not only by timers. */
proctype recovery(bool at_once)
{
	do
	:: d_step {
		true ->
		printf("nothing is lost from here on\n");
		phase = 0;
		rounds = 0;
		do
		:: phase < 2 && rounds < ROUNDS && !(IN_STEP && OLD_GONE) ->
			rounds++;
			q = I;
			do
			:: q <= R -> timers(); q++
			:: else -> break
			od;
			exchange()
		:: phase < 2 && IN_STEP && OLD_GONE ->
			printf("both rest in epoch %d\n", s[I].newest);
			phase++;
			rounds = 0;
			due = 1
		:: else -> break
		od;
		if
		:: phase == 2
		:: phase < 2 && IN_STEP && !OLD_GONE -> BROKEN(old_key_stays)
		:: else -> BROKEN(never_same_epoch_again)
		fi;
		/* Back to the initial state, whose successors are known. */
		q = I;
		do
		:: q <= R -> forget(q); q++
		:: else -> break
		od;
		w = 0;
		do
		:: w < NSEEDS ->
			asked[w] = 0; source[w] = 0;
			chainid[w] = 0; mixed[w] = 0; w++
		:: else -> break
		od;
		nextx = 0; inflight = 0; due = 0;
		lastx = 0; seeds = 0; cached = 0; answer = 0;
		responses = 0; anew = 0; mayfresh = 0; losses = 0
#ifdef SLOW_AGENT
		; work = 0; oldwork = 0
#endif
	}
	od
}
#endif

#ifdef REACH
#ifdef LOSSES
#define ALL_LOST	(losses == LOSSES)
#else
#define ALL_LOST	1
#endif

proctype end_of_all()
{
	d_step {
		IN_STEP && OLD_GONE && s[I].newest == EPOCHS && seeds == XCH &&
		ALL_LOST ->
		BROKEN(reached_the_end)
	}
}
#endif

/* The program of side k, and the timers and the worker of its kernel. */
proctype kernel(byte k)
{
	do
	:: d_step { SENDS(k) ->
		printf("%c sends data in epoch %d, root %d\n", NAME(k),
		       s[k].tx, s[k].root[s[k].tx]);
		seal(k, s[k].tx); skip }
	:: d_step { UNSURE(k) ->
		printf("%c sends CONFIRM in epoch %d, root %d\n", NAME(k),
		       s[k].newest, s[k].root[s[k].newest]);
		seal(k, s[k].newest); skip }
	:: d_step { s[k].pend ->
		printf("%c takes epoch %d\n", NAME(k), s[k].newest);
		s[k].pend = 0;
		if	/* no other keys to send with: promote at once */
		:: k == I && !SENDS(k) -> promote(k, s[k].newest)
		:: else
		fi }
	:: d_step { FOLLOWS(k) -> promote(k, s[k].obs); skip }
	:: d_step { WAITS(k) && BY_DEADLINE(k) ->
		promote(k, s[k].newest); skip }
	:: d_step { LINGERS(k) && !s[k].closed ->
		printf("%c: epoch %d has lingered\n", NAME(k), s[k].rxlo);
		s[k].closed = 1 }
	:: d_step { s[k].closed ->
		printf("%c wipes the RX key of epoch %d\n", NAME(k), s[k].rxlo);
		wipe_rx(k); skip }
	od
}

#ifdef LOSSES
#define IF_LATE(m, k, e)	(TAKES(k, e) && LATE(m, k, e))
#else
#define IF_LATE(m, k, e)	0
#endif

/* Packets of epoch e that arrive at side k, and the reader of its queue. */
proctype packets(byte k; byte e)
{
	do
	:: d_step { (ON_ITS_WAY(k, e) || IF_LATE(latedata, k, e)) &&
		    !(s[k].ring & (1 << e)) ->
		printf("%c gets data in epoch %d\n", NAME(k), e);
		if
		:: IF_LATE(latedata, k, e)
		:: else -> must_take(k, e)
		fi;
		s[k].ring = s[k].ring | (TAKES(k, e) -> 1 << e : 0) }
	:: d_step { s[k].ring & (1 << e) ->
		printf("%c reads data of epoch %d\n", NAME(k), e);
		open_ring(k, e);
		maybe_recovered(k) }
	:: d_step { (ON_ITS_WAY(k, e) || IF_LATE(latedata, k, e)) &&
		    s[k].saw < e ->
		printf("%c gets SENDING in epoch %d\n", NAME(k), e);
		if
		:: IF_LATE(latedata, k, e)
		:: else -> must_take(k, e)
		fi;
		if
		:: TAKES(k, e) ->
			authentic(k, e, 1);
			maybe_recovered(k)
		:: else
		fi }
	:: d_step { (PROBED(k, e) || IF_LATE(lateprobe, k, e)) &&
		    TAKES(k, e) && s[k].obs < e ->
		printf("%c gets CONFIRM in epoch %d\n", NAME(k), e);
		authentic(k, e, 0);
		maybe_recovered(k) }
	:: d_step { (TOLD(k, e) || IF_LATE(latedone, k, e)) &&
		    TAKES(k, e) && s[k].done < e ->
		printf("%c gets DONE in epoch %d\n", NAME(k), e);
		authentic(k, e, 0);
		s[k].done = e;
		maybe_recovered(k) }
#ifdef LOSSES
	:: d_step { (s[k].quiet || s[k].silent || (k == I && mayfresh)) &&
		    TAKES(k, e) &&
		    (PROBED(k, e) || LATE(lateprobe, k, e)) ->
		printf("%c hears the peer in epoch %d\n", NAME(k), e);
		heard(k); skip }
#endif
	od
}

/* Spontaneous actions of the agents, and their deaths. */
proctype agents()
{
	do
	:: d_step { MAY_CLAIM && nextx < XCH &&
		    s[I].newest < EPOCHS -> claim(s[I].chain); skip }
	:: d_step { inflight ->
		printf("I gives up exchange %d, or its agent dies\n", inflight);
		end_claim(); skip }
	:: d_step { anew -> i_anew(); skip }
	:: d_step { answer -> r_answer(); skip }
	:: d_step { answer || cached ->
		printf("R's agent dies\n");
		answer = 0;
		cached = 0 }
	od
}

#ifdef NO_QUESTION
#define ASKS	0
#define CLAIMS_FRESH	1
#else
#define ASKS	1
#define CLAIMS_FRESH	(!KEYS(I) || s[I].silent)
#endif

#ifdef LOSSES
/* Losses of keys, questions and fresh claims. */
proctype keyless()
{
	do
	:: d_step { losses < LOSSES && !EMPTY(I) ->
		printf("I loses all keys\n");
		losses++;
		lose_keys(I) }
	:: d_step { losses < LOSSES && !EMPTY(R) ->
		printf("R loses all keys\n");
		losses++;
		lose_keys(R) }
	:: d_step { !inflight && !s[I].pend && nextx < XCH &&
		    s[I].newest < EPOCHS && CLAIMS_FRESH -> claim(FRESH); skip }
	:: d_step { ASKS && !inflight && !s[I].pend && nextx < XCH &&
		    s[I].newest < EPOCHS && KEYS(I) && !s[I].silent &&
		    MAY_BE_SILENT(I) ->
		thief_asks(I, 1) }
	od
}

/* The thief begins an exchange with R, or poses to I as R without keys. */
proctype thieves()
{
	do
	:: d_step { ASKS && KEYS(R) && s[R].silent != THIEF && MAY_BE_SILENT(R) ->
		thief_asks(R, THIEF) }
	:: d_step { KEYS(R) && PERMITTED(R, THIEF) && !s[R].quiet ->
		printf("R parks the thief's seed\n");
		thief(R) }
	:: d_step { inflight && chainid[inflight] == FRESH && KEYS(I) &&
		    PERMITTED(I, inflight) && !s[I].quiet ->
		printf("I parks the thief's seed\n");
		thief(I) }
	od
}
#endif

/* A request for a fresh seed, over CTRL. */
#ifdef NO_CHAIN_ID
#define FRESH_REQUEST(x)	1
#else
#define FRESH_REQUEST(x)	(chainid[x] == FRESH)
#endif

/* Exchange x, or seed x, arrives at the other agent. */
inline arrives(x)
{
#ifdef SLOW_AGENT
	work = x;
	oldwork = 0
#else
	r_request(x)
#endif
}

#ifdef SLOW_AGENT
#define IDLE	(!work)

proctype maker()
{
	do
	:: d_step { work ->
		if
#ifndef NO_GENERATION
		:: oldwork -> printf("R refuses a seed of before\n")
#endif
		:: else ->
			sd = seeds;
			carrier = (chainid[work] == FRESH);
			r_request(work);
			if
			:: oldwork && sd != seeds ->
				BROKEN(seed_older_than_the_loss)
			:: else
			fi
		fi;
		work = 0;
		oldwork = 0 }
	od
}
#else
#define IDLE	1
#endif

proctype messages(byte x)
{
	do
	:: d_step { x <= nextx && !answer && NEW_SEEDS && IDLE ->
		printf("R gets request %d\n", x);
		carrier = (chainid[x] == FRESH);
		arrives(x); skip }
	:: d_step { (responses & (1 << x)) && CLAIMED(source[x]) ->
		printf("I gets the response with seed %d\n", x);
		carrier = (chainid[source[x]] == FRESH);
		i_response(x); skip }
#ifdef LOSSES
	:: d_step { ASKS && 0 < x && x <= nextx && FRESH_REQUEST(x) && KEYS(R) &&
		    NEWER(x) && (NEXT(x) || AGAIN(x)) && s[R].silent != x &&
		    MAY_BE_SILENT(R) ->
		silence(R, x) }
#endif
#ifdef NO_CHAIN_ID
	/* The same request over the other carrier. */
	:: d_step { x <= nextx && !answer && NEW_SEEDS ->
		printf("R gets request %d over the other carrier\n", x);
		carrier = (chainid[x] != FRESH);
		arrives(x); skip }
#endif
	od
}

init {
	byte i;

	atomic {
		run kernel(I);
		run kernel(R);
		run agents();
#ifdef LOSSES
		run keyless();
#ifdef THIEVES
		run thieves();
#endif
#endif
#ifdef SLOW_AGENT
		run maker();
#endif
#ifndef NO_RECOVERY
		run recovery(0);
		run recovery(1);
#endif
#ifdef REACH
		run end_of_all();
#endif
		i = 0;
		do
		:: i <= EPOCHS ->
			run packets(I, i);
			run packets(R, i);
			i++
		:: else -> break
		od;
		i = 1;
		do
		:: i <= XCH -> run messages(i); i++
		:: else -> break
		od;
		i = 0
	}
}
