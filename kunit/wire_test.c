// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/* The packet header: every reason to reject a header, and the test vectors. */
#include "keysched.h"
#include "test_util.h"
#include "vectors.h"
#include "wire.h"

/* type, epoch 7, counter 0x1_2345_6789, eid 0x0a0b0c0d */
#define HDR(type)	{ 0x10 | (type), 7, 0, 1, 0x23, 0x45, 0x67, 0x89, \
			  0x0a, 0x0b, 0x0c, 0x0d }
#define CTRL		{ 0x13 }

static const struct parse_case {
	const char *desc;
	u8 pkt[IPCP_HDR_LEN];
	u8 at;		/* offset of a byte in the packet */
	u8 value;	/* its new value */
	size_t len;
	enum ipcp_drop drop;
} parse_cases[] = {
	{ "DATA", HDR(1), 0, 0x11, 100, IPCP_DROP_NONE },
	{ "CONFIRM", HDR(2), 0, 0x12, 29, IPCP_DROP_NONE },
	{ "CTRL", CTRL, 0, 0x13, 100, IPCP_DROP_NONE },
	{ "SEALED", HDR(4), 0, 0x14, 100, IPCP_DROP_NONE },
	{ "CLOSE", HDR(5), 0, 0x15, 28, IPCP_DROP_NONE },
	{ "longest", HDR(1), 0, 0x11, 65535, IPCP_DROP_NONE },
	{ "epoch 0", HDR(1), 1, 0, 100, IPCP_DROP_NONE },
	{ "epoch 255", HDR(1), 1, 255, 100, IPCP_DROP_NONE },

	{ "empty", HDR(1), 0, 0x11, 0, IPCP_DROP_SHORT },
	{ "one byte", HDR(1), 0, 0x11, 1, IPCP_DROP_SHORT },
	{ "a byte less than a header", HDR(1), 0, 0x11, 11, IPCP_DROP_SHORT },
	{ "a header", HDR(1), 0, 0x11, 12, IPCP_DROP_SHORT },
	{ "a byte less than a tag", HDR(1), 0, 0x11, 27, IPCP_DROP_SHORT },
	{ "header and tag", HDR(1), 0, 0x11, 28, IPCP_DROP_NONE },
	{ "short CONFIRM", HDR(2), 0, 0x12, 27, IPCP_DROP_SHORT },
	{ "short SEALED", HDR(4), 0, 0x14, 27, IPCP_DROP_SHORT },
	{ "short CLOSE", HDR(5), 0, 0x15, 27, IPCP_DROP_SHORT },
	{ "empty CTRL", CTRL, 0, 0x13, 12, IPCP_DROP_SHORT },
	{ "one byte of CTRL", CTRL, 0, 0x13, 13, IPCP_DROP_NONE },
	{ "another version, short", HDR(1), 0, 0x21, 11, IPCP_DROP_SHORT },

	{ "version 0", HDR(1), 0, 0x01, 100, IPCP_DROP_VERSION },
	{ "version 2", HDR(1), 0, 0x21, 100, IPCP_DROP_VERSION },
	{ "version 15", HDR(1), 0, 0xf1, 100, IPCP_DROP_VERSION },
	{ "byte 2 is 1", HDR(1), 2, 0x01, 100, IPCP_DROP_VERSION },
	{ "byte 2 is 128", HDR(1), 2, 0x80, 100, IPCP_DROP_VERSION },
	{ "byte 2 of CTRL", CTRL, 2, 0x01, 100, IPCP_DROP_VERSION },
	{ "counter bit 33", HDR(1), 3, 0x02, 100, IPCP_DROP_VERSION },
	{ "counter bit 39", HDR(1), 3, 0x80, 100, IPCP_DROP_VERSION },
	{ "counter bit 33 of CTRL", CTRL, 3, 0x02, 100, IPCP_DROP_VERSION },

	{ "type 0", HDR(1), 0, 0x10, 100, IPCP_DROP_TYPE },
	{ "type 6", HDR(1), 0, 0x16, 100, IPCP_DROP_TYPE },
	{ "type 15", HDR(1), 0, 0x1f, 100, IPCP_DROP_TYPE },
	{ "type 6, short", HDR(1), 0, 0x16, 20, IPCP_DROP_TYPE },

	{ "CTRL with an epoch", CTRL, 1, 1, 100, IPCP_DROP_MALFORMED },
	{ "CTRL with counter bit 32", CTRL, 3, 1, 100, IPCP_DROP_MALFORMED },
	{ "CTRL with a counter", CTRL, 7, 1, 100, IPCP_DROP_MALFORMED },
	{ "CTRL with an eid", CTRL, 8, 1, 100, IPCP_DROP_MALFORMED },
	{ "CTRL with a low eid", CTRL, 11, 1, 100, IPCP_DROP_MALFORMED },

	{ "DATA without eid", { 0x11 }, 1, 7, 100, IPCP_DROP_EID },
	{ "CONFIRM without eid", { 0x12 }, 1, 7, 100, IPCP_DROP_EID },
	{ "SEALED without eid", { 0x14 }, 1, 7, 100, IPCP_DROP_EID },
	{ "CLOSE without eid", { 0x15 }, 1, 7, 100, IPCP_DROP_EID },
	{ "DATA with eid 1", { 0x11 }, 11, 1, 100, IPCP_DROP_NONE },
};

KUNIT_ARRAY_PARAM_DESC(parse, parse_cases, desc);

/* Create a packet of exactly @len bytes, so that KASAN sees reads past it. */
static u8 *new_packet(struct kunit *test, const u8 hdr[IPCP_HDR_LEN], size_t len)
{
	u8 *pkt = kunit_kzalloc(test, len ?: 1, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, pkt);
	memcpy(pkt, hdr, min_t(size_t, len, IPCP_HDR_LEN));
	return pkt;
}

static void a_bad_header_is_rejected_with_its_reason(struct kunit *test)
{
	const struct parse_case *c = test->param_value;
	u8 bytes[IPCP_HDR_LEN];
	struct ipcp_hdr hdr;

	memcpy(bytes, c->pkt, sizeof(bytes));
	bytes[c->at] = c->value;

	KUNIT_EXPECT_EQ(test, ipcp_wire_parse(new_packet(test, bytes, c->len),
					      c->len, &hdr), c->drop);
}

static void describe_header(const struct header_vector *v, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "type %u epoch %u counter %llu",
		 v->type, v->epoch, v->counter);
}

KUNIT_ARRAY_PARAM(header, header_vectors, describe_header);

static void expect_header(struct kunit *test, const struct ipcp_hdr *expected,
			  const u8 *pkt, size_t len)
{
	struct ipcp_hdr hdr;
	u8 built[IPCP_HDR_LEN];

	ipcp_wire_build(built, expected);
	KUNIT_EXPECT_MEMEQ(test, built, pkt, sizeof(built));

	/* the vectors contain BUNDLE, a type that is not accepted yet */
	if (expected->type == 6) {
		KUNIT_EXPECT_EQ(test, ipcp_wire_parse(pkt, len, &hdr),
				IPCP_DROP_TYPE);
		return;
	}
	KUNIT_ASSERT_EQ(test, ipcp_wire_parse(pkt, len, &hdr), IPCP_DROP_NONE);
	KUNIT_EXPECT_EQ(test, hdr.type, expected->type);
	KUNIT_EXPECT_EQ(test, hdr.epoch, expected->epoch);
	KUNIT_EXPECT_EQ(test, hdr.counter, expected->counter);
	KUNIT_EXPECT_EQ(test, hdr.eid, expected->eid);
}

static void the_headers_of_the_vectors_are_built_and_parsed(struct kunit *test)
{
	const struct header_vector *v = test->param_value;
	const struct ipcp_hdr hdr = { v->type, v->epoch, v->counter, v->eid };
	const u8 *bytes = unhex_len(test, v->bytes, IPCP_HDR_LEN);

	expect_header(test, &hdr, new_packet(test, bytes, IPCP_OVERHEAD),
		      IPCP_OVERHEAD);
}

static void describe_pdu(const struct pdu_vector *v, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%s type %u counter %llu",
		 v->cipher, v->type, v->counter);
}

KUNIT_ARRAY_PARAM(pdu, pdu_vectors, describe_pdu);

static void the_packets_of_the_vectors_are_built_and_parsed(struct kunit *test)
{
	const struct pdu_vector *v = test->param_value;
	const struct ipcp_hdr hdr = { v->type, v->epoch, v->counter, v->eid };

	expect_header(test, &hdr, unhex(test, v->bytes), strlen(v->bytes) / 2);
}

/*
 * Each accepted header can be rebuilt bit by bit. Hence every bit is either
 * checked or returned, and two different headers never have the same meaning.
 */
static void every_header_bit_is_checked_or_returned(struct kunit *test)
{
	static const u8 good[] = HDR(1);
	u8 *pkt = new_packet(test, good, IPCP_OVERHEAD);
	u8 built[IPCP_HDR_LEN];
	struct ipcp_hdr hdr;
	unsigned int i, j;

	for (i = 0; i < 8 * IPCP_HDR_LEN; i++) {
		for (j = i; j < 8 * IPCP_HDR_LEN; j++) {
			memcpy(pkt, good, sizeof(good));
			pkt[i / 8] ^= 1 << i % 8;
			pkt[j / 8] ^= 1 << j % 8;
			if (ipcp_wire_parse(pkt, IPCP_OVERHEAD, &hdr))
				continue;
			ipcp_wire_build(built, &hdr);
			KUNIT_EXPECT_MEMEQ_MSG(test, built, pkt, sizeof(built),
					       "bits %u and %u", i, j);
		}
	}
}

static const struct nonce_case {
	u64 counter;
	u8 nonce[IPCP_NONCE_LEN];
} nonce_cases[] = {
	{ 0, { 0 } },
	{ 1, { 0, 0, 0, 0, 1 } },
	{ 0x123456789, { 0, 0, 0, 0, 0x89, 0x67, 0x45, 0x23, 0x01 } },
	{ IPCP_CTR_LIMIT - 1, { 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x01 } },
};

static void describe_nonce(const struct nonce_case *c, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "counter %llu", c->counter);
}

KUNIT_ARRAY_PARAM(nonce, nonce_cases, describe_nonce);

static void the_nonce_is_the_counter(struct kunit *test)
{
	const struct nonce_case *c = test->param_value;
	u8 nonce[IPCP_NONCE_LEN];

	memset(nonce, 0xa5, sizeof(nonce));
	ipcp_wire_nonce(nonce, c->counter);

	KUNIT_EXPECT_MEMEQ(test, nonce, c->nonce, sizeof(nonce));
}

static struct kunit_case wire_test_cases[] = {
	KUNIT_CASE_PARAM(a_bad_header_is_rejected_with_its_reason,
			 parse_gen_params),
	KUNIT_CASE_PARAM(the_headers_of_the_vectors_are_built_and_parsed,
			 header_gen_params),
	KUNIT_CASE_PARAM(the_packets_of_the_vectors_are_built_and_parsed,
			 pdu_gen_params),
	KUNIT_CASE(every_header_bit_is_checked_or_returned),
	KUNIT_CASE_PARAM(the_nonce_is_the_counter, nonce_gen_params),
	{}
};

static struct kunit_suite wire_test_suite = {
	.name = "ipcp_wire",
	.test_cases = wire_test_cases,
};

kunit_test_suite(wire_test_suite);
