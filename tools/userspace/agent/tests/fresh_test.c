// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Fresh seeds: the key exchange of the allocation, stored with the flow. */

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <openssl/obj_mac.h>

#include "world.h"

/* Write or remove enc.conf of the name at a side. */
static void enc_conf(const char *dir, const char *text)
{
	char path[200];

	snprintf(path, sizeof(path), "%s/%s/" BOB, top, dir);
	if (text) {
		test_file(path, "enc.conf", text);
		return;
	}
	strcat(path, "/enc.conf");
	unlink(path);
}

static struct blob blob_of(const struct fake_flow *f)
{
	struct blob blob;

	assert_true(binding_blob_read(&blob, f->f.blob, f->f.blob_len));
	return blob;
}

/* Store the number of a key exchange with a flow; 0: as older releases did. */
static void store_kex(struct fake_flow *f, uint16_t kex)
{
	struct blob blob = blob_of(f);

	blob.kex = kex;
	f->f.blob_len = binding_blob_write(&blob, f->f.blob);
	if (kex)
		return;
	f->f.blob[0] = 1;	/* version without the number */
	memmove(f->f.blob + 40, f->f.blob + 42, f->f.blob_len - 42);
	f->f.blob_len -= 2;
	assert_int_equal(blob_of(f).kex, 0);
}

/* A flow with a strong key exchange, which enc.conf then gives up. */
static struct fake_flow *strong_flow(void)
{
	struct fake_flow *f;

	creds(ALICE, &ca, BOB, &ca);
	enc_conf("alice/client", "kex = secp521r1\n");
	start("", "");
	f = alloc(BOB, 0);
	run_for(1000);
	assert_int_equal(blob_of(f).kex, NID_secp521r1);
	assert_int_equal(blob_of(peer_of(f)).kex, NID_secp521r1);
	enc_conf("alice/client", NULL);
	return f;
}

/* Both sides lose the keys, and alice begins an exchange. */
static void lose_keys(struct fake_flow *f)
{
	alice.no_keys = true;
	bob.no_keys = true;
	claim(f);
	run_for(4000);
}

/*
 * A fresh seed is not mixed with the keys before it, so a weaker key exchange
 * would make the whole flow weaker: alice uses that of the allocation.
 */
static void a_fresh_seed_uses_the_key_exchange_of_the_allocation(void **state)
{
	struct fake_flow *f;

	(void)state;
	f = strong_flow();
	lose_keys(f);
	assert_int_equal(f->f.newest_epoch, 1);
	check_same(f);
	assert_int_equal(bob.e->record.by[REKEY_REFUSED].count, 0);
	alice.no_keys = false;
	bob.no_keys = false;
	claim(f);		/* mixed with the chain: as enc.conf says */
	run_for(1000);
	assert_int_equal(f->f.newest_epoch, 2);
	check_same(f);
}

/* An initiator that stored nothing follows enc.conf; the responder refuses. */
static void a_fresh_seed_of_a_weaker_key_exchange_is_refused(void **state)
{
	struct fake_flow *f;

	(void)state;
	f = strong_flow();
	store_kex(f, 0);
	lose_keys(f);
	assert_int_equal(f->f.newest_epoch, 0);
	assert_int_equal(bob.seeds, 0);
	assert_true(allocated(f));
	assert_int_equal(lines_with("X25519 is weaker than secp521r1, with which the flow was allocated: set that kex in the initiator's enc.conf"),
			 2);
	enc_conf("alice/client", "kex = X25519MLKEM768\n");
	if (OPENSSL_VERSION_NUMBER < 0x30500000L)
		enc_conf("alice/client", "kex = secp521r1\n");
	claim(f);
	run_for(4000);
	assert_int_equal(f->f.newest_epoch, 1);
	check_same(f);
}

/* A blob without a key exchange, of an older release, requires none. */
static void a_flow_of_an_older_release_recovers_as_before(void **state)
{
	struct fake_flow *f;

	(void)state;
	f = strong_flow();
	store_kex(f, 0);
	store_kex(peer_of(f), 0);
	lose_keys(f);
	assert_int_equal(f->f.newest_epoch, 1);
	check_same(f);
}

/* A later release may have stored a key exchange that is unknown here. */
static void an_unknown_key_exchange_of_the_allocation_is_not_weakened(void **state)
{
	struct fake_flow *f;

	(void)state;
	f = strong_flow();
	store_kex(f, 9999);
	alice.no_keys = true;
	claim(f);
	run_for(1000);
	assert_int_equal(alice.e->record.by[REKEY_FAILED].count, 1);
	store_kex(f, NID_secp521r1);
	store_kex(peer_of(f), 9999);
	claim(f);
	run_for(4000);
	assert_int_equal(lines_with("key exchange 9999, which this release does not know"),
			 2);
	assert_int_equal(f->f.newest_epoch, 0);
	assert_true(allocated(f));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_fresh_seed_uses_the_key_exchange_of_the_allocation),
		TEST(a_fresh_seed_of_a_weaker_key_exchange_is_refused),
		TEST(a_flow_of_an_older_release_recovers_as_before),
		TEST(an_unknown_key_exchange_of_the_allocation_is_not_weakened),
	};

	return WORLD_MAIN("fresh", tests);
}
