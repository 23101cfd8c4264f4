/* SPDX-License-Identifier: GPL-2.0 */
/* Made by vectors/generate from vectors/keyschedule.json. */
#ifndef _IPCP_KUNIT_VECTORS_H
#define _IPCP_KUNIT_VECTORS_H

#include <linux/types.h>

#define VECTOR_NODES 128
#define VECTOR_LEAVES 64
#define VECTOR_LEAF_PACKETS_SHIFT 20

/* The root seed that all the others come from. */
static const char vector_root[] __maybe_unused =
			"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

/* SHA-256 of its 128 node keys. */
static const char vector_nodes_sha256[] __maybe_unused =
			"cec7be6601775f83030e0150d45b8167e6d24222a58c81166a54cf512e76cb57";

/* SHA-256 of 255 blocks expanded from it for "longest". */
static const char vector_longest_sha256[] __maybe_unused =
			"ee35c0636e5f0f774a41220fcdf73d16790da198e83ca4f4aafd6df289ccd6e7";

/* Some node keys. */
static const struct node_vector {
	unsigned int node;
	const char *key;
} node_vectors[] __maybe_unused = {
	{
		.node = 0x0,
		.key =
			"d8849bcf41c58562c7d90b6c150f2feef7a8264c393daf08c05db9c73b0b1979",
	},
	{
		.node = 0x1,
		.key =
			"09c37fa78d141f5b03bee8c276b52b7294a5deeb69397c3cf401567a5df258aa",
	},
	{
		.node = 0x3f,
		.key =
			"4b1c133f9ee84b6e94929f059e05dabd259dbbae46185766c6e45de073819089",
	},
	{
		.node = 0x7f,
		.key =
			"e7ef4488e248125b252f257fb612e935a79cf965802823b01d61689f7368dd0b",
	},
};

/* A direction's fork of a node. */
static const struct fork_vector {
	unsigned int node;
	unsigned int dir;
	const char *key;
} fork_vectors[] __maybe_unused = {
	{
		.node = 0x0,
		.dir = 0x0,
		.key =
			"95e49335290f1cab044b4b73a4c573693cb50aa08f237d8b9b1ff8c54ba2a74c",
	},
	{
		.node = 0x0,
		.dir = 0x1,
		.key =
			"ae516c3d9c0ebddd5bd0676ff001020b3a4c4596f6811a84cd365777e043ad55",
	},
	{
		.node = 0x7f,
		.dir = 0x0,
		.key =
			"40a62f4d4fe748bd210ef19057905d6c50afc802ec2d72752213f85760e5bed3",
	},
	{
		.node = 0x7f,
		.dir = 0x1,
		.key =
			"01bdc160534dcd043aa5948751cba30b4bdca25bd34c8879b02787738dd5bc0a",
	},
};

/* A direction's leaf key, the leaf counted inside of the node. */
static const struct leaf_vector {
	unsigned int dir;
	unsigned int node;
	unsigned int leaf;
	const char *key;
} leaf_vectors[] __maybe_unused = {
	{
		.dir = 0x0,
		.node = 0x0,
		.leaf = 0x0,
		.key =
			"d335a46c232884b7600c963688a6efad0e2a8a968f2a5829ffe6ce549d50029d",
	},
	{
		.dir = 0x0,
		.node = 0x0,
		.leaf = 0x1,
		.key =
			"b7d77dfb7e86dda67fb400d8e46fe25f224ce5a7c347cb77309e91d086fcdbc1",
	},
	{
		.dir = 0x0,
		.node = 0x0,
		.leaf = 0x3f,
		.key =
			"6306387512f516a49ab1508059ec4a81effd279fbb4530ca982ddf1d7d048e37",
	},
	{
		.dir = 0x0,
		.node = 0x1,
		.leaf = 0x0,
		.key =
			"ee6023d844d6841db0ca366698880832d4a2b5807b6c51b33c0c710ca35d6c06",
	},
	{
		.dir = 0x0,
		.node = 0x1,
		.leaf = 0x1,
		.key =
			"8ce9a8ab18aca9f15f40f4efdbb42f504e37abcd5f2a2511cfedc16ce97c9e17",
	},
	{
		.dir = 0x0,
		.node = 0x1,
		.leaf = 0x3f,
		.key =
			"e1c6ccca1656e3c32d3ffe402677e18e33133363996e3d39440a63bb80fb210c",
	},
	{
		.dir = 0x0,
		.node = 0x7f,
		.leaf = 0x0,
		.key =
			"c5931eadd7d2e7b9e53a2130d63f1590e0ca6daa4ac065ae58a1a55994caa3dd",
	},
	{
		.dir = 0x0,
		.node = 0x7f,
		.leaf = 0x1,
		.key =
			"a43e388ce5b3c7931fcfcc70aa8ecf3c2a4198247147ec1b0b748c5e996fcd5d",
	},
	{
		.dir = 0x0,
		.node = 0x7f,
		.leaf = 0x3f,
		.key =
			"1dbc9167d357fd94f53cff243be366222c367cf3a2e3db1db3f7745f21dc740e",
	},
	{
		.dir = 0x1,
		.node = 0x0,
		.leaf = 0x0,
		.key =
			"c23f772867248bcb1ba02b2cefd0076ec5a3980426dba1ecaab4027528f9a6ef",
	},
	{
		.dir = 0x1,
		.node = 0x0,
		.leaf = 0x1,
		.key =
			"d68616df35c75baa27314679a56fb86d82a2c288c903a359772f94bb125dc93e",
	},
	{
		.dir = 0x1,
		.node = 0x0,
		.leaf = 0x3f,
		.key =
			"02b3d7d1c03124d63d631106efb10faa61209142a72d6f2f7e02b4d76723c45c",
	},
	{
		.dir = 0x1,
		.node = 0x1,
		.leaf = 0x0,
		.key =
			"d1a10d7f29de1cd0b5c92422c4e59595b52aedbd77d02e7d783b2bf56c633d7b",
	},
	{
		.dir = 0x1,
		.node = 0x1,
		.leaf = 0x1,
		.key =
			"1c86b655f8c9a99ce50dec94d5552bea2185e749dc3ad6633d0ed72e1d300895",
	},
	{
		.dir = 0x1,
		.node = 0x1,
		.leaf = 0x3f,
		.key =
			"03fcea07ef16b48fcef563cd9b97f236ec063e704aee73edcac4a714091a82e7",
	},
	{
		.dir = 0x1,
		.node = 0x7f,
		.leaf = 0x0,
		.key =
			"b548fb7d38cc40917aa9977188ab5ed04086d86a46dd774c77404d1ddd815a48",
	},
	{
		.dir = 0x1,
		.node = 0x7f,
		.leaf = 0x1,
		.key =
			"978913cb65313dcb77bfb6e512f50c3caae1f5151e2db6235e2d67425fbddb2c",
	},
	{
		.dir = 0x1,
		.node = 0x7f,
		.leaf = 0x3f,
		.key =
			"912c02477ac7ed0f4e8d9a0414c7cb60e6c43512b2eb8af28d3c979541ab8797",
	},
};

/* Packet headers. */
static const struct header_vector {
	u8 type;
	u8 epoch;
	u64 counter;
	u32 eid;
	const char *bytes;
} header_vectors[] __maybe_unused = {
	{
		.type = 0x1,
		.epoch = 0x0,
		.counter = 0x0,
		.eid = 0x1,
		.bytes =
			"110000000000000000000001",
	},
	{
		.type = 0x1,
		.epoch = 0xff,
		.counter = 0x1ffffffff,
		.eid = 0xdeadbeef,
		.bytes =
			"11ff0001ffffffffdeadbeef",
	},
	{
		.type = 0x2,
		.epoch = 0x7,
		.counter = 0x100000,
		.eid = 0x1020304,
		.bytes =
			"120700000010000001020304",
	},
	{
		.type = 0x4,
		.epoch = 0x8,
		.counter = 0x5,
		.eid = 0x1020304,
		.bytes =
			"140800000000000501020304",
	},
};

/* Whole packets under the keys of the root seed. */
static const struct pdu_vector {
	const char *cipher;
	u8 type;
	unsigned int dir;
	u8 epoch;
	u64 counter;
	u32 eid;
	const char *plain;
	const char *bytes;
} pdu_vectors[] __maybe_unused = {
	{
		.cipher = "aes-128-gcm",
		.type = 0x1,
		.dir = 0x0,
		.epoch = 0x0,
		.counter = 0x0,
		.eid = 0xa0b0c0d,
		.plain =
			"",
		.bytes =
			"11000000000000000a0b0c0d3b93612ca2028cfd201308b93cf7859d",
	},
	{
		.cipher = "aes-128-gcm",
		.type = 0x1,
		.dir = 0x0,
		.epoch = 0x1,
		.counter = 0x1,
		.eid = 0xa0b0c0d,
		.plain =
			"68656c6c6f2c20666c6f77",
		.bytes =
			"11010000000000010a0b0c0dcf2832929275ccaf09f3e2379036ff9e1324c13e"
			"a1b6ce460c0837",
	},
	{
		.cipher = "aes-128-gcm",
		.type = 0x1,
		.dir = 0x1,
		.epoch = 0xff,
		.counter = 0xfffff,
		.eid = 0xa0b0c0d,
		.plain =
			"6c617374206f662061206c656166",
		.bytes =
			"11ff0000000fffff0a0b0c0db1fc8f81974964403ea6b594a17c446b327cf511"
			"b4b89c21579429e21c38",
	},
	{
		.cipher = "aes-128-gcm",
		.type = 0x1,
		.dir = 0x1,
		.epoch = 0x3,
		.counter = 0x100000,
		.eid = 0xa0b0c0d,
		.plain =
			"6669727374206f66206c6561662031",
		.bytes =
			"11030000001000000a0b0c0d1f369df26c9630228e37604ee2ef0371982f22fb"
			"e9b2db1cd36996b2d6a025",
	},
	{
		.cipher = "aes-128-gcm",
		.type = 0x1,
		.dir = 0x0,
		.epoch = 0x9,
		.counter = 0x4000000,
		.eid = 0xa0b0c0d,
		.plain =
			"6669727374206f66206e6f64652031",
		.bytes =
			"11090000040000000a0b0c0dae4aa9a93351a18acca726620bb2759e78612532"
			"d3bf7a26a78505472fea11",
	},
	{
		.cipher = "aes-128-gcm",
		.type = 0x1,
		.dir = 0x1,
		.epoch = 0x4,
		.counter = 0x1ffffffff,
		.eid = 0xa0b0c0d,
		.plain =
			"6c617374207061636b6574",
		.bytes =
			"11040001ffffffff0a0b0c0d5a2cbb139c9cf4f45ea06e4dc1d93f1fc9592b72"
			"2b6c92be3f5c1f",
	},
	{
		.cipher = "aes-256-gcm",
		.type = 0x1,
		.dir = 0x0,
		.epoch = 0x0,
		.counter = 0x0,
		.eid = 0xa0b0c0d,
		.plain =
			"",
		.bytes =
			"11000000000000000a0b0c0d26abe34e29a4d77a6b93264e6a0550c7",
	},
	{
		.cipher = "aes-256-gcm",
		.type = 0x1,
		.dir = 0x0,
		.epoch = 0x1,
		.counter = 0x1,
		.eid = 0xa0b0c0d,
		.plain =
			"68656c6c6f2c20666c6f77",
		.bytes =
			"11010000000000010a0b0c0d412e1e910f68de497bf9be25a70b131f480970cb"
			"39b0953ddf8963",
	},
	{
		.cipher = "aes-256-gcm",
		.type = 0x1,
		.dir = 0x1,
		.epoch = 0xff,
		.counter = 0xfffff,
		.eid = 0xa0b0c0d,
		.plain =
			"6c617374206f662061206c656166",
		.bytes =
			"11ff0000000fffff0a0b0c0dd391b76d8c68e32803aac4b10a62ba1c080e03bf"
			"3519cb9535b80a15bae9",
	},
	{
		.cipher = "aes-256-gcm",
		.type = 0x1,
		.dir = 0x1,
		.epoch = 0x3,
		.counter = 0x100000,
		.eid = 0xa0b0c0d,
		.plain =
			"6669727374206f66206c6561662031",
		.bytes =
			"11030000001000000a0b0c0dbc7b4ec66e5f4d31e302aa40a3b77cd666afbaec"
			"4ee7b9a8e8e256760328a4",
	},
	{
		.cipher = "aes-256-gcm",
		.type = 0x1,
		.dir = 0x0,
		.epoch = 0x9,
		.counter = 0x4000000,
		.eid = 0xa0b0c0d,
		.plain =
			"6669727374206f66206e6f64652031",
		.bytes =
			"11090000040000000a0b0c0d9b27a9d43c82188d3f26d887ffd8264f14b70989"
			"83d2d8cf13d61d6534b4f6",
	},
	{
		.cipher = "aes-256-gcm",
		.type = 0x1,
		.dir = 0x1,
		.epoch = 0x4,
		.counter = 0x1ffffffff,
		.eid = 0xa0b0c0d,
		.plain =
			"6c617374207061636b6574",
		.bytes =
			"11040001ffffffff0a0b0c0dd09e671c3049e42c7635b063ebd86e7592df52b6"
			"a51a577312c185",
	},
	{
		.cipher = "chacha20-poly1305",
		.type = 0x1,
		.dir = 0x0,
		.epoch = 0x0,
		.counter = 0x0,
		.eid = 0xa0b0c0d,
		.plain =
			"",
		.bytes =
			"11000000000000000a0b0c0d24f73d237d2a2778d3781a3fc3f42e3a",
	},
	{
		.cipher = "chacha20-poly1305",
		.type = 0x1,
		.dir = 0x0,
		.epoch = 0x1,
		.counter = 0x1,
		.eid = 0xa0b0c0d,
		.plain =
			"68656c6c6f2c20666c6f77",
		.bytes =
			"11010000000000010a0b0c0d8c4ea9d4be2e290238acbccb0869b86632282b09"
			"317828b17dc08b",
	},
	{
		.cipher = "chacha20-poly1305",
		.type = 0x1,
		.dir = 0x1,
		.epoch = 0xff,
		.counter = 0xfffff,
		.eid = 0xa0b0c0d,
		.plain =
			"6c617374206f662061206c656166",
		.bytes =
			"11ff0000000fffff0a0b0c0d01c8fe23a4ce809039cc67c2c23ac3903a2b51d7"
			"7128004e5c0eac80b9f0",
	},
	{
		.cipher = "chacha20-poly1305",
		.type = 0x1,
		.dir = 0x1,
		.epoch = 0x3,
		.counter = 0x100000,
		.eid = 0xa0b0c0d,
		.plain =
			"6669727374206f66206c6561662031",
		.bytes =
			"11030000001000000a0b0c0db1d3a1ad97df1aed418722924e9212cd3b563829"
			"0245af0bd45864a296371b",
	},
	{
		.cipher = "chacha20-poly1305",
		.type = 0x1,
		.dir = 0x0,
		.epoch = 0x9,
		.counter = 0x4000000,
		.eid = 0xa0b0c0d,
		.plain =
			"6669727374206f66206e6f64652031",
		.bytes =
			"11090000040000000a0b0c0d209b608185e3e8a6e74807594797d250fc1d4412"
			"6742ac28a7b913e720b59f",
	},
	{
		.cipher = "chacha20-poly1305",
		.type = 0x1,
		.dir = 0x1,
		.epoch = 0x4,
		.counter = 0x1ffffffff,
		.eid = 0xa0b0c0d,
		.plain =
			"6c617374207061636b6574",
		.bytes =
			"11040001ffffffff0a0b0c0d69f90ed2dc12805b0d7ea8fe28f49a5083cc3bd7"
			"91c1b498a367ea",
	},
	{
		.cipher = "aes-256-gcm",
		.type = 0x2,
		.dir = 0x0,
		.epoch = 0x2,
		.counter = 0x4d,
		.eid = 0xa0b0c0d,
		.plain =
			"01",
		.bytes =
			"120200000000004d0a0b0c0d1ed6dee7f73855b02ea8201b03b6c375f9",
	},
	{
		.cipher = "aes-256-gcm",
		.type = 0x2,
		.dir = 0x0,
		.epoch = 0x2,
		.counter = 0x4d,
		.eid = 0xa0b0c0d,
		.plain =
			"07",
		.bytes =
			"120200000000004d0a0b0c0d188eda79d71135bc9ce7e65dd1071e9243",
	},
	{
		.cipher = "aes-256-gcm",
		.type = 0x4,
		.dir = 0x0,
		.epoch = 0x2,
		.counter = 0x4d,
		.eid = 0xa0b0c0d,
		.plain =
			"6167656e7420746f206167656e74",
		.bytes =
			"140200000000004d0a0b0c0d7e8428952b9fa3891bf3f97362c6ce85cb8b599c"
			"11c21c48d787366462a6",
	},
	{
		.cipher = "aes-256-gcm",
		.type = 0x5,
		.dir = 0x0,
		.epoch = 0x2,
		.counter = 0x4d,
		.eid = 0xa0b0c0d,
		.plain =
			"",
		.bytes =
			"150200000000004d0a0b0c0d6658b15c8e5b7aa001f09ab2f2a372af",
	},
};

#endif /* _IPCP_KUNIT_VECTORS_H */
