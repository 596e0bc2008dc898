// Reads the RSA keys of DKIM signatures without OpenSSL's decoders.
//
// For each RSA signature libopendkim calls d2i_PUBKEY_bio(). In OpenSSL 3.0 that goes through a
// chain of decoders that takes several times as long as verifying the signature, and that slows down
// so much with two threads at once that a second processor does not help. Reading the same key with
// d2i_RSAPublicKey() takes a hundredth of it. libopendkim has no setting for this.
//
// libopendkim.so calls d2i_PUBKEY_bio() through its procedure linkage table, and ELF symbol lookup
// searches the executable before any shared library: the definition below, linked into the
// executable, is the one that is called. The linker exports the symbol without being asked because
// shared libraries that it links, libopendkim.so and libcrypto.so, use and define it; this holds as
// well with a statically linked Swift runtime, with --gc-sections and in a stripped program.
// Should it ever not hold, libopendkim calls libcrypto as always, and nothing but the speed differs.
//
// The rule is that nobody can tell the difference by a result:
// - Only between plumbline_direct_keys_begin() and plumbline_direct_keys_end(), and only in the
//   thread that called them, is anything read here. All other calls in the process go through.
// - Only a key of the most ordinary form is read here: a SubjectPublicKeyInfo (RFC 5280 section
//   4.1.2.7) in strict DER with nothing behind it, algorithm rsaEncryption with NULL parameters, an
//   odd modulus of at least 512 bits, an odd exponent beyond 1 of at most 64. Such a key libcrypto
//   takes, too. What libcrypto would refuse, treat in a way of its own or read more liberally is not
//   ours to know: it gets every other input, untouched, with its errors and its place in the source.
// - The source must be a buffer in memory of which nothing was read yet, since only that can be
//   looked at without reading it.
//
// A key that was read before is not read again: the few that sign most of the mail are kept, and
// with them what libcrypto computes at the first verification (the Montgomery form of the modulus,
// which takes a quarter of a verification). A key is found by all of its octets, never by a part.
//
// What the caller gets differs in one way: the key is not yet in a provider. libcrypto moves it there
// when an operation needs it; the RSA_verify() that libopendkim uses never does, and wants it back
// from there otherwise.

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
// EVP_PKEY_assign_RSA() and d2i_RSAPublicKey() are marked as outdated from 3.0 on.
#define OPENSSL_SUPPRESS_DEPRECATED

#include "CDirectKeys.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

// Octets of input. libopendkim cuts key records at 1,024 characters of base64 and the rest.
enum { LONGEST_INPUT = 1024 };

// Octets of integers.
enum { SHORTEST_MODULUS = 64, LONGEST_EXPONENT = 8 };

// MARK: DER

/// A piece of the input.
struct octets {
  const unsigned char *start;
  size_t count;
};

/// Takes one element from the front of `input`; false when there is none with this tag, or its
/// length is not in the one form that DER allows.
static bool take(struct octets *input, unsigned char tag, struct octets *contents) {
  struct octets rest = *input;
  if (rest.count < 2 || rest.start[0] != tag) return false;
  size_t length = rest.start[1];
  rest.start += 2;
  rest.count -= 2;
  if (length >= 0x80) {
    // No input is so long that its length needs more than two octets.
    const size_t digits = length - 0x80;
    if (digits < 1 || digits > 2 || rest.count < digits) return false;
    length = digits == 1 ? rest.start[0] : (size_t)rest.start[0] << 8 | rest.start[1];
    if (length < (digits == 1 ? 0x80 : 0x100)) return false;
    rest.start += digits;
    rest.count -= digits;
  }
  if (rest.count < length) return false;
  contents->start = rest.start;
  contents->count = length;
  input->start = rest.start + length;
  input->count = rest.count - length;
  return true;
}

/// Takes an odd positive INTEGER from the front of `input`; `magnitude` is without the octet of zero
/// that may be needed for the sign, and false is returned for one that is not needed.
static bool take_odd(struct octets *input, struct octets *magnitude) {
  if (!take(input, 0x02, magnitude) || magnitude->count == 0) return false;
  if (magnitude->start[0] == 0) {
    magnitude->start += 1;
    magnitude->count -= 1;
    if (magnitude->count == 0 || magnitude->start[0] < 0x80) return false;
  } else if (magnitude->start[0] >= 0x80) {
    return false;
  }
  return magnitude->start[magnitude->count - 1] & 1;
}

/// Whether `input` is an ordinary RSA key and nothing else; `rsa_key` is then the RSAPublicKey (RFC
/// 8017 appendix A.1.1) in it.
static bool is_ordinary(struct octets input, struct octets *rsa_key) {
  // AlgorithmIdentifier { 1.2.840.113549.1.1.1, NULL }.
  static const unsigned char algorithm[] = {
      0x30, 0x0D, 0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01, 0x05, 0x00,
  };
  struct octets info, bits, numbers, modulus, exponent;
  if (!take(&input, 0x30, &info) || input.count != 0) return false;
  if (info.count < sizeof algorithm) return false;
  if (memcmp(info.start, algorithm, sizeof algorithm) != 0) return false;
  info.start += sizeof algorithm;
  info.count -= sizeof algorithm;
  if (!take(&info, 0x03, &bits) || info.count != 0) return false;
  // The first octet of a BIT STRING counts the unused bits of its last one.
  if (bits.count < 1 || bits.start[0] != 0) return false;
  bits.start += 1;
  bits.count -= 1;
  *rsa_key = bits;
  if (!take(&bits, 0x30, &numbers) || bits.count != 0) return false;
  if (!take_odd(&numbers, &modulus) || !take_odd(&numbers, &exponent)) return false;
  if (numbers.count != 0) return false;
  return modulus.count >= SHORTEST_MODULUS && exponent.count <= LONGEST_EXPONENT &&
         !(exponent.count == 1 && exponent.start[0] == 1);
}

// MARK: Keys

/// Everything that is to be read from `source`, without reading it; false when that cannot be said.
static bool peek(BIO *source, struct octets *input) {
  if (source == NULL || BIO_method_type(source) != BIO_TYPE_MEM) return false;
  // Versions of libcrypto differ in what they show of a buffer that was read from, and a callback
  // could see that one call of BIO_read() takes the place of several.
  if (BIO_number_read(source) != 0 || BIO_tell(source) != 0) return false;
  if (BIO_get_callback_ex(source) != NULL) return false;
  char *start = NULL;
  const long count = BIO_get_mem_data(source, &start);
  if (start == NULL || count <= 0 || count > LONGEST_INPUT) return false;
  input->start = (const unsigned char *)start;
  input->count = (size_t)count;
  return true;
}

/// Makes a key; NULL, and nothing in the error queue, when memory is short.
static EVP_PKEY *make_key(struct octets rsa_key) {
  ERR_set_mark();
  const unsigned char *position = rsa_key.start;
  RSA *rsa = d2i_RSAPublicKey(NULL, &position, (long)rsa_key.count);
  EVP_PKEY *key = rsa == NULL ? NULL : EVP_PKEY_new();
  if (key != NULL && EVP_PKEY_assign_RSA(key, rsa) == 1) {
    ERR_clear_last_mark();
    return key;
  }
  EVP_PKEY_free(key);
  RSA_free(rsa);
  ERR_pop_to_mark();
  return NULL;
}

// MARK: Keys that were read before

// Places; each is taken by the last key that belongs there.
enum { KEPT_KEYS = 256 };

struct kept_key {
  EVP_PKEY *key;
  size_t count;
  unsigned char input[];
};

static struct kept_key *kept_keys[KEPT_KEYS];
static pthread_mutex_t kept_keys_lock = PTHREAD_MUTEX_INITIALIZER;

/// Where a key belongs: FNV-1a, 32 bits.
static size_t place(struct octets input) {
  unsigned hash = 2166136261u;
  for (size_t index = 0; index < input.count; index += 1) {
    hash = (hash ^ input.start[index]) * 16777619u;
  }
  return hash % KEPT_KEYS;
}

/// The key that was made from the same octets, for the caller to free; NULL when there is none.
static EVP_PKEY *find_key(struct octets input, size_t place) {
  EVP_PKEY *found = NULL;
  pthread_mutex_lock(&kept_keys_lock);
  const struct kept_key *kept = kept_keys[place];
  if (kept != NULL && kept->count == input.count &&
      memcmp(kept->input, input.start, input.count) == 0 && EVP_PKEY_up_ref(kept->key) == 1) {
    found = kept->key;
  }
  pthread_mutex_unlock(&kept_keys_lock);
  return found;
}

/// Keeps a key for the next time; does nothing when memory is short.
static void keep_key(EVP_PKEY *key, struct octets input, size_t place) {
  struct kept_key *new = malloc(sizeof *new + input.count);
  if (new == NULL) return;
  if (EVP_PKEY_up_ref(key) != 1) {
    free(new);
    return;
  }
  new->key = key;
  new->count = input.count;
  memcpy(new->input, input.start, input.count);
  pthread_mutex_lock(&kept_keys_lock);
  struct kept_key *old = kept_keys[place];
  kept_keys[place] = new;
  pthread_mutex_unlock(&kept_keys_lock);
  if (old == NULL) return;
  // Whoever verifies with it at this moment has a reference of his own.
  EVP_PKEY_free(old->key);
  free(old);
}

/// A key from its SubjectPublicKeyInfo, for the caller to free; NULL when memory is short.
static EVP_PKEY *key_of(struct octets input, struct octets rsa_key) {
  const size_t its_place = place(input);
  EVP_PKEY *key = find_key(input, its_place);
  if (key != NULL) return key;
  key = make_key(rsa_key);
  if (key != NULL) keep_key(key, input, its_place);
  return key;
}

// MARK: The reader

EVP_PKEY *plumbline_direct_key(BIO *source, EVP_PKEY **key) {
  struct octets input, rsa_key;
  if (!peek(source, &input) || !is_ordinary(input, &rsa_key)) return NULL;
  EVP_PKEY *made = key_of(input, rsa_key);
  if (made == NULL) return NULL;
  // Reading it at last leaves the source as the original does. It cannot fail, a buffer in memory
  // gives what it showed; if it did, the original would now say what is wrong.
  unsigned char read[LONGEST_INPUT];
  if (BIO_read(source, read, (int)input.count) != (int)input.count) {
    EVP_PKEY_free(made);
    return NULL;
  }
  if (key != NULL) {
    EVP_PKEY_free(*key);
    *key = made;
  }
  return made;
}

// MARK: Interposition

typedef EVP_PKEY *d2i_function(BIO *, EVP_PKEY **);

static pthread_once_t original_once = PTHREAD_ONCE_INIT;
static d2i_function *original;

static void find_original(void) {
  original = (d2i_function *)dlsym(RTLD_NEXT, "d2i_PUBKEY_bio");
}

EVP_PKEY *plumbline_libcrypto_key(BIO *source, EVP_PKEY **key) {
  pthread_once(&original_once, find_original);
  // There is no program without it: this file needs libcrypto to be linked. NULL is "no key".
  return original == NULL ? NULL : original(source, key);
}

static _Thread_local bool is_direct;
static _Thread_local unsigned direct_count;

void plumbline_direct_keys_begin(void) {
  is_direct = true;
  direct_count = 0;
}

unsigned plumbline_direct_keys_end(void) {
  is_direct = false;
  return direct_count;
}

EVP_PKEY *d2i_PUBKEY_bio(BIO *source, EVP_PKEY **key) {
  if (is_direct) {
    EVP_PKEY *made = plumbline_direct_key(source, key);
    if (made != NULL) {
      direct_count += 1;
      return made;
    }
  }
  return plumbline_libcrypto_key(source, key);
}
