#ifndef CSPF2_SHIM_H
#define CSPF2_SHIM_H

// libspf2's headers do not include what they use; these four come first.
#include <stddef.h>
#include <sys/types.h>
#include <netinet/in.h>
#include <arpa/nameser.h>
#include <netdb.h>
#include <spf2/spf.h>

#endif
