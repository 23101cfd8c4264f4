/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/* Declarations shared by the files of the library. */
#ifndef OAP_INT_H
#define OAP_INT_H

#include <time.h>

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "oap.h"
#include "wire.h"

/* A secret of the exchange. Never copied; oap_wipe_key() wipes it. */
struct oap_key {
	uint8_t b[OAP_KEY_LEN];
};

/* wipe.c */
void oap_wipe_traces(void);
void oap_wipe_key(struct oap_key *key);

/* err.c */
enum oap_code oap_err_set(struct oap_err *err, enum oap_code code,
			  const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
const char *oap_err_why(void);

/* nid.c: tables of digests and key exchanges */
enum oap_kex_kind {
	OAP_KEX_EC,		/* group of "EC" */
	OAP_KEX_X,		/* X25519, X448 */
	OAP_KEX_DH,		/* group of "DH" */
	OAP_KEX_KEM,		/* ML-KEM, public key as SPKI */
	OAP_KEX_HYBRID,		/* public key raw */
};

struct oap_kex {
	uint16_t nid;
	enum oap_kex_kind kind;
	const char *name;	/* as in OpenSSL and in enc.conf */
	uint16_t raw_len;	/* length of a hybrid public key */
};

/* Strength: 1 is the weakest, 0 means none, -1 unknown. */
int oap_nid_digest_rank(uint16_t nid);
bool oap_nid_kex_in(const struct oap_kex *kex, const char *list);
int oap_nid_kex_rank(const struct oap_kex *kex);

uint16_t oap_nid_digest_by_name(const char *name);	/* 0: unknown */
bool oap_nid_digest_known(uint16_t nid);
const EVP_MD *oap_nid_digest(uint16_t nid);
size_t oap_nid_digest_len(uint16_t nid);

const struct oap_kex *oap_nid_kex_by_name(const char *name);
const struct oap_kex *oap_nid_kex_by_nid(uint16_t nid);
const struct oap_kex *oap_nid_kex_by_raw_len(size_t len);
enum oap_code oap_nid_kex_min(uint16_t nid, const struct oap_kex **min,
			      struct oap_err *err);
bool oap_nid_kex_is_kem(const struct oap_kex *kex);

/* conf.c: enc.conf of a name */
struct oap_conf {
	const struct oap_kex *kex;	/* NULL: no encryption */
	bool client_encap;		/* KEM only */
	uint16_t cipher;
	uint16_t kdf;
	uint16_t md;
};

enum oap_code oap_conf_load(struct oap_conf *conf, const char *path,
			    bool server, struct oap_err *err);

/* crt.c: names of a certificate */
enum oap_code oap_crt_name(X509 *crt, const char *want, char *name,
			   struct oap_err *err);
enum oap_code oap_crt_constraints(const STACK_OF(X509) *chain,
				  struct oap_err *err);

/* store.c: trusted certificates, and the files of the lists */
struct oap_store {
	X509_STORE *roots;
	STACK_OF(X509) *untrusted;
	struct oap_list *lists;
};

typedef void (*oap_fail_fn)(void *arg, const struct oap_err *err);

enum oap_code oap_store_certs(struct oap_store *store, const char *dir,
			      struct oap_err *err);
bool oap_store_lists(struct oap_store *store, const char *dir, time_t now,
		     oap_fail_fn fail, void *arg);
enum oap_code oap_store_load(struct oap_store *store, const char *dir,
			     time_t now, struct oap_err *err);
bool oap_store_empty(const struct oap_store *store);
void oap_store_free(struct oap_store *store);

/* auth.c: certificates, signatures */
struct oap_verify {
	const struct oap_store *store;
	enum oap_role role;	/* role of the certificate's owner */
	time_t now;		/* seconds since 1970 */
	bool early;		/* accept a certificate that is not valid yet */
	bool need_lists;	/* require a current list of every CA */
};

/* crl.c: a revocation list */
struct oap_list;

enum oap_issuer {
	OAP_ISSUER_UNKNOWN,
	OAP_ISSUER_ANOTHER,	/* key differs, but not the name */
	OAP_ISSUER_KNOWN,
	OAP_ISSUER_NO_MEMORY,	/* not known, for lack of memory */
};

/* Certificates of its CA that a list covers. */
enum oap_scope {
	OAP_SCOPE_ALL,
	OAP_SCOPE_USERS,	/* all except CAs */
	OAP_SCOPE_CAS,
	OAP_SCOPE_SOME,
};

#define OAP_CA_LEN	64

const char *oap_crl_name(const X509_NAME *name, char *buf, size_t len);
const char *oap_crl_unfit(X509_CRL *crl);
enum oap_scope oap_crl_scope(const X509_CRL *crl);
bool oap_crl_by_number(const X509_CRL *a, const X509_CRL *b);
bool oap_crl_newer(const X509_CRL *a, const X509_CRL *b);
enum oap_issuer oap_crl_signer(const struct oap_store *store, X509_CRL *crl,
			       EVP_PKEY **key);
bool oap_crl_is_of(const struct oap_list *l, const X509 *ca);

/* crl-verify.c */
void oap_crl_lookup(struct oap_store *store);
void oap_crl_prepare(X509_STORE_CTX *ctx, const struct oap_verify *how,
		     bool ask);
enum oap_code oap_crl_refuse(X509_STORE_CTX *ctx, struct oap_err *err);

/* lists.c: the revocation lists in use */
enum oap_list_state {
	OAP_LIST_GOOD,
	OAP_LIST_UNUSED,	/* its CA is unknown */
	OAP_LIST_EARLY,		/* not valid yet, nor is any other */
	OAP_LIST_EXPIRED,
};

struct oap_list {
	struct oap_list *next;
	X509_CRL *crl;
	EVP_PKEY *key;		/* key of the signer; NULL: unknown */
	bool idle;		/* kept, although its CA is gone */
	enum oap_list_state told;	/* last reported state */
	bool told_need;		/* a report said that the list blocks peers */
};

bool oap_lists_add(struct oap_store *store, X509_CRL *crl, time_t now,
		   enum oap_issuer *issuer);
bool oap_list_counts(const struct oap_list *lists, const struct oap_list *l,
		     time_t now);
enum oap_list_state oap_list_state(const struct oap_list *lists,
				   const struct oap_list *l, time_t now);
void oap_lists_inherit(struct oap_list *lists, const struct oap_list *old);
bool oap_lists_keep(struct oap_store *store, struct oap_list **old, bool quiet,
		    time_t now, oap_fail_fn fail, void *arg);
time_t oap_lists_report(struct oap_list *lists, time_t now, bool need,
			oap_check_fn report, void *arg);
void oap_lists_free(struct oap_list **lists);

struct oap_creds {
	X509 *crt;		/* NULL: none */
	EVP_PKEY *key;
	uint8_t *der;
	int der_len;
	bool more;		/* the file has others after @crt */
};

/* Warning for a path: only the first certificate of a file is sent. */
#define OAP_MORE_CERTS	"%s has more than one certificate, and only the first is sent: put the others into untrusted/ of the peers"

enum oap_code oap_auth_creds_load(struct oap_creds *creds, const char *dir,
				  struct oap_err *err);
void oap_auth_creds_free(struct oap_creds *creds);
const char *oap_auth_lacks(X509 *crt, enum oap_role role);
enum oap_code oap_auth_useful(const struct oap_creds *creds, const char *name,
			      time_t now, struct oap_err *err);
enum oap_code oap_auth_sign(const struct oap_creds *creds, uint16_t md,
			    struct oap_msg *msg, struct oap_err *err);
enum oap_code oap_auth_peer(const struct oap_verify *how,
			    const struct oap_params *params,
			    const struct oap_hdr *hdr, struct oap_identity *id,
			    struct oap_err *err);
enum oap_code oap_auth_name(const struct oap_hdr *hdr, const char *want,
			    struct oap_identity *id, struct oap_err *err);

/* creds.c: certificates and keys of this host, in memory */
struct oap_kept;

enum oap_code oap_creds_path(const struct oap_env *env, bool server,
			     const char *name, const char *file, char *path,
			     size_t len, struct oap_err *err);
enum oap_code oap_creds_get(struct oap_env *env, bool server, const char *name,
			    struct oap_creds *creds, struct oap_err *err);
bool oap_creds_kept(const struct oap_env *env, bool server, const char *name);
bool oap_creds_renew(struct oap_env *env, oap_check_fn report, void *arg);
void oap_creds_close(struct oap_env *env);

/* secret.c: files that contain keys */
struct oap_secret {
	uint8_t *p;		/* in the secure heap */
	size_t len;
};

int oap_secret_no_passphrase(char *buf, int size, int rwflag, void *arg);
enum oap_code oap_secret_read(struct oap_secret *secret, const char *path,
			      enum oap_code code, struct oap_err *err);
void oap_secret_free(struct oap_secret *secret);
enum oap_code oap_secret_pem(const char *path, enum oap_code code,
			     EVP_PKEY **key, struct oap_err *err);

/* kex.c: key exchange */
enum oap_code oap_kex_new(const struct oap_kex *kex, EVP_PKEY **own,
			  struct oap_buf *pub, struct oap_err *err);
const struct oap_kex *oap_kex_peek(const struct oap_hdr *hdr);
enum oap_code oap_kex_infer(const struct oap_hdr *hdr,
			    const struct oap_kex **kex, EVP_PKEY **peer,
			    struct oap_err *err);
enum oap_code oap_kex_dhe(EVP_PKEY *own, EVP_PKEY *peer,
			  const struct oap_buf *a, const struct oap_buf *b,
			  uint16_t kdf, struct oap_key *key,
			  struct oap_err *err);
enum oap_code oap_kex_encap(EVP_PKEY *peer, const struct oap_buf *pub,
			    uint16_t kdf, struct oap_buf *ct,
			    struct oap_key *key, struct oap_err *err);
enum oap_code oap_kex_decap(EVP_PKEY *own, const struct oap_buf *pub,
			    const struct oap_buf *ct, uint16_t kdf,
			    struct oap_key *key, struct oap_err *err);

enum oap_code oap_kex_public(const struct oap_kex *kex, EVP_PKEY *key,
			     struct oap_buf *pub, struct oap_err *err);
const struct oap_kex *oap_kex_of(EVP_PKEY *key);

/* kexfile.c: the static key of a KEM whose client encapsulates */
enum oap_code oap_kexfile_private(const struct oap_kex *kex, const char *dir,
				  EVP_PKEY **key, struct oap_err *err);
enum oap_code oap_kexfile_public(const struct oap_kex *kex, const char *dir,
				 EVP_PKEY **key, struct oap_err *err);

/* kdf.c */
bool oap_kdf_hkdf(const EVP_MD *md, const uint8_t *ikm, size_t ikm_len,
		  const uint8_t *salt, size_t salt_len, const char *info,
		  struct oap_key *key);
bool oap_kdf_root(const struct oap_key *key, uint8_t epoch,
		  uint16_t cipher, const uint8_t req_hash[32],
		  const uint8_t rsp_hash[32], uint8_t *seed);

/* replay.c: requests seen before */
struct oap_replay;

uint64_t oap_replay_clock(void);
struct oap_replay *oap_replay_new(uint32_t max, uint64_t keep_ns, bool evict);
void oap_replay_keep(struct oap_replay *replay, uint64_t keep_ns);
void oap_replay_free(struct oap_replay *replay);
enum oap_code oap_replay_add(struct oap_replay *replay, const uint8_t *id,
			     const char *sender, uint64_t time,
			     struct oap_err *err);

/* env.c */
struct oap_env {
	char *dir;
	uint64_t max_age;	/* nanoseconds, as below */
	uint64_t slack;
	uint64_t oldest;	/* accept none from before, ns since 1970 */
	uint64_t oldest_until;	/* end of that by oap_replay_clock() */
	uint64_t (*now)(void *arg);
	void *now_arg;
	bool need_lists;	/* crl = required */
	struct oap_store store;
	struct oap_kept *kept;		/* certificates and keys of this host */
	unsigned int nkept;
	struct oap_replay *known;	/* authentic; refuses when full */
	struct oap_replay *unknown;	/* others; evicts when full */
};

uint64_t oap_env_now(const struct oap_env *env);
enum oap_code oap_env_fresh(struct oap_env *env, const struct oap_hdr *hdr,
			    const struct oap_params *params,
			    const struct oap_identity *peer,
			    struct oap_err *err);

/* run.c: an exchange, on either side */
struct oap_run {
	struct oap_env *env;
	struct oap_conf conf;
	char name[OAP_NAME_MAX + 1];	/* initiator: the destination */
	EVP_PKEY *own;			/* ephemeral */
	struct oap_buf own_pub;		/* public key or ciphertext sent */
	uint8_t id[OAP_ID_LEN];
	uint16_t req_md;		/* digest named in the request */
	uint16_t cipher;
	uint16_t kdf;
	const struct oap_kex *kex;	/* that gave the key */
	bool client_encap;		/* initiator: the key exists already */
	bool has_key;			/* complete, with a key */
	bool is_signed;			/* the message of this side is signed */
	struct oap_msg out;		/* message of this side */
	struct oap_msg in;		/* message of the peer */
	struct oap_hdr hdr;		/* points into @in */
	struct oap_identity peer;
	uint8_t req_hash[32];		/* SHA-256, for the root seed */
	uint8_t rsp_hash[32];
	struct oap_key *key;		/* in the secure heap */
};

struct oap_run *oap_run_new(struct oap_env *env, struct oap_err *err);
enum oap_code oap_run_load(struct oap_run *run, bool server, const char *name,
			   struct oap_creds *creds, struct oap_err *err);
enum oap_code oap_run_seal(struct oap_run *run, struct oap_hdr *hdr,
			   const struct oap_creds *creds, struct oap_err *err);
enum oap_code oap_run_keep(struct oap_msg *msg, const uint8_t *p, size_t len,
			   struct oap_err *err);
enum oap_code oap_run_sha256(const struct oap_msg *msg, uint8_t *out,
			     struct oap_err *err);
enum oap_code oap_run_hash(const struct oap_msg *msg, uint16_t md,
			   uint8_t *out, struct oap_err *err);

#endif /* OAP_INT_H */
