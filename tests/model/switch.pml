/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/*
 * Model of the two-sided epoch switch, for spin. Documentation/switch-model.md
 * says what stands for what, the bounds, and what is left out.
 *
 * Sizes:
 *   EPOCHS  re-keys
 *   XCH     exchange numbers
 *   SLOTS   RX slots of a side
 * Rules taken out or changed:
 *   NO_DONE      CONFIRM has no DONE, and nothing waits for it
 *   NO_GATE      DONE is there, but the next seed does not wait for it
 *   NO_EXCHANGE  the kernels compare no exchange numbers
 *   R_DEADLINE   the responder promotes at the grace deadline too
 *   DONE_ALWAYS  not only an answer carries DONE
 *   NEW_ONLY     a CONFIRM of an older epoch is not answered
 *   EARLY_END    linger begins at the first packet in the new epoch of any kind
 *   NO_WORKER    nobody opens what is queued before a key is wiped
 *   NO_REFUSAL   the initiator's kernel takes a seed it has no claim for
 * For the search:
 *   NO_RECOVERY  does not check that every state can recover, to see what else
 *                a weakened model breaks
 *   SHORTEST     breadth first, for a short counterexample
 *   REACH        fails when all epochs and exchange numbers were used and both
 *                sides rest: shows that the model gets there
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

/* The recovery adds an epoch, and may need this many rounds of timers for it. */
#define NE	(EPOCHS + 2)
#define NSEEDS	(XCH + 4)
#define ROUNDS	10
#define HOPS	8	/* CONFIRMs that one question may set off */

#define I	0
#define R	1
#define PEER(k)	(1 - (k))
#define NAME(k)	('I' + 9 * (k))

/* Flags of CONFIRM. No rule reads SEEN, so it is left out. */
#define SENDING	1
#define DONE	2

/* The properties; the name of a broken one is in spin's message. */
bool key_used_past_its_life;
bool nonce_reused;
bool never_same_epoch_again;
bool old_key_stays;
bool seeds_differ;
bool undecryptable;
#ifdef REACH
bool reached_the_end;
#endif

#define BROKEN(p)	p = true; assert(!p)

/* One end of the flow in its kernel. A key is named by epoch and seed. */
typedef side {
	byte newest;	/* epoch parked last */
	byte tx;	/* epoch of DATA and SEALED */
	byte txlo;	/* TX keys are held for txlo..newest */
	byte rxlo;	/* RX keys are held for rxlo..newest */
	byte obs;	/* newest epoch a packet of the peer authenticated in */
	byte saw;	/* newest epoch with DATA or SENDING of the peer */
	byte done;	/* newest epoch with DONE of the peer */
	byte ring;	/* bit e: ciphertext of epoch e waits for its reader */
	bool closed;	/* the key of rxlo takes no packet and will be wiped */
	bool pend;	/* the newest epoch is not taken yet */
	byte seed[NE];
	short used	/* ghost: bit of every seed that ever made keys here */
};
side s[2];

/* The initiator's kernel; its agent needs no more than this. */
byte nextx;	/* exchange number given out last */
byte inflight;	/* exchange that is claimed, 0 for none */
bool due;	/* a claim was made, no seed came of it yet */

/* The responder's kernel and agent. */
byte lastx;	/* exchange number of the seed parked last */
byte seeds;	/* seeds made so far; its number is a seed's identity */
bool cached;	/* the agent still knows its answer to lastx */
bool answer;	/* the agent has parked and not answered yet */

/*
 * The agents' messages that were ever sent. Each may arrive at any time from
 * then on, in any order, once, often or never. The request of an exchange is
 * on its way from the claim on: an agent that dies before it sends is as good
 * as one whose message is lost.
 */
short responses;	/* bit sd: response with seed sd */
bool anew;		/* "start anew", for the exchange in flight */
byte asked[NSEEDS];	/* by exchange number: the epoch asked for */
byte source[NSEEDS];	/* by seed: the exchange that made it */

/*
 * Scratch of the atomic steps, no part of the state; spin cannot leave it out
 * of a state when it searches breadth first.
 */
#ifdef SHORTEST
#define hidden
#endif
hidden byte q, p, ep, w, sd, fl, hops, rounds, phase;

#define HAS_TX(k, e)	(s[k].txlo <= (e) && (e) <= s[k].newest)
#define HAS_RX(k, e)	(s[k].rxlo <= (e) && (e) <= s[k].newest)
/* An RX key that takes new packets; the key the peer has, too? */
#define TAKES(k, e)	(HAS_RX(k, e) && !(s[k].closed && (e) == s[k].rxlo))
#define MATCH(e)	(s[I].seed[e] == s[R].seed[e])
#define TAKEN(k, e)	((e) < s[k].newest || ((e) == s[k].newest && !s[k].pend))

/* Keys. */

/* Side k seals something in epoch e. */
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

/* A packet of the peer authenticated in epoch e, or was even its data. */
inline authentic(k, e, data)
{
	if
	:: s[k].obs < e -> s[k].obs = e
	:: else
	fi;
	if
	:: (data) && s[k].saw < e -> s[k].saw = e
	:: else
	fi
}

/* A reader or the worker opens what waits in the ring under epoch e. */
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

/* The worker: open what is queued, then wipe the oldest RX key. */
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

/* New key objects; their counters start at 0. */
inline make_keys(k, e, sd)
{
	if
	:: s[k].used & (1 << (sd)) -> BROKEN(nonce_reused)
	:: else
	fi;
	s[k].used = s[k].used | (1 << (sd));
	s[k].seed[e] = sd;
	s[k].newest = e;
	s[k].pend = 1
}

inline park(k, e, sd)
{
	printf("%c parks epoch %d with seed %d\n", NAME(k), e, sd);
	if
	:: s[k].rxlo + SLOTS <= e ->
		printf("%c: its slot was that of epoch %d, which is wiped\n",
		       NAME(k), s[k].rxlo);
		wipe_rx(k)
	:: else
	fi;
	make_keys(k, e, sd)
}

#ifdef R_DEADLINE
#define BY_DEADLINE(k)	1
#else
#define BY_DEADLINE(k)	((k) == I)
#endif
#define WAITS(k)	(!s[k].pend && s[k].tx < s[k].newest)
#define OBSERVED(k)	(s[k].obs == s[k].newest)

/* DATA goes into the new epoch; the older TX keys are wiped. */
inline promote(k)
{
	printf("%c promotes: it sends in epoch %d\n", NAME(k), s[k].newest);
	s[k].tx = s[k].newest;
	s[k].txlo = s[k].newest
}

/* CONFIRM: who asks, what an answer tells, what is answered. */

#ifdef NO_DONE
#define UNSURE(k)	(!s[k].pend && s[k].saw < s[k].newest)
#define TELL(k, e)	0
#define ANSWERS(f)	(!((f) & SENDING))
#else
#define UNSURE(k)	(!s[k].pend && s[k].done < s[k].newest)
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
 * Packets have no state: what a side may have sent in an epoch follows from
 * its state, and may arrive at any time, in any order, often or never, until
 * the receiver's linger of that epoch is over. After that only what the sender
 * still sends in the epoch arrives.
 */
#define ON_ITS_WAY(k, e) \
	((e) <= s[PEER(k)].tx && \
	 ((e) == s[PEER(k)].tx || (e) > s[k].rxlo || \
	  ((e) == s[k].rxlo && !s[k].closed)))
/* A CONFIRM of a side that does not send in e: taken, or in answer. */
#define PROBED(k, e) \
	((e) <= s[PEER(k)].newest && (TAKEN(PEER(k), e) || TAKEN(k, e)))
/* The peer answered a question of k with DONE. */
#ifdef NO_DONE
#define TOLD(k, e)	0
#else
#define TOLD(k, e) \
	(TAKEN(k, e) && (e) <= s[PEER(k)].newest && s[PEER(k)].saw >= (e))
#endif

inline must_take(k, e)
{
	if
	:: !TAKES(k, e) || !MATCH(e) ->
		printf("%c cannot open a packet of epoch %d\n", NAME(k), e);
		BROKEN(undecryptable)
	:: else
	fi
}

/* The agents. */

/*
 * The newest epoch is DONE or lost: promoted, but not DONE for a time. So it
 * is promoted in any case; the timer of "lost" may be of any length.
 */
#define MAY_CLAIM	(!inflight && !s[I].pend && s[I].tx == s[I].newest)

inline claim()
{
	nextx++;
	inflight = nextx;
	asked[nextx] = s[I].newest + 1;
	due = 1;
	printf("I claims epoch %d, exchange %d\n", asked[nextx], nextx)
}

#ifdef NO_REFUSAL
#define CLAIMED(x)	1
#else
#define CLAIMED(x)	((x) == inflight && asked[x] == s[I].newest + 1)
#endif

/* The initiator's agent gets a response, seed sd: store_pending. */
inline i_response(from)
{
	if
	:: CLAIMED(source[from]) ->
		park(I, asked[source[from]], from);
		inflight = 0;
		anew = 0;
		due = 0
	:: else	/* not claimed, or no more: refused */
	fi
}

/* One for an exchange that is parked or given up is ignored. */
inline i_anew()
{
	printf("I is told to start exchange %d anew\n", inflight);
	inflight = 0;
	anew = 0
}

/* An agent that has its answer knows a repeated request in any case. */
#ifdef NO_EXCHANGE
#define REPEATED(x)	(cached && (x) == lastx)
#define NEWER(x)	1
#define NEW_SEEDS	(seeds < XCH)
#else
#define REPEATED(x)	((x) == lastx)
#define NEWER(x)	((x) > lastx)
#define NEW_SEEDS	1
#endif

inline r_stored(x)
{
	source[seeds] = x;
	lastx = x;
	cached = 1;
	answer = 1
}

/* The responder's agent gets a request: a new seed, store_pending. */
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
	:: NEWER(x) && asked[x] == s[R].newest + 1 && SETTLED(R) ->
		seeds++;
		park(R, asked[x], seeds);
		r_stored(x)
	:: else ->
	if
	:: NEWER(x) && asked[x] == s[R].newest && !OBSERVED(R) ->
		seeds++;
		printf("R parks epoch %d with seed %d in place of %d\n",
		       asked[x], seeds, s[R].seed[asked[x]]);
		if	/* something of the peer waits under the old key? */
		:: s[R].ring & (1 << asked[x]) -> BROKEN(undecryptable)
		:: else
		fi;
		make_keys(R, asked[x], seeds);
		r_stored(x)
	:: else	/* stale, wrong epoch, or EBUSY: refused */
	fi fi fi
}

inline r_answer()
{
	printf("R answers exchange %d with seed %d\n", lastx,
	       s[R].seed[s[R].newest]);
	responses = responses | (1 << s[R].seed[s[R].newest]);
	answer = 0
}

/*
 * "Never the same epoch again": from any state the recovery loses what is on
 * its way, then lets every timer fire and loses nothing more, and looks if
 * both sides come to rest in one epoch and leave the older ones; then it does
 * one more re-key. All it does the model can do too, so it is a way out of that state.
 */
#ifdef NO_DONE
#define REST(k)	(s[k].tx == s[k].newest)
#else
#define REST(k)	(s[k].tx == s[k].newest && s[k].done == s[k].newest)
#endif
#define IN_STEP \
	(s[I].newest == s[R].newest && MATCH(s[I].newest) && \
	 REST(I) && REST(R) && !due && !answer)
/* The linger of older RX keys has begun. */
#define OLD_GONE	(s[I].saw == s[I].newest && s[R].saw == s[R].newest)

inline maybe_promote(k)
{
	if
	:: WAITS(k) && OBSERVED(k) -> promote(k)
	:: else
	fi
}

/* Side q asks in epoch e; answers go to and fro until none is due. */
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
			:: fl & SENDING -> BROKEN(undecryptable)
			:: else
			fi;
			break
		:: else
		fi;
		authentic(p, ep, fl & SENDING);
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

/* The program reads, the worker wipes, the timers of side q fire. */
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
	do
	:: LINGERS(q) -> wipe_rx(q)
	:: else -> break
	od;
	s[q].pend = 0;
	maybe_promote(q);
	if
	:: WAITS(q) && BY_DEADLINE(q) -> promote(q)
	:: else
	fi;
	if
	:: UNSURE(q) -> question()
	:: else
	fi
}

inline exchange()
{
	if
	:: due && MAY_CLAIM && SETTLED(I) -> claim()
	:: else
	fi;
	if
	:: inflight ->
		anew = 0;
		r_request(inflight);
		if
		:: anew -> i_anew()
		:: else
		fi
	:: else
	fi;
	if
	:: answer ->
		r_answer();
		if
		:: inflight && inflight == lastx ->
			sd = s[R].seed[s[R].newest];
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
	s[k].closed = 0; s[k].pend = 0; s[k].used = 0;
	ep = 0;
	do
	:: ep < NE -> s[k].seed[ep] = 0; ep++
	:: else -> break
	od
}

#ifndef NO_RECOVERY
/* at_once: promotion is looked at when a packet arrives, not only by timers. */
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
		/* Back to the first state: what follows is known. */
		q = I;
		do
		:: q <= R -> forget(q); q++
		:: else -> break
		od;
		w = 0;
		do
		:: w < NSEEDS -> asked[w] = 0; source[w] = 0; w++
		:: else -> break
		od;
		nextx = 0; inflight = 0; due = 0;
		lastx = 0; seeds = 0; cached = 0; answer = 0;
		responses = 0; anew = 0
	}
	od
}
#endif

#ifdef REACH
proctype end_of_all()
{
	d_step {
		IN_STEP && OLD_GONE && s[I].newest == EPOCHS && seeds == XCH ->
		BROKEN(reached_the_end)
	}
}
#endif

/* The program of side k, and the timers and the worker of its kernel. */
proctype kernel(byte k)
{
	do
	:: d_step { true ->
		printf("%c sends data in epoch %d, seed %d\n", NAME(k),
		       s[k].tx, s[k].seed[s[k].tx]);
		seal(k, s[k].tx); skip }
	:: d_step { UNSURE(k) ->
		printf("%c sends CONFIRM in epoch %d, seed %d\n", NAME(k),
		       s[k].newest, s[k].seed[s[k].newest]);
		seal(k, s[k].newest); skip }
	:: d_step { s[k].pend ->
		printf("%c takes epoch %d\n", NAME(k), s[k].newest);
		s[k].pend = 0 }
	:: d_step { WAITS(k) && (OBSERVED(k) || BY_DEADLINE(k)) ->
		promote(k); skip }
	:: d_step { LINGERS(k) && !s[k].closed ->
		printf("%c: epoch %d has lingered\n", NAME(k), s[k].rxlo);
		s[k].closed = 1 }
	:: d_step { s[k].closed ->
		printf("%c wipes the RX key of epoch %d\n", NAME(k), s[k].rxlo);
		wipe_rx(k); skip }
	od
}

/* Packets of epoch e that arrive at side k, and the reader of its ring. */
proctype packets(byte k; byte e)
{
	do
	:: d_step { ON_ITS_WAY(k, e) && !(s[k].ring & (1 << e)) ->
		printf("%c gets data in epoch %d\n", NAME(k), e);
		must_take(k, e);
		s[k].ring = s[k].ring | (1 << e) }
	:: d_step { s[k].ring & (1 << e) ->
		printf("%c reads data of epoch %d\n", NAME(k), e);
		open_ring(k, e); skip }
	:: d_step { ON_ITS_WAY(k, e) && s[k].saw < e ->
		printf("%c gets SENDING in epoch %d\n", NAME(k), e);
		must_take(k, e);
		authentic(k, e, 1); skip }
	:: d_step { PROBED(k, e) && TAKES(k, e) && MATCH(e) && s[k].obs < e ->
		printf("%c gets CONFIRM in epoch %d\n", NAME(k), e);
		s[k].obs = e }
	:: d_step { TOLD(k, e) && TAKES(k, e) && MATCH(e) && s[k].done < e ->
		printf("%c gets DONE in epoch %d\n", NAME(k), e);
		authentic(k, e, 0);
		s[k].done = e }
	od
}

/* What the agents do by themselves, and their deaths. */
proctype agents()
{
	do
	:: d_step { MAY_CLAIM && nextx < XCH &&
		    s[I].newest < EPOCHS -> claim(); skip }
	:: d_step { inflight ->
		printf("I gives up exchange %d, or its agent dies\n", inflight);
		inflight = 0;
		anew = 0 }
	:: d_step { anew -> i_anew(); skip }
	:: d_step { answer -> r_answer(); skip }
	:: d_step { answer || cached ->
		printf("R's agent dies\n");
		answer = 0;
		cached = 0 }
	od
}

/* Exchange x, or seed x, arrives at the other agent. */
proctype messages(byte x)
{
	do
	:: d_step { x <= nextx && !answer && NEW_SEEDS ->
		printf("R gets request %d\n", x);
		r_request(x); skip }
	:: d_step { (responses & (1 << x)) && CLAIMED(source[x]) ->
		printf("I gets the response with seed %d\n", x);
		i_response(x); skip }
	od
}

init {
	byte i;

	atomic {
		run kernel(I);
		run kernel(R);
		run agents();
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
