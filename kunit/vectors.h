/* SPDX-License-Identifier: GPL-2.0 */
/* Made by vectors/generate from vectors/keyschedule.json. */
#ifndef _IPCP_KUNIT_VECTORS_H
#define _IPCP_KUNIT_VECTORS_H

#include <linux/types.h>

#define VECTOR_NODES 128
#define VECTOR_LEAVES 64
#define VECTOR_LEAF_PACKETS_SHIFT 20

/* The root that all the others come from. */
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

/* Seeds of consecutive epochs, the first one fresh. */
static const struct chain_vector {
	const char *seed;
	const char *root;
	const char *chain;
	const char *id;
	const char *leaf;
} chain_vectors[] __maybe_unused = {
	{
		.seed =
			"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
		.root =
			"46bd320605c5a6b6163ab70bc6345b92a5f908e79fe58979c23ebb47d1a5e307",
		.chain =
			"bffa5237cf06582ee7f0c0bb41467ced5dc1943450b62d1baa4c150c184ed29e",
		.id =
			"31f1f0a91289db33",
		.leaf =
			"4de7a5701f68a35f7b6782c27468ec9ab9ede3e6ac974cada4c9c51d7834bfa7",
	},
	{
		.seed =
			"202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f",
		.root =
			"bf1e4d586ed8392ef3eefb038ab41dea7fcb8c82ada876c8093daf0052f77149",
		.chain =
			"28e85b12034c6588dbb1ae764a0cd40a8e7e3b3fb8bec9e4ed58b9c6a100d472",
		.id =
			"e9c39524fbd0edf3",
		.leaf =
			"1dce0d75ea8cee647696db03b48c79db3720dda2b378804f92718ac2ed0fc558",
	},
	{
		.seed =
			"404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f",
		.root =
			"26a248d971a632b961d3372b36df5619e9d05177959c8242491b3e24fcfbc47b",
		.chain =
			"ecb580fd5cad6345c7753dba3d43bfd277b1f4b450428dea52b448068708cff2",
		.id =
			"17bfff374c8a9c24",
		.leaf =
			"ce72717d195b7b3cb41fb9f49099baa3da2d5a5742034df85c203a38d8839f60",
	},
	{
		.seed =
			"606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f",
		.root =
			"75119a6934e3cd777194bcb1aec4ec3e48b2699e3a454d9700aee3587959bcd0",
		.chain =
			"039eb3e061eea425407130ed12f214189e3f93f0c252f3b94a5c59d1f8965c54",
		.id =
			"c72c118a633620c0",
		.leaf =
			"a4fd101802fd0343844997c42edca567b304aa3c397dd751ea7d06d09772258a",
	},
};

/* A whole packet of the second of these epochs. */
static const struct chained_pdu_vector {
	const char *cipher;
	unsigned int dir;
	u8 epoch;
	u64 counter;
	u32 eid;
	const char *plain;
	const char *bytes;
} chained_pdu_vectors[] __maybe_unused = {
	{
		.cipher = "aes-256-gcm",
		.dir = 0x0,
		.epoch = 0x1,
		.counter = 0x5,
		.eid = 0xa0b0c0d,
		.plain =
			"7365636f6e642065706f6368",
		.bytes =
			"11010000000000050a0b0c0d2f30695738b499ccd0748025dec0b5035282af08"
			"94aa2f3ecb54e29c",
	},
};

/* Some node keys of epoch 0 of these. */
static const struct flow_node_vector {
	unsigned int node;
	const char *key;
} flow_node_vectors[] __maybe_unused = {
	{
		.node = 0x0,
		.key =
			"5ce4d0518441c89301e7d71b2ae93ab19809cfc4d613856604989bcc49cedecc",
	},
	{
		.node = 0x1,
		.key =
			"a35c97e56eb1ebb243ea994dcfd63c83c15fe2b618ce2bfdc01524ba002a5f08",
	},
	{
		.node = 0x3f,
		.key =
			"bcb3a4692a83b7fd8928ee1af659ff504a5c20895c4f0cd64f38a75ca934571d",
	},
	{
		.node = 0x7f,
		.key =
			"747fee266945a81ad14ce056fd4614c62fc30bd786e14796078db3897f559c94",
	},
};

/* Some of its leaf keys. */
static const struct flow_leaf_vector {
	unsigned int dir;
	unsigned int node;
	unsigned int leaf;
	const char *key;
} flow_leaf_vectors[] __maybe_unused = {
	{
		.dir = 0x0,
		.node = 0x0,
		.leaf = 0x0,
		.key =
			"4de7a5701f68a35f7b6782c27468ec9ab9ede3e6ac974cada4c9c51d7834bfa7",
	},
	{
		.dir = 0x0,
		.node = 0x0,
		.leaf = 0x1,
		.key =
			"6883e129a863c9863ad846c56e7e03f3ac84ea7304442e9ef3a79f01efa38319",
	},
	{
		.dir = 0x0,
		.node = 0x0,
		.leaf = 0x3f,
		.key =
			"7ef0164905bdfdb439e0c75fd40b62869efa4095a1ea1ee470128c85edfeab57",
	},
	{
		.dir = 0x0,
		.node = 0x1,
		.leaf = 0x0,
		.key =
			"943b028af28922e3404024abea038b1bea4ae1998c48216b2278c6b5504496b4",
	},
	{
		.dir = 0x0,
		.node = 0x1,
		.leaf = 0x1,
		.key =
			"d0b793ece8cfa9c027ecb40a451e75477c1867547fdc15ef3a8d9779ef26fee1",
	},
	{
		.dir = 0x0,
		.node = 0x1,
		.leaf = 0x3f,
		.key =
			"4955c171926fd50823f80aede63a7ddd25a6c07e8804e44663d541a4037d2caa",
	},
	{
		.dir = 0x0,
		.node = 0x7f,
		.leaf = 0x0,
		.key =
			"70c352441d5c7a6d834d6d75ab9adef5e54b85f00b01c4a2711d8a20a830bdf2",
	},
	{
		.dir = 0x0,
		.node = 0x7f,
		.leaf = 0x1,
		.key =
			"354fbcddf30a0f3d5383cabab52bb2e5a4326bfad445c7b768df2b0bf4371683",
	},
	{
		.dir = 0x0,
		.node = 0x7f,
		.leaf = 0x3f,
		.key =
			"c138f54c3f45fca3801fef0a3db449beaa0935dca79464a7820c6136d67d0617",
	},
	{
		.dir = 0x1,
		.node = 0x0,
		.leaf = 0x0,
		.key =
			"9466cd88980438cd6d93abbfb18da014cdb3740cef9e1f82ad5fc1bd5d9b32cf",
	},
	{
		.dir = 0x1,
		.node = 0x0,
		.leaf = 0x1,
		.key =
			"5159e2f706c9d54337348d80956e714e8e56d20504878a89b9b3d26354376b71",
	},
	{
		.dir = 0x1,
		.node = 0x0,
		.leaf = 0x3f,
		.key =
			"8ef4a92b1cec122893cd6f15235c177e8734f167383a98f7b773a6a1f88f177e",
	},
	{
		.dir = 0x1,
		.node = 0x1,
		.leaf = 0x0,
		.key =
			"b55bed7826f5cc30f0507124b6ef7ef7df056167bf015898a35ae90e75dfea41",
	},
	{
		.dir = 0x1,
		.node = 0x1,
		.leaf = 0x1,
		.key =
			"7e0945b84a3c8f17beb7121b7fe9e805fe0c8bf630868e1695604487fb6b5aff",
	},
	{
		.dir = 0x1,
		.node = 0x1,
		.leaf = 0x3f,
		.key =
			"469332f54cf559e25851f1515d0b71d938d674c670ae41c0bb2a9bae7bc49e22",
	},
	{
		.dir = 0x1,
		.node = 0x7f,
		.leaf = 0x0,
		.key =
			"c3702d3a136aca7c6b14bea1a55559514ad44cc255f1cbe78f8008ddba2ffea7",
	},
	{
		.dir = 0x1,
		.node = 0x7f,
		.leaf = 0x1,
		.key =
			"01ca9141834350f609778206ae4e7d717b48ec7509ea268c543f9d8e5a97f1c7",
	},
	{
		.dir = 0x1,
		.node = 0x7f,
		.leaf = 0x3f,
		.key =
			"923feac352a2c7976bbeeaeb4930904789c44ff8464598674732ac5307ef12d5",
	},
};

/* Some node keys of epoch 1 of these. */
static const struct next_node_vector {
	unsigned int node;
	const char *key;
} next_node_vectors[] __maybe_unused = {
	{
		.node = 0x0,
		.key =
			"07eadb19a6afc725918b9aa2441a31f8ba8a94afab445ccb792df1f0dde70405",
	},
	{
		.node = 0x1,
		.key =
			"1061d92578e406bb33499cf2bf7421e093527dac6c7eac528529da588401e657",
	},
	{
		.node = 0x3f,
		.key =
			"e73db1c7827d8faf1f17e062589af221c62c6125ac2c1051a91ece519379843a",
	},
	{
		.node = 0x7f,
		.key =
			"2be9c014c152dc611e7de012c5426e49135cf9171f38530c9c9498e83c9d9262",
	},
};

/* Some of its leaf keys. */
static const struct next_leaf_vector {
	unsigned int dir;
	unsigned int node;
	unsigned int leaf;
	const char *key;
} next_leaf_vectors[] __maybe_unused = {
	{
		.dir = 0x0,
		.node = 0x0,
		.leaf = 0x0,
		.key =
			"1dce0d75ea8cee647696db03b48c79db3720dda2b378804f92718ac2ed0fc558",
	},
	{
		.dir = 0x0,
		.node = 0x0,
		.leaf = 0x1,
		.key =
			"c0d65ad70ccc2ca733d77f004b839b0113e59c6199e3f63d5699d4510693e062",
	},
	{
		.dir = 0x0,
		.node = 0x0,
		.leaf = 0x3f,
		.key =
			"b390cea3990b4197dc3db3210177a2bf0c2eabc52f00afc3ae2ae6b2e243bd27",
	},
	{
		.dir = 0x0,
		.node = 0x1,
		.leaf = 0x0,
		.key =
			"e689192e7db611afa2441004315e97f8f6c947b1a5759b3d78c1d2d9a05acb02",
	},
	{
		.dir = 0x0,
		.node = 0x1,
		.leaf = 0x1,
		.key =
			"cbeddb7028328735948338e9af45e4fedcab656812db3751467ad265318c1a8e",
	},
	{
		.dir = 0x0,
		.node = 0x1,
		.leaf = 0x3f,
		.key =
			"e7603c1955efaf72165f46cef3715028200c99f934e59aecd1b04301ddb738d4",
	},
	{
		.dir = 0x0,
		.node = 0x7f,
		.leaf = 0x0,
		.key =
			"5df90583b53e809a780237a640b872ebf4abd390e35aa714b8cd5016b527f844",
	},
	{
		.dir = 0x0,
		.node = 0x7f,
		.leaf = 0x1,
		.key =
			"40921d8304c3bd46862924df6c659f4b01cc3f7c3c432f95a13f688f42d3b965",
	},
	{
		.dir = 0x0,
		.node = 0x7f,
		.leaf = 0x3f,
		.key =
			"bc5b4f5cd7f1aa757f92d70174b7a6846c2631a135508814cd6d84c1de8e1a17",
	},
	{
		.dir = 0x1,
		.node = 0x0,
		.leaf = 0x0,
		.key =
			"83aafcdc08d2f36122e0574912dbdd53f713a259a27939af1efd5f2dd18203e5",
	},
	{
		.dir = 0x1,
		.node = 0x0,
		.leaf = 0x1,
		.key =
			"2bb2eba4d08849cd8c8ca4905f1ef6931cc9f8edcf17c9c0bb8673bb4d53caa8",
	},
	{
		.dir = 0x1,
		.node = 0x0,
		.leaf = 0x3f,
		.key =
			"0562b8c86e8e43d7d05e40ffa573a7504d8ded6d5eaca623c6c25be86ea96ec6",
	},
	{
		.dir = 0x1,
		.node = 0x1,
		.leaf = 0x0,
		.key =
			"90d335942f01a291720622c9547ca38537e62c6db7c8f814de2e994bfcad189a",
	},
	{
		.dir = 0x1,
		.node = 0x1,
		.leaf = 0x1,
		.key =
			"5de93c87f393f84146b47ebfa4bf2abf157c234799f96611f61f021c8025ac01",
	},
	{
		.dir = 0x1,
		.node = 0x1,
		.leaf = 0x3f,
		.key =
			"a78fbae0de6336e303e214e919c6d53cc8983a625ac89012c9a41dad854ece6a",
	},
	{
		.dir = 0x1,
		.node = 0x7f,
		.leaf = 0x0,
		.key =
			"b926476b067a48a095295ac2cac0d31ddac751b036df4ddc9ebed90d0c611baa",
	},
	{
		.dir = 0x1,
		.node = 0x7f,
		.leaf = 0x1,
		.key =
			"0bff7d2d92c95d53cb46f37846cbdb378b8bbf5963d2bf41c38856e3ea93833f",
	},
	{
		.dir = 0x1,
		.node = 0x7f,
		.leaf = 0x3f,
		.key =
			"8ee6465653d777ca7d8917a43515aa89d1cffa842d251e750dc0d72e77724100",
	},
};

/* Whole packets under the keys of the root. */
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
		.type = 0x2,
		.dir = 0x0,
		.epoch = 0x2,
		.counter = 0x4d,
		.eid = 0xa0b0c0d,
		.plain =
			"08123404b0000000000000000000000000000000000000000000000000000000"
			"0000000000000000000000000000000000000000000000000000000000000000"
			"0000000000000000000000000000000000000000000000000000000000000000"
			"0000000000000000000000000000000000000000000000000000000000000000"
			"0000000000000000000000000000000000000000000000000000000000000000"
			"0000000000000000000000000000000000000000000000000000000000000000"
			"0000000000000000000000000000000000000000000000000000000000000000"
			"0000000000000000000000000000000000000000000000000000000000000000"
			"0000000000000000000000000000000000000000000000000000000000000000"
			"0000000000000000000000000000000000000000000000000000000000000000"
			"0000000000000000000000000000000000000000000000000000000000000000"
			"0000000000000000000000000000000000000000000000000000000000000000"
			"0000000000000000000000000000000000000000000000000000000000000000"
			"0000000000000000000000000000000000000000000000000000000000000000"
			"0000000000000000000000000000000000000000000000000000000000000000"
			"0000000000000000000000000000000000000000000000000000000000000000"
			"0000000000000000000000000000000000000000000000000000000000000000"
			"0000000000000000000000000000000000000000000000000000000000000000"
			"0000000000000000000000000000000000000000000000000000000000000000"
			"0000000000000000000000000000000000000000000000000000000000000000"
			"0000000000000000000000000000000000000000000000000000000000000000"
			"0000000000000000000000000000000000000000000000000000000000000000"
			"0000000000000000000000000000000000000000000000000000000000000000"
			"0000000000000000000000000000000000000000000000000000000000000000"
			"0000000000000000000000000000000000000000000000000000000000000000"
			"0000000000000000000000000000000000000000000000000000000000000000"
			"0000000000000000000000000000000000000000000000000000000000000000"
			"0000000000000000000000000000000000000000000000000000000000000000"
			"0000000000000000000000000000000000000000000000000000000000000000"
			"0000000000000000000000000000000000000000000000000000000000000000"
			"0000000000000000000000000000000000000000000000000000000000000000"
			"0000000000000000000000000000000000000000000000000000000000000000"
			"0000000000000000000000000000000000000000000000000000000000000000"
			"0000000000000000000000000000000000000000000000000000000000000000"
			"0000000000000000000000000000000000000000000000000000000000000000"
			"0000000000000000000000000000000000000000000000000000000000000000"
			"0000000000000000000000000000000000000000",
		.bytes =
			"120200000000004d0a0b0c0d17f179ffefbfd7e63b929e160cb236aca9f2fd28"
			"e7d6557ab6a63d134259b2fa32828156eb3ad175fa1193999daf435f78f74a26"
			"e76b548794512fe6ad7ed21b01a47047a13b663e3434274a4e9623c17a507d05"
			"29701f2848260fd5b4284513ea9272ba9d382cf73fbcaf4d00bfa42f5eb9950b"
			"7b806343194e25860849d514dc47fabb0b6d0616dde1c8b0652f83744b66e5c0"
			"aad27a5df6fe6a96fa5bc82e370a566c9f937534b6e31aa25a61cb8795b3e483"
			"002e3fb585dd9293dce95f573b5db5f8a95ef973edf7fb8761ba7c348fb2f4ca"
			"4dfa225d0fd60492619b8d5f0ce3aa7768d5c38133ba3ad1cf1feb60944f49cb"
			"dab226374ac8d971f8b226e0f2222a19fdc6da408fe1f7113d6005889074a032"
			"e2afb4569d6e663c710ae3e4936b2650fe6f0c6c9ff0d0ba3ea76aed2598d1e8"
			"5024b481599c4b8d6c7393219e0436f01a27ea9b70ba5b4a29ceffc3c0e3c73a"
			"bf0611054428f0697b315add199c81d10f7e30fdeb58cfaa8a1091103cd1abd2"
			"7cd94cf62ae4fd4b375263909e7bb027b07aacc51f4cf6b3f61b07f0aab579f8"
			"d7f68405a338f04a288a8ace28f523200a8463d86290e51b8f6e15b6369b2bde"
			"e66cc03e58a868278e4631ceaa5a3568aa1907df4ca4bd3fb6d97f11a6a47883"
			"6031542d33ade2d1b3131978a58b831b4a6c1ab032612ab11d7fba40acf040c1"
			"fef87939500cb0749987b4a54b8fce35702c8fa166b56dde555acccef52a0d7b"
			"ae99375513b361cfe2871d7107fc4e08db9918641de93a772906e6971288531d"
			"e200c5eb9482a61b3e372a913104a4a4c3879d951cc13d204b1e6cdbb8c687ca"
			"596440a8bf71049bf2c7348bf0ed758c3a37a61b5febbe5e1014aec0d877f7f4"
			"23d8675fc810e9bb35025d5358588eefd9f3532fd3859a237557f4080caedc03"
			"1a48bc2b8fafbc9b037a8652b968be429419383613e5f1c8839c26bb625b1f08"
			"f99b2cf689e529a0b87b0c1f46c11631d6c94e6e77bbdb3e70c87021c91c8685"
			"ecccd82ae7cea6a1b750c4d8f481be4ce984cc7622804597c80dc33a78554253"
			"2461068ae5efd99c8eb57bbd1b90849848b06cc69045fa573ca7569aa77b81d0"
			"f75601fed0d776775e2405cbc2956bb7822f598034027710e3fa6845434c6c7e"
			"4df885daa082b3e3f6b3a16ddbdaa135706a8c328e36b3f499ef3b1df6f02199"
			"9ed489996762c63c8022a4390f9d311215dd1b2feccc7a1eb8a501fa4c9bd343"
			"dd38c3e6667eec9b4982ba29bf56e3814459f40a677559f48738f31cd693f515"
			"5326c5253944534d578bbe517424e51d86d9b430239fc98216db340797a3af83"
			"5eefda4c85c8add238f295682422f274f3654bde699f1875a8b4dee23986b18a"
			"472ecb860e677bdaa2dea58303e3820720700c78dd2a2e6bbc2b93f3235facb5"
			"9908dc713bcf44c1d2a775ee7f8315c932637b9e7863d0ef83ccb9404ccf6012"
			"e4b29959c9bf098d32e673d8be5f1f0d617c38cf959d9b7c5fb70042feb1d383"
			"70d8ddb25f9eb0ff308550f6af7eb3ab873ffcc5a95dd0eb34ea2d45e2dcc594"
			"e25e23e03df2cfd4754929b59187f042fb615eb8993953b65ff721a634527841"
			"b70580d846ca5d3b8962b1e2b3fd8fddb73dbd95ca8039681301bb08ded7a930"
			"7911b5e12abd509d0d2ba4495ce028c8",
	},
	{
		.cipher = "aes-256-gcm",
		.type = 0x2,
		.dir = 0x0,
		.epoch = 0x2,
		.counter = 0x4d,
		.eid = 0xa0b0c0d,
		.plain =
			"10123404b0",
		.bytes =
			"120200000000004d0a0b0c0d0ff179ffeff0c1dc75f0ef3ecb1083f8f660b32e"
			"e6",
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
	{
		.cipher = "aes-256-gcm",
		.type = 0x6,
		.dir = 0x0,
		.epoch = 0x2,
		.counter = 0x4d,
		.eid = 0xa0b0c0d,
		.plain =
			"00036f6e650000000d74687265652c206c6f6e67657200640001020304050607"
			"08090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f2021222324252627"
			"28292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f4041424344454647"
			"48494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f60616263",
		.bytes =
			"160200000000004d0a0b0c0d1fe022953abfd7e636e6f66469d71a8cc59d934f"
			"82a4551eb6a73f10465cb4fd3a8b8b5de737df7aea00818a89ba554860ee503d"
			"fb764a98b4700dc5895bf43c298d5a6c8d164811040515797aa315f64269473e"
			"154d211708674d96f06d0354a2db38f1d17562b86fedfd1e54eaf27806e0cf50"
			"27dd3d1c792f47e5ba8443a29cbeff15a726e3845ee7e60f",
	},
	{
		.cipher = "aes-256-gcm",
		.type = 0x6,
		.dir = 0x0,
		.epoch = 0x2,
		.counter = 0x4d,
		.eid = 0xa0b0c0d,
		.plain =
			"00000000",
		.bytes =
			"160200000000004d0a0b0c0d1fe34dfb13596026c37d07875f5ee703c779b44a",
	},
};

#endif /* _IPCP_KUNIT_VECTORS_H */
