#ifndef CDIRECTKEYS_H
#define CDIRECTKEYS_H

struct bio_st;
struct evp_pkey_st;

/// From here on, calls of `d2i_PUBKEY_bio` in this thread may read ordinary RSA keys directly.
void plumbline_direct_keys_begin(void);

/// Ends what `plumbline_direct_keys_begin` began and says how many keys were read directly; 0 as
/// well when libopendkim's calls do not reach this module, which changes nothing but the speed.
unsigned plumbline_direct_keys_end(void);

/// The direct reader by itself: `d2i_PUBKEY_bio` for ordinary RSA keys; for anything else NULL, with
/// source, key and error queue left as they were. The same octets can give the same key again, with
/// one more reference: it is not to be changed.
struct evp_pkey_st *plumbline_direct_key(struct bio_st *source, struct evp_pkey_st **key);

/// libcrypto's own `d2i_PUBKEY_bio`.
struct evp_pkey_st *plumbline_libcrypto_key(struct bio_st *source, struct evp_pkey_st **key);

#endif
