#ifndef COPENSSL_SHIM_H
#define COPENSSL_SHIM_H

// d2i_RSA_PUBKEY is called deprecated; what replaces it takes a hundred times as long.
#define OPENSSL_SUPPRESS_DEPRECATED

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#endif
