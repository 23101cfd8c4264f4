// SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause)
/* Do not edit directly, auto-generated from: */
/*	Documentation/netlink/specs/ipcp_rekey.yaml */
/* YNL-GEN kernel source */
/* To regenerate run: Documentation/netlink/regen */

#include <net/netlink.h>
#include <net/genetlink.h>

#include "netlink-gen.h"

#include <uapi/linux/ipcp_rekey_netlink.h>

/* Integer value ranges */
static const struct netlink_range_validation ipcp_rekey_a_flow_packets_per_leaf_range = {
	.min	= 64ULL,
	.max	= 1048576ULL,
};

static const struct netlink_range_validation ipcp_rekey_a_flow_grace_range = {
	.min	= 10ULL,
	.max	= 600000ULL,
};

static const struct netlink_range_validation ipcp_rekey_a_flow_linger_range = {
	.min	= 10ULL,
	.max	= 600000ULL,
};

static const struct netlink_range_validation ipcp_rekey_a_flow_retry_after_range = {
	.max	= 600000ULL,
};

/* Sparse enums validation callbacks */
static int
ipcp_rekey_a_flow_cipher_validate(const struct nlattr *attr,
				  struct netlink_ext_ack *extack)
{
	switch (nla_get_u32(attr)) {
	case IPCP_REKEY_CIPHER_NONE:
		fallthrough;
	case IPCP_REKEY_CIPHER_AES_128_GCM:
		fallthrough;
	case IPCP_REKEY_CIPHER_AES_256_GCM:
		fallthrough;
	case IPCP_REKEY_CIPHER_CHACHA20_POLY1305:
		return 0;
	}
	NL_SET_ERR_MSG_ATTR(extack, attr, "invalid enum value");
	return -EINVAL;
}

/* Common nested types */
const struct nla_policy ipcp_rekey_qos_nl_policy[IPCP_REKEY_A_QOS_TIMEOUT + 1] = {
	[IPCP_REKEY_A_QOS_DELAY] = { .type = NLA_U32, },
	[IPCP_REKEY_A_QOS_BANDWIDTH] = { .type = NLA_U64, },
	[IPCP_REKEY_A_QOS_AVAILABILITY] = { .type = NLA_U32, },
	[IPCP_REKEY_A_QOS_LOSS] = { .type = NLA_U32, },
	[IPCP_REKEY_A_QOS_BER] = { .type = NLA_U32, },
	[IPCP_REKEY_A_QOS_IN_ORDER] = { .type = NLA_U32, },
	[IPCP_REKEY_A_QOS_MAX_GAP] = { .type = NLA_U32, },
	[IPCP_REKEY_A_QOS_TIMEOUT] = { .type = NLA_U32, },
};

/* IPCP_REKEY_CMD_AGENT_SET - do */
static const struct nla_policy ipcp_rekey_agent_set_nl_policy[IPCP_REKEY_A_AGENT_SOURCE_PORTS + 1] = {
	[IPCP_REKEY_A_AGENT_PORT] = { .type = NLA_U16, },
	[IPCP_REKEY_A_AGENT_MARK] = { .type = NLA_U32, },
	[IPCP_REKEY_A_AGENT_SOURCE_PORTS] = NLA_POLICY_MAX(NLA_U32, 8),
};

/* IPCP_REKEY_CMD_UPCALL_DONE - do */
static const struct nla_policy ipcp_rekey_upcall_done_nl_policy[IPCP_REKEY_A_UPCALL_REASON + 1] = {
	[IPCP_REKEY_A_UPCALL_ID] = { .type = NLA_U64, },
	[IPCP_REKEY_A_UPCALL_ERROR] = { .type = NLA_U32, },
	[IPCP_REKEY_A_UPCALL_REASON] = { .type = NLA_NUL_STRING, .len = IPCP_REKEY_REASON_MAX, },
};

/* IPCP_REKEY_CMD_FLOW_GET - do */
static const struct nla_policy ipcp_rekey_flow_get_nl_policy[IPCP_REKEY_A_FLOW_EID + 1] = {
	[IPCP_REKEY_A_FLOW_ID] = NLA_POLICY_MIN(NLA_U32, 1),
	[IPCP_REKEY_A_FLOW_EID] = { .type = NLA_U32, },
};

/* IPCP_REKEY_CMD_FLOW_NEW - do */
static const struct nla_policy ipcp_rekey_flow_new_nl_policy[IPCP_REKEY_A_FLOW_PROVIDER + 1] = {
	[IPCP_REKEY_A_FLOW_NAME] = { .type = NLA_NUL_STRING, .len = IPCP_REKEY_NAME_MAX, },
	[IPCP_REKEY_A_FLOW_PEER] = NLA_POLICY_MIN_LEN(IPCP_REKEY_ENDPOINT_MIN),
	[IPCP_REKEY_A_FLOW_PEER_EID] = NLA_POLICY_MIN(NLA_U32, 1),
	[IPCP_REKEY_A_FLOW_QOS] = NLA_POLICY_NESTED(ipcp_rekey_qos_nl_policy),
	[IPCP_REKEY_A_FLOW_LOCAL] = NLA_POLICY_MAX_LEN(16),
	[IPCP_REKEY_A_FLOW_SOCKET] = { .type = NLA_U32, },
	[IPCP_REKEY_A_FLOW_PROVIDER] = NLA_POLICY_MIN(NLA_U32, 1),
};

/* IPCP_REKEY_CMD_FLOW_ALLOCATE - do */
static const struct nla_policy ipcp_rekey_flow_allocate_nl_policy[IPCP_REKEY_A_FLOW_PROVIDER + 1] = {
	[IPCP_REKEY_A_FLOW_ID] = NLA_POLICY_MIN(NLA_U32, 1),
	[IPCP_REKEY_A_FLOW_PEER] = NLA_POLICY_MIN_LEN(IPCP_REKEY_ENDPOINT_MIN),
	[IPCP_REKEY_A_FLOW_PEER_EID] = NLA_POLICY_MIN(NLA_U32, 1),
	[IPCP_REKEY_A_FLOW_CIPHER] = NLA_POLICY_VALIDATE_FN(NLA_U32, &ipcp_rekey_a_flow_cipher_validate),
	[IPCP_REKEY_A_FLOW_SEED] = NLA_POLICY_EXACT_LEN(IPCP_REKEY_SEED_LEN),
	[IPCP_REKEY_A_FLOW_EPOCH] = { .type = NLA_U8, },
	[IPCP_REKEY_A_FLOW_EXCHANGE] = { .type = NLA_U32, },
	[IPCP_REKEY_A_FLOW_GENERATION] = { .type = NLA_U32, },
	[IPCP_REKEY_A_FLOW_RECOVERABLE] = NLA_POLICY_MAX(NLA_U32, 1),
	[IPCP_REKEY_A_FLOW_PACKETS_PER_LEAF] = NLA_POLICY_FULL_RANGE(NLA_U32, &ipcp_rekey_a_flow_packets_per_leaf_range),
	[IPCP_REKEY_A_FLOW_PEER_TIMEOUT] = { .type = NLA_U32, },
	[IPCP_REKEY_A_FLOW_GRACE] = NLA_POLICY_FULL_RANGE(NLA_U32, &ipcp_rekey_a_flow_grace_range),
	[IPCP_REKEY_A_FLOW_LINGER] = NLA_POLICY_FULL_RANGE(NLA_U32, &ipcp_rekey_a_flow_linger_range),
	[IPCP_REKEY_A_FLOW_MAX_EPOCH_AGE] = { .type = NLA_U32, },
	[IPCP_REKEY_A_FLOW_BLOB] = NLA_POLICY_MAX_LEN(IPCP_REKEY_BLOB_MAX),
	[IPCP_REKEY_A_FLOW_LOCAL] = NLA_POLICY_MAX_LEN(16),
	[IPCP_REKEY_A_FLOW_PEER_NAME] = { .type = NLA_NUL_STRING, .len = IPCP_REKEY_NAME_MAX, },
	[IPCP_REKEY_A_FLOW_AUTHENTICATED] = NLA_POLICY_MAX(NLA_U32, 1),
	[IPCP_REKEY_A_FLOW_PROVIDER] = NLA_POLICY_MIN(NLA_U32, 1),
};

/* IPCP_REKEY_CMD_FLOW_SET - do */
static const struct nla_policy ipcp_rekey_flow_set_nl_policy[IPCP_REKEY_A_FLOW_BLOB + 1] = {
	[IPCP_REKEY_A_FLOW_ID] = NLA_POLICY_MIN(NLA_U32, 1),
	[IPCP_REKEY_A_FLOW_PACKETS_PER_LEAF] = NLA_POLICY_FULL_RANGE(NLA_U32, &ipcp_rekey_a_flow_packets_per_leaf_range),
	[IPCP_REKEY_A_FLOW_PEER_TIMEOUT] = { .type = NLA_U32, },
	[IPCP_REKEY_A_FLOW_GRACE] = NLA_POLICY_FULL_RANGE(NLA_U32, &ipcp_rekey_a_flow_grace_range),
	[IPCP_REKEY_A_FLOW_LINGER] = NLA_POLICY_FULL_RANGE(NLA_U32, &ipcp_rekey_a_flow_linger_range),
	[IPCP_REKEY_A_FLOW_MAX_EPOCH_AGE] = { .type = NLA_U32, },
	[IPCP_REKEY_A_FLOW_BLOB] = NLA_POLICY_MAX_LEN(IPCP_REKEY_BLOB_MAX),
};

/* IPCP_REKEY_CMD_FLOW_DEL - do */
static const struct nla_policy ipcp_rekey_flow_del_nl_policy[IPCP_REKEY_A_FLOW_REASON + 1] = {
	[IPCP_REKEY_A_FLOW_ID] = NLA_POLICY_MIN(NLA_U32, 1),
	[IPCP_REKEY_A_FLOW_ERROR] = { .type = NLA_U32, },
	[IPCP_REKEY_A_FLOW_REASON] = { .type = NLA_NUL_STRING, .len = IPCP_REKEY_REASON_MAX, },
};

/* IPCP_REKEY_CMD_REKEY_CLAIM - do */
static const struct nla_policy ipcp_rekey_rekey_claim_nl_policy[IPCP_REKEY_A_CLAIM_EXCHANGE + 1] = {
	[IPCP_REKEY_A_CLAIM_LIMIT] = NLA_POLICY_RANGE(NLA_U32, 1, IPCP_REKEY_CLAIM_MAX),
	[IPCP_REKEY_A_CLAIM_MIN_AGE] = { .type = NLA_U64, },
	[IPCP_REKEY_A_CLAIM_ID] = { .type = NLA_U32, },
	[IPCP_REKEY_A_CLAIM_FRESH] = { .type = NLA_FLAG, },
	[IPCP_REKEY_A_CLAIM_EPOCH] = { .type = NLA_U8, },
	[IPCP_REKEY_A_CLAIM_EXCHANGE] = { .type = NLA_U32, },
};

/* IPCP_REKEY_CMD_REKEY_CLEAR - do */
static const struct nla_policy ipcp_rekey_rekey_clear_nl_policy[IPCP_REKEY_A_FLOW_RETRY_AFTER + 1] = {
	[IPCP_REKEY_A_FLOW_ID] = NLA_POLICY_MIN(NLA_U32, 1),
	[IPCP_REKEY_A_FLOW_EXCHANGE] = { .type = NLA_U32, },
	[IPCP_REKEY_A_FLOW_RETRY_AFTER] = NLA_POLICY_FULL_RANGE(NLA_U32, &ipcp_rekey_a_flow_retry_after_range),
};

/* IPCP_REKEY_CMD_SEED_SET - do */
static const struct nla_policy ipcp_rekey_seed_set_nl_policy[IPCP_REKEY_A_FLOW_GENERATION + 1] = {
	[IPCP_REKEY_A_FLOW_ID] = NLA_POLICY_MIN(NLA_U32, 1),
	[IPCP_REKEY_A_FLOW_SEED] = NLA_POLICY_EXACT_LEN(IPCP_REKEY_SEED_LEN),
	[IPCP_REKEY_A_FLOW_EPOCH] = { .type = NLA_U8, },
	[IPCP_REKEY_A_FLOW_EXCHANGE] = { .type = NLA_U32, },
	[IPCP_REKEY_A_FLOW_CHAIN] = NLA_POLICY_EXACT_LEN(IPCP_REKEY_CHAIN_ID_LEN),
	[IPCP_REKEY_A_FLOW_GENERATION] = { .type = NLA_U32, },
};

/* IPCP_REKEY_CMD_REKEY_ASK - do */
static const struct nla_policy ipcp_rekey_rekey_ask_nl_policy[IPCP_REKEY_A_FLOW_EXCHANGE + 1] = {
	[IPCP_REKEY_A_FLOW_ID] = NLA_POLICY_MIN(NLA_U32, 1),
	[IPCP_REKEY_A_FLOW_EXCHANGE] = { .type = NLA_U32, },
};

/* IPCP_REKEY_CMD_REKEY_REQUEST - do */
static const struct nla_policy ipcp_rekey_rekey_request_nl_policy[IPCP_REKEY_A_FLOW_ALL + 1] = {
	[IPCP_REKEY_A_FLOW_ID] = NLA_POLICY_MIN(NLA_U32, 1),
	[IPCP_REKEY_A_FLOW_ALL] = { .type = NLA_FLAG, },
};

/* IPCP_REKEY_CMD_CTRL_SEND - do */
static const struct nla_policy ipcp_rekey_ctrl_send_nl_policy[IPCP_REKEY_A_UPCALL_PROVIDER + 1] = {
	[IPCP_REKEY_A_UPCALL_PEER] = { .type = NLA_BINARY, },
	[IPCP_REKEY_A_UPCALL_PAYLOAD] = { .type = NLA_BINARY, },
	[IPCP_REKEY_A_UPCALL_LOCAL] = NLA_POLICY_MAX_LEN(16),
	[IPCP_REKEY_A_UPCALL_SOCKET] = { .type = NLA_U32, },
	[IPCP_REKEY_A_UPCALL_PROVIDER] = NLA_POLICY_MIN(NLA_U32, 1),
};

/* IPCP_REKEY_CMD_SEALED_SEND - do */
static const struct nla_policy ipcp_rekey_sealed_send_nl_policy[IPCP_REKEY_A_FLOW_PAYLOAD + 1] = {
	[IPCP_REKEY_A_FLOW_ID] = NLA_POLICY_MIN(NLA_U32, 1),
	[IPCP_REKEY_A_FLOW_PAYLOAD] = { .type = NLA_BINARY, },
};

/* IPCP_REKEY_CMD_FLOW_DIRECT - do */
static const struct nla_policy ipcp_rekey_flow_direct_nl_policy[IPCP_REKEY_A_FLOW_ID + 1] = {
	[IPCP_REKEY_A_FLOW_ID] = NLA_POLICY_MIN(NLA_U32, 1),
};

/* Ops table for ipcp_rekey */
const struct genl_split_ops ipcp_rekey_nl_ops[21] = {
	{
		.cmd	= IPCP_REKEY_CMD_INFO_GET,
		.doit	= ipcp_rekey_nl_info_get_doit,
		.flags	= GENL_CMD_CAP_DO,
	},
	{
		.cmd		= IPCP_REKEY_CMD_AGENT_SET,
		.doit		= ipcp_rekey_nl_agent_set_doit,
		.policy		= ipcp_rekey_agent_set_nl_policy,
		.maxattr	= IPCP_REKEY_A_AGENT_SOURCE_PORTS,
		.flags		= GENL_UNS_ADMIN_PERM | GENL_CMD_CAP_DO,
	},
	{
		.cmd	= IPCP_REKEY_CMD_UPCALL_GET,
		.doit	= ipcp_rekey_nl_upcall_get_doit,
		.flags	= GENL_UNS_ADMIN_PERM | GENL_CMD_CAP_DO,
	},
	{
		.cmd		= IPCP_REKEY_CMD_UPCALL_DONE,
		.doit		= ipcp_rekey_nl_upcall_done_doit,
		.policy		= ipcp_rekey_upcall_done_nl_policy,
		.maxattr	= IPCP_REKEY_A_UPCALL_REASON,
		.flags		= GENL_UNS_ADMIN_PERM | GENL_CMD_CAP_DO,
	},
	{
		.cmd		= IPCP_REKEY_CMD_FLOW_GET,
		.doit		= ipcp_rekey_nl_flow_get_doit,
		.policy		= ipcp_rekey_flow_get_nl_policy,
		.maxattr	= IPCP_REKEY_A_FLOW_EID,
		.flags		= GENL_UNS_ADMIN_PERM | GENL_CMD_CAP_DO,
	},
	{
		.cmd	= IPCP_REKEY_CMD_FLOW_GET,
		.dumpit	= ipcp_rekey_nl_flow_get_dumpit,
		.flags	= GENL_UNS_ADMIN_PERM | GENL_CMD_CAP_DUMP,
	},
	{
		.cmd		= IPCP_REKEY_CMD_FLOW_NEW,
		.doit		= ipcp_rekey_nl_flow_new_doit,
		.policy		= ipcp_rekey_flow_new_nl_policy,
		.maxattr	= IPCP_REKEY_A_FLOW_PROVIDER,
		.flags		= GENL_UNS_ADMIN_PERM | GENL_CMD_CAP_DO,
	},
	{
		.cmd		= IPCP_REKEY_CMD_FLOW_ALLOCATE,
		.doit		= ipcp_rekey_nl_flow_allocate_doit,
		.policy		= ipcp_rekey_flow_allocate_nl_policy,
		.maxattr	= IPCP_REKEY_A_FLOW_PROVIDER,
		.flags		= GENL_UNS_ADMIN_PERM | GENL_CMD_CAP_DO,
	},
	{
		.cmd		= IPCP_REKEY_CMD_FLOW_SET,
		.doit		= ipcp_rekey_nl_flow_set_doit,
		.policy		= ipcp_rekey_flow_set_nl_policy,
		.maxattr	= IPCP_REKEY_A_FLOW_BLOB,
		.flags		= GENL_UNS_ADMIN_PERM | GENL_CMD_CAP_DO,
	},
	{
		.cmd		= IPCP_REKEY_CMD_FLOW_DEL,
		.doit		= ipcp_rekey_nl_flow_del_doit,
		.policy		= ipcp_rekey_flow_del_nl_policy,
		.maxattr	= IPCP_REKEY_A_FLOW_REASON,
		.flags		= GENL_UNS_ADMIN_PERM | GENL_CMD_CAP_DO,
	},
	{
		.cmd	= IPCP_REKEY_CMD_NAME_GET,
		.dumpit	= ipcp_rekey_nl_name_get_dumpit,
		.flags	= GENL_UNS_ADMIN_PERM | GENL_CMD_CAP_DUMP,
	},
	{
		.cmd		= IPCP_REKEY_CMD_REKEY_CLAIM,
		.doit		= ipcp_rekey_nl_rekey_claim_doit,
		.policy		= ipcp_rekey_rekey_claim_nl_policy,
		.maxattr	= IPCP_REKEY_A_CLAIM_EXCHANGE,
		.flags		= GENL_UNS_ADMIN_PERM | GENL_CMD_CAP_DO,
	},
	{
		.cmd		= IPCP_REKEY_CMD_REKEY_CLEAR,
		.doit		= ipcp_rekey_nl_rekey_clear_doit,
		.policy		= ipcp_rekey_rekey_clear_nl_policy,
		.maxattr	= IPCP_REKEY_A_FLOW_RETRY_AFTER,
		.flags		= GENL_UNS_ADMIN_PERM | GENL_CMD_CAP_DO,
	},
	{
		.cmd		= IPCP_REKEY_CMD_SEED_SET,
		.doit		= ipcp_rekey_nl_seed_set_doit,
		.policy		= ipcp_rekey_seed_set_nl_policy,
		.maxattr	= IPCP_REKEY_A_FLOW_GENERATION,
		.flags		= GENL_UNS_ADMIN_PERM | GENL_CMD_CAP_DO,
	},
	{
		.cmd		= IPCP_REKEY_CMD_REKEY_ASK,
		.doit		= ipcp_rekey_nl_rekey_ask_doit,
		.policy		= ipcp_rekey_rekey_ask_nl_policy,
		.maxattr	= IPCP_REKEY_A_FLOW_EXCHANGE,
		.flags		= GENL_UNS_ADMIN_PERM | GENL_CMD_CAP_DO,
	},
	{
		.cmd		= IPCP_REKEY_CMD_REKEY_REQUEST,
		.doit		= ipcp_rekey_nl_rekey_request_doit,
		.policy		= ipcp_rekey_rekey_request_nl_policy,
		.maxattr	= IPCP_REKEY_A_FLOW_ALL,
		.flags		= GENL_UNS_ADMIN_PERM | GENL_CMD_CAP_DO,
	},
	{
		.cmd		= IPCP_REKEY_CMD_CTRL_SEND,
		.doit		= ipcp_rekey_nl_ctrl_send_doit,
		.policy		= ipcp_rekey_ctrl_send_nl_policy,
		.maxattr	= IPCP_REKEY_A_UPCALL_PROVIDER,
		.flags		= GENL_UNS_ADMIN_PERM | GENL_CMD_CAP_DO,
	},
	{
		.cmd		= IPCP_REKEY_CMD_SEALED_SEND,
		.doit		= ipcp_rekey_nl_sealed_send_doit,
		.policy		= ipcp_rekey_sealed_send_nl_policy,
		.maxattr	= IPCP_REKEY_A_FLOW_PAYLOAD,
		.flags		= GENL_UNS_ADMIN_PERM | GENL_CMD_CAP_DO,
	},
	{
		.cmd	= IPCP_REKEY_CMD_STATS_GET,
		.doit	= ipcp_rekey_nl_stats_get_doit,
		.flags	= GENL_UNS_ADMIN_PERM | GENL_CMD_CAP_DO,
	},
	{
		.cmd		= IPCP_REKEY_CMD_FLOW_DIRECT,
		.doit		= ipcp_rekey_nl_flow_direct_doit,
		.policy		= ipcp_rekey_flow_direct_nl_policy,
		.maxattr	= IPCP_REKEY_A_FLOW_ID,
		.flags		= GENL_UNS_ADMIN_PERM | GENL_CMD_CAP_DO,
	},
	{
		.cmd	= IPCP_REKEY_CMD_USER_GET,
		.dumpit	= ipcp_rekey_nl_user_get_dumpit,
		.flags	= GENL_UNS_ADMIN_PERM | GENL_CMD_CAP_DUMP,
	},
};
