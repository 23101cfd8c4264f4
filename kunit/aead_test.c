// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/* Seal the packets of the test vectors byte for byte, open and forge them. */
#include <linux/bottom_half.h>
#include <linux/err.h>
#include <linux/ipcp_rekey_netlink.h>
#include <linux/unaligned.h>

#include "aead.h"
#include "keysched.h"
#include "test_util.h"
#include "vectors.h"
#include "wire.h"

static void describe_pdu(const struct pdu_vector *v, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%s type %u counter %llu",
		 v->cipher, v->type, v->counter);
}

KUNIT_ARRAY_PARAM(pdu, pdu_vectors, describe_pdu);

static u16 cipher_of(struct kunit *test, const char *name)
{
	if (!strcmp(name, "aes-128-gcm"))
		return IPCP_REKEY_CIPHER_AES_128_GCM;
	if (!strcmp(name, "aes-256-gcm"))
		return IPCP_REKEY_CIPHER_AES_256_GCM;
	KUNIT_ASSERT_STREQ(test, name, "chacha20-poly1305");
	return IPCP_REKEY_CIPHER_CHACHA20_POLY1305;
}

/* Derive the leaf key of a packet from the root seed. */
static struct ipcp_key leaf_key(struct kunit *test, const struct pdu_vector *v)
{
	struct ipcp_node_keys *nodes =
		kunit_kzalloc(test, sizeof(*nodes), GFP_KERNEL);
	struct ipcp_leaf_keys *leaves =
		kunit_kzalloc(test, sizeof(*leaves), GFP_KERNEL);
	unsigned int leaf = ipcp_ctr_leaf(v->counter);
	struct ipcp_keysched ks;
	struct ipcp_leaf_set ls;
	struct ipcp_root root;
	struct ipcp_key key;

	KUNIT_ASSERT_NOT_NULL(test, nodes);
	KUNIT_ASSERT_NOT_NULL(test, leaves);
	memcpy(&root, unhex_len(test, vector_root, sizeof(root)), sizeof(root));
	ipcp_keysched_init(&ks, nodes, &root);
	ipcp_leaf_set_init(&ls, leaves);
	KUNIT_ASSERT_TRUE(test, ipcp_keysched_peek(&ks, v->dir,
						   ipcp_leaf_node(leaf),
						   ls.keys));
	ipcp_leaf_set_fill(&ls, ipcp_leaf_node(leaf));
	ipcp_keysched_enter(&ks, v->dir, ipcp_leaf_node(leaf));
	KUNIT_ASSERT_TRUE(test, ipcp_leaf_take(&ls, ipcp_leaf_index(leaf),
					       &key));
	return key;
}

static void free_aead(void *aead)
{
	ipcp_aead_free(aead);
}

static struct ipcp_aead *new_aead(struct kunit *test, const struct pdu_vector *v)
{
	struct ipcp_aead *aead = kunit_kzalloc(test, sizeof(*aead), GFP_KERNEL);
	struct ipcp_key key = leaf_key(test, v);

	KUNIT_ASSERT_NOT_NULL(test, aead);
	KUNIT_ASSERT_EQ(test, ipcp_aead_init(aead, cipher_of(test, v->cipher)),
			0);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, free_aead, aead),
			0);
	KUNIT_ASSERT_EQ(test, ipcp_aead_setkey(aead, &key), 0);
	KUNIT_EXPECT_TRUE(test, wiped(&key, sizeof(key)));
	return aead;
}

static void sealing_gives_the_packets_of_the_vectors(struct kunit *test)
{
	const struct pdu_vector *v = test->param_value;
	const struct ipcp_hdr hdr = { v->type, v->epoch, v->counter, v->eid };
	struct ipcp_aead *aead = new_aead(test, v);
	unsigned int len = strlen(v->bytes) / 2;
	unsigned int plain = len - IPCP_OVERHEAD;
	u8 *pkt = kunit_kzalloc(test, len, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, pkt);
	ipcp_wire_build(pkt, &hdr);
	memcpy(pkt + IPCP_HDR_LEN, unhex_len(test, v->plain, plain), plain);

	KUNIT_ASSERT_EQ(test, ipcp_aead_seal(aead, pkt, plain, v->counter), 0);
	KUNIT_EXPECT_MEMEQ(test, pkt, unhex_len(test, v->bytes, len), len);
}

static int open_packet(struct ipcp_aead *aead, u8 *pkt, unsigned int len,
		       u64 counter)
{
	return ipcp_aead_open(aead, pkt, pkt, len - IPCP_HDR_LEN, counter);
}

static void the_packets_of_the_vectors_open(struct kunit *test)
{
	const struct pdu_vector *v = test->param_value;
	struct ipcp_aead *aead = new_aead(test, v);
	unsigned int len = strlen(v->bytes) / 2;
	unsigned int plain = len - IPCP_OVERHEAD;
	u8 *pkt = unhex_len(test, v->bytes, len);

	KUNIT_ASSERT_EQ(test, open_packet(aead, pkt, len, v->counter), 0);
	KUNIT_EXPECT_MEMEQ(test, pkt + IPCP_HDR_LEN,
			   unhex_len(test, v->plain, plain), plain);
}

static void opening_into_another_buffer_does_not_change_the_packet(struct kunit *test)
{
	const struct pdu_vector *v = test->param_value;
	struct ipcp_aead *aead = new_aead(test, v);
	unsigned int len = strlen(v->bytes) / 2;
	unsigned int plain = len - IPCP_OVERHEAD;
	u8 *pkt = unhex_len(test, v->bytes, len);
	u8 *out = kunit_kzalloc(test, len, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, out);
	KUNIT_ASSERT_EQ(test, ipcp_aead_open(aead, pkt, out, len - IPCP_HDR_LEN,
					     v->counter), 0);
	KUNIT_EXPECT_MEMEQ(test, out + IPCP_HDR_LEN,
			   unhex_len(test, v->plain, plain), plain);
	KUNIT_EXPECT_MEMEQ(test, pkt, unhex_len(test, v->bytes, len), len);
}

static void a_packet_changed_in_any_byte_does_not_open(struct kunit *test)
{
	const struct pdu_vector *v = test->param_value;
	struct ipcp_aead *aead = new_aead(test, v);
	unsigned int len = strlen(v->bytes) / 2;
	const u8 *good = unhex_len(test, v->bytes, len);
	u8 *pkt = kunit_kmalloc(test, len, GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, pkt);
	for (i = 0; i < len; i++) {
		memcpy(pkt, good, len);
		pkt[i] ^= 1 << i % 8;
		KUNIT_EXPECT_EQ_MSG(test,
				    open_packet(aead, pkt, len, v->counter),
				    -EBADMSG, "byte %u", i);
	}
	memcpy(pkt, good, len);
	KUNIT_EXPECT_EQ(test, open_packet(aead, pkt, len, v->counter ^ 1),
			-EBADMSG);
	memcpy(pkt, good, len);
	KUNIT_EXPECT_EQ(test, open_packet(aead, pkt, len, v->counter), 0);
}

/* The network stack sends and receives with bottom halves disabled. */
static void seal_and_open_work_with_bottom_halves_disabled(struct kunit *test)
{
	const struct pdu_vector *v = test->param_value;
	struct ipcp_aead *aead = new_aead(test, v);
	unsigned int len = strlen(v->bytes) / 2;
	unsigned int plain = len - IPCP_OVERHEAD;
	u8 *pkt = unhex_len(test, v->bytes, len);
	int opened, sealed;

	local_bh_disable();
	opened = open_packet(aead, pkt, len, v->counter);
	sealed = ipcp_aead_seal(aead, pkt, plain, v->counter);
	local_bh_enable();
	KUNIT_EXPECT_EQ(test, opened, 0);
	KUNIT_EXPECT_EQ(test, sealed, 0);
	KUNIT_EXPECT_MEMEQ(test, pkt, unhex_len(test, v->bytes, len), len);
}

static void a_packet_of_a_chained_epoch_opens(struct kunit *test)
{
	const struct chained_pdu_vector *v = &chained_pdu_vectors[0];
	unsigned int len = strlen(v->bytes) / 2, plain = len - IPCP_OVERHEAD;
	u8 *pkt = unhex_len(test, v->bytes, len);
	struct ipcp_aead aead;
	struct ipcp_key key;

	KUNIT_ASSERT_EQ(test, ipcp_ctr_leaf(v->counter), 0);
	KUNIT_ASSERT_EQ(test, v->dir, IPCP_DIR_INITIATOR);
	memcpy(&key, unhex_len(test, chain_vectors[v->epoch].leaf, sizeof(key)),
	       sizeof(key));
	KUNIT_ASSERT_EQ(test, ipcp_aead_init(&aead, cipher_of(test, v->cipher)),
			0);
	KUNIT_EXPECT_EQ(test, ipcp_aead_setkey(&aead, &key), 0);
	KUNIT_EXPECT_EQ(test, open_packet(&aead, pkt, len, v->counter), 0);
	KUNIT_EXPECT_MEMEQ(test, pkt + IPCP_HDR_LEN,
			   unhex_len(test, v->plain, plain), plain);
	ipcp_aead_free(&aead);
}

#define STACK_BELOW	2048

static noinline void fill_stack(void)
{
	u8 below[STACK_BELOW];

	memset(below, 0xa5, sizeof(below));
	barrier_data(below);
}

static noinline void leave_on_stack(const struct ipcp_key *key)
{
	u8 below[STACK_BELOW / 2];

	for (size_t i = 0; i + sizeof(*key) <= sizeof(below); i += sizeof(*key))
		memcpy(below + i, key, sizeof(*key));
	barrier_data(below);
}

/* Count the words of a key in the stack frames of functions that returned. */
static noinline unsigned int __no_sanitize_address
words_on_stack(const struct ipcp_key *key)
{
	const u32 *sp = __builtin_frame_address(0);
	unsigned int found = 0, i, word;

	/* below the frame of this function itself */
	for (i = 256 / sizeof(*sp); i < STACK_BELOW / sizeof(*sp); i++) {
		for (word = 0; word + 8 <= sizeof(*key); word += 4)
			found += get_unaligned((u64 *)(sp - i)) ==
				 get_unaligned((u64 *)(key->bytes + word));
	}
	return found;
}

static void a_packet_leaves_no_word_of_its_key_on_the_stack(struct kunit *test)
{
	const struct pdu_vector *v = test->param_value;
	struct ipcp_aead *aead = new_aead(test, v);
	const struct ipcp_key key = leaf_key(test, v);
	unsigned int len = strlen(v->bytes) / 2;
	unsigned int plain = len - IPCP_OVERHEAD;
	u8 *pkt = kunit_kzalloc(test, len, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, pkt);
	leave_on_stack(&key);
	KUNIT_ASSERT_GT(test, words_on_stack(&key), 0);
	fill_stack();
	KUNIT_EXPECT_EQ(test, words_on_stack(&key), 0);
	KUNIT_EXPECT_EQ(test, ipcp_aead_seal(aead, pkt, plain, v->counter), 0);
	KUNIT_EXPECT_EQ(test, words_on_stack(&key), 0);
	KUNIT_EXPECT_EQ(test, open_packet(aead, pkt, len, v->counter), 0);
	KUNIT_EXPECT_EQ(test, words_on_stack(&key), 0);
}

static void only_three_ciphers_are_known(struct kunit *test)
{
	u32 i, known = 0;

	for (i = 0; i < 0x20000; i++)
		known += ipcp_aead_known(i);
	KUNIT_EXPECT_EQ(test, known, 3);
	KUNIT_EXPECT_TRUE(test, ipcp_aead_known(895));
	KUNIT_EXPECT_TRUE(test, ipcp_aead_known(901));
	KUNIT_EXPECT_TRUE(test, ipcp_aead_known(1018));
}

static struct kunit_case aead_test_cases[] = {
	KUNIT_CASE_PARAM(sealing_gives_the_packets_of_the_vectors,
			 pdu_gen_params),
	KUNIT_CASE_PARAM(the_packets_of_the_vectors_open, pdu_gen_params),
	KUNIT_CASE_PARAM(opening_into_another_buffer_does_not_change_the_packet,
			 pdu_gen_params),
	KUNIT_CASE_PARAM(a_packet_changed_in_any_byte_does_not_open,
			 pdu_gen_params),
	KUNIT_CASE_PARAM(seal_and_open_work_with_bottom_halves_disabled,
			 pdu_gen_params),
	KUNIT_CASE(a_packet_of_a_chained_epoch_opens),
	KUNIT_CASE_PARAM(a_packet_leaves_no_word_of_its_key_on_the_stack,
			 pdu_gen_params),
	KUNIT_CASE(only_three_ciphers_are_known),
	{}
};

static struct kunit_suite aead_test_suite = {
	.name = "ipcp_aead",
	.test_cases = aead_test_cases,
};

kunit_test_suite(aead_test_suite);
